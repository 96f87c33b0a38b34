// Probabilities → masks → pixels, by the service's own rule: threshold, least area, and the most probable class wins.
import { colour } from './colours';

export const NO_DATA = 255;

/** Probabilities of some classes over one picture. */
export interface Planes {
  width: number;
  height: number;
  /** One array a class, each pixel 0..255 (`scale` 255) or 0..254; NaN-free. */
  values: (Uint8Array | Float32Array)[];
  /** Value that means probability 1. */
  scale: number;
  /** 1 where the sensor saw something; null where it saw everything. */
  seen: Uint8Array | null;
}

export interface Rule { least: number; by: 'component' | 'picture' }

/** The mask at some thresholds, one a class, in [0, 1]: 0 background, 1.. class, 255 no data. */
export function toMask(planes: Planes, thresholds: readonly number[], rule: Rule): Uint8Array {
  const count = planes.width * planes.height;
  const mask = new Uint8Array(count);
  planes.values.forEach((values, index) => {
    const least = Math.max((thresholds[index] ?? thresholds[0] ?? 0.5) * planes.scale, 1e-6);
    const others = planes.values.filter((_, place) => place !== index);
    const inside = new Uint8Array(count);
    let area = 0;
    for (let place = 0; place < count; place++) {
      const value = values[place]!;
      if (value < least) continue;
      let most = true;
      for (const other of others) if (other[place]! > value) most = false;
      if (most) {
        inside[place] = 1;
        area++;
      }
    }
    if (rule.least > 1 && rule.by === 'component') dropSmall(inside, planes.width, planes.height, rule.least);
    else if (rule.least > area) return;
    for (let place = 0; place < count; place++) if (inside[place] && !mask[place]) mask[place] = index + 1;
  });
  if (planes.seen) for (let place = 0; place < count; place++) if (!planes.seen[place]) mask[place] = NO_DATA;
  return mask;
}

/** Take away connected pixels (that share a side) fewer than `least`. */
export function dropSmall(inside: Uint8Array, width: number, height: number, least: number): void {
  const stack = new Int32Array(width * height);
  const part: number[] = [];
  for (let start = 0; start < inside.length; start++) {
    if (inside[start] !== 1) continue;
    let top = 0;
    part.length = 0;
    stack[top++] = start;
    inside[start] = 2;
    while (top) {
      const place = stack[--top]!;
      part.push(place);
      const column = place % width;
      if (column > 0 && inside[place - 1] === 1) (inside[place - 1] = 2), (stack[top++] = place - 1);
      if (column < width - 1 && inside[place + 1] === 1) (inside[place + 1] = 2), (stack[top++] = place + 1);
      if (place >= width && inside[place - width] === 1) (inside[place - width] = 2), (stack[top++] = place - width);
      if (place < (height - 1) * width && inside[place + width] === 1) (inside[place + width] = 2), (stack[top++] = place + width);
    }
    if (part.length < least) for (const place of part) inside[place] = 0;
  }
}

/** Share of the pixels seen that each class covers. */
export function shares(mask: Uint8Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  let seen = 0;
  for (const value of mask) {
    if (value === NO_DATA) continue;
    seen++;
    if (value > 0 && value <= classes) counts[value - 1]!++;
  }
  return counts.map((count) => (seen ? count / seen : 0));
}

/** A mask as a picture to lay over another: tinted inside, full colour along the edge, hatched where nothing was seen. */
export function paint(mask: Uint8Array, width: number, height: number, opacity: number, edge = 1): ImageData {
  const picture = new ImageData(width, height);
  const data = picture.data;
  const alpha = Math.round(opacity * 255);
  for (let row = 0, place = 0; row < height; row++) {
    for (let column = 0; column < width; column++, place++) {
      const value = mask[place]!;
      if (!value) continue;
      const at = place * 4;
      if (value === NO_DATA) {
        data[at + 3] = (row + column) % 8 < 2 ? 90 : 0;
        data[at] = data[at + 1] = data[at + 2] = 128;
        continue;
      }
      const [red, green, blue] = colour(value - 1);
      data[at] = red;
      data[at + 1] = green;
      data[at + 2] = blue;
      const outline =
        edge &&
        ((column > 0 && mask[place - 1] !== value) || (column < width - 1 && mask[place + 1] !== value) ||
          (row > 0 && mask[place - width] !== value) || (row < height - 1 && mask[place + width] !== value));
      data[at + 3] = outline ? 255 : alpha;
    }
  }
  return picture;
}

/** Probabilities themselves as a picture: the darker, the more probable. Cividis, which all eyes read alike. */
const CIVIDIS: readonly (readonly [number, number, number])[] = [
  [0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [199, 184, 104], [254, 232, 56],
];
export function heat(planes: Planes, opacity: number, index = 0): ImageData {
  const picture = new ImageData(planes.width, planes.height);
  const values = planes.values[index]!;
  const table = new Uint8Array(256 * 3);
  for (let level = 0; level < 256; level++) {
    const at = (level / 255) * (CIVIDIS.length - 1);
    const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
    for (let part = 0; part < 3; part++) {
      table[level * 3 + part] = CIVIDIS[low]![part]! + (at - low) * (CIVIDIS[low + 1]![part]! - CIVIDIS[low]![part]!);
    }
  }
  for (let place = 0; place < values.length; place++) {
    if (planes.seen && !planes.seen[place]) continue;
    const level = Math.round((values[place]! / planes.scale) * 255);
    picture.data[place * 4] = table[level * 3]!;
    picture.data[place * 4 + 1] = table[level * 3 + 1]!;
    picture.data[place * 4 + 2] = table[level * 3 + 2]!;
    picture.data[place * 4 + 3] = Math.round(255 * opacity);
  }
  return picture;
}
