// The log of a watched film (JSON lines) as rows of spells: when each track was seen.
export interface Row { name: string; label: number; spans: [number, number][] }
interface Line { kind: string; seconds?: number; detections?: { track?: number | null; label?: string | number }[] }

const GAP = 2;

/** Rows by track, and the length of the film, s; frames of one track closer than 2 s make one spell. */
export function rowsOf(text: string): { rows: Row[]; length: number } {
  const rows = new Map<string, Row>();
  let length = 0;
  for (const line of text.split('\n')) {
    if (!line.trim()) continue;
    let said: Line;
    try {
      said = JSON.parse(line) as Line;
    } catch {
      continue; // a line cut short by the end of a process
    }
    if (said.kind !== 'frame' || said.seconds === undefined) continue;
    length = Math.max(length, said.seconds);
    for (const one of said.detections ?? []) {
      const label = one.label === 'smoke' || one.label === 1 ? 1 : 0;
      const name = `${label ? 'smoke' : 'flame'} ${one.track ?? ''}`.trim();
      const row = rows.get(name) ?? { name, label, spans: [] };
      const last = row.spans.at(-1);
      if (last && said.seconds - last[1] <= GAP) last[1] = said.seconds;
      else row.spans.push([said.seconds, said.seconds]);
      rows.set(name, row);
    }
  }
  return { rows: [...rows.values()], length };
}

export const clock = (seconds: number): string => {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (parts[0] ? parts : parts.slice(1)).map((one, place) => (place ? String(one).padStart(2, '0') : String(one))).join(':');
};
