// Tables as the service writes them: commas, a head, quotes where they are needed.
export type Rows = Record<string, string>[];

export function csv(text: string): Rows {
  const cells: string[][] = [[]];
  let cell = '';
  let quoted = false;
  for (let place = 0; place < text.length; place++) {
    const sign = text[place]!;
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[place + 1] === '"') (cell += '"'), place++;
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ',' || sign === '\n') {
      cells.at(-1)!.push(cell);
      cell = '';
      if (sign === '\n') cells.push([]);
    } else if (sign !== '\r') cell += sign;
  }
  if (cell || cells.at(-1)!.length) cells.at(-1)!.push(cell);
  const [head = [], ...rows] = cells.filter((row) => row.length);
  return rows.map((row) => Object.fromEntries(head.map((name, column) => [name, row[column] ?? ''])));
}
