// Class colours that colour-blind people can tell apart (Okabe and Ito 2008), the same as in the written overlays.
export const COLOURS: readonly (readonly [number, number, number])[] = [
  [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
];
export const colour = (index: number): readonly [number, number, number] => COLOURS[index % COLOURS.length]!;
export const css = (index: number): string => `rgb(${colour(index).join(' ')})`;
