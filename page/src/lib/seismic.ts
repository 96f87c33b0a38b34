// Seismic volumes as the browser reads them: SEG-Y and NumPy files, cut along inlines, crosslines and times.

/** A volume in memory: one line of samples a trace, traces where the survey has them. */
export interface Volume {
  inlines: number[];
  crosslines: number[];
  samples: number;
  /** Of the first sample, and between two. */
  start: number;
  step: number;
  /** Trace number at (inline, crossline), -1 for a hole. */
  at: Int32Array;
  trace: (index: number) => Float32Array;
  x: Float64Array | null;
  y: Float64Array | null;
  counted: boolean;
}

export interface Section { width: number; height: number; values: Float32Array }
export type Direction = 'inline' | 'crossline' | 'time';

const ieee = (view: DataView, at: number, little: boolean): number => view.getFloat32(at, little);
function ibm(view: DataView, at: number, little: boolean): number {
  const word = view.getUint32(at, little);
  const size = word & 0x00ffffff;
  return (word & 0x80000000 ? -1 : 1) * (size / 0x1000000) * 16 ** (((word >>> 24) & 127) - 64);
}
const FORMATS: Record<number, readonly [bytes: number, read: (view: DataView, at: number, little: boolean) => number]> = {
  1: [4, ibm], 2: [4, (v, a, l) => v.getInt32(a, l)], 3: [2, (v, a, l) => v.getInt16(a, l)], 5: [4, ieee], 6: [8, (v, a, l) => v.getFloat64(a, l)],
  8: [1, (v, a) => v.getInt8(a)], 10: [4, (v, a, l) => v.getUint32(a, l)], 11: [2, (v, a, l) => v.getUint16(a, l)], 16: [1, (v, a) => v.getUint8(a)],
};

/** A SEG-Y file of one sample format and equally long traces; throws where it is not. */
export function segy(buffer: ArrayBuffer): Volume {
  const view = new DataView(buffer);
  const likely = (little: boolean): boolean => view.getUint16(3224, little) in FORMATS && view.getUint16(3220, little) > 0;
  const little = !likely(false) && likely(true);
  const format = FORMATS[view.getUint16(3224, little)];
  const samples = view.getUint16(3220, little);
  if (!format || !samples) throw new Error('no SEG-Y of a known sample format');
  const extra = Math.max(view.getInt16(3504, little), 0);
  const first = 3600 + 3200 * (extra < 1000 ? extra : 0);
  const length = 240 + samples * format[0];
  const count = Math.floor((buffer.byteLength - first) / length);
  const word = (trace: number, byte: number): number => view.getInt32(first + trace * length + byte - 1, little);
  const pairs: readonly (readonly [number, number])[] = [[189, 193], [9, 21], [5, 17], [9, 13]];
  const [il, xl] = pairs.find(([a, b]) => new Set([0, 1, count >> 1, count - 1].map((n) => `${word(n, a)}/${word(n, b)}`)).size > 1) ?? [189, 193];
  const lines = Int32Array.from({ length: count }, (_, n) => word(n, il));
  const crosses = Int32Array.from({ length: count }, (_, n) => word(n, xl));
  const inlines = [...new Set(lines)].sort((a, b) => a - b);
  const crosslines = [...new Set(crosses)].sort((a, b) => a - b);
  let [one, other, row, column] = [inlines, crosslines, lines, crosses];
  if (inlines.length * crosslines.length > 4 * count + 16) {
    // No regular survey: a line of traces in the order of the file.
    one = [1];
    other = Array.from({ length: count }, (_, n) => n + 1);
    row = new Int32Array(count).fill(1);
    column = Int32Array.from(other);
  }
  const ranks = (held: number[]): Map<number, number> => new Map(held.map((label, rank) => [label, rank]));
  const [rows, columns] = [ranks(one), ranks(other)];
  const at = new Int32Array(one.length * other.length).fill(-1);
  for (let n = 0; n < count; n++) at[rows.get(row[n]!)! * other.length + columns.get(column[n]!)!] = n;
  const scale = (n: number): number => {
    const said = view.getInt16(first + n * length + 70, little);
    return said < 0 ? 1 / -said : said || 1;
  };
  const x = Float64Array.from({ length: count }, (_, n) => (word(n, 181) || word(n, 73)) * scale(n));
  const y = Float64Array.from({ length: count }, (_, n) => (word(n, 185) || word(n, 77)) * scale(n));
  const step = view.getUint16(3216, little) / 1000 || 1;
  const start = count ? view.getInt16(first + 108, little) : 0;
  const trace = (n: number): Float32Array => {
    const begin = first + n * length + 240;
    const values = new Float32Array(samples);
    if (format[1] === ieee && !little) for (let k = 0; k < samples; k++) values[k] = view.getFloat32(begin + 4 * k);
    else for (let k = 0; k < samples; k++) values[k] = format[1](view, begin + format[0] * k, little);
    return values;
  };
  return { inlines: one, crosslines: other, samples, start, step, at, trace, x: x.some(Boolean) ? x : null, y: y.some(Boolean) ? y : null, counted: false };
}

/** A NumPy array of numbers: (samples, traces) or (inlines, crosslines, samples). */
export function npy(buffer: ArrayBuffer): Volume {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  const wide = bytes[6]! > 1;
  const begin = (wide ? 12 : 10) + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const head = new TextDecoder('latin1').decode(bytes.subarray(10, begin));
  const kind = /'descr':\s*'([<>|=]?)([fiub])(\d)'/.exec(head);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(head)?.[1]?.split(',').map((one) => one.trim()).filter(Boolean).map(Number) ?? [];
  if (!kind || /'fortran_order':\s*True/.test(head) || shape.length < 2 || shape.length > 3) throw new Error('no plain NumPy array of two or three directions');
  const little = kind[1] !== '>';
  const size = Number(kind[3]);
  const half = (at: number): number => {
    const word = view.getUint16(at, little);
    const [exponent, part] = [(word >> 10) & 31, word & 1023];
    const value = exponent === 31 ? (part ? NaN : Infinity) : exponent ? (1 + part / 1024) * 2 ** (exponent - 15) : part * 2 ** -24;
    return word & 0x8000 ? -value : value;
  };
  const readers: Record<string, (at: number) => number> = {
    f2: half, f4: (at) => view.getFloat32(at, little), f8: (at) => view.getFloat64(at, little), i1: (at) => view.getInt8(at), u1: (at) => view.getUint8(at), b1: (at) => view.getUint8(at),
    i2: (at) => view.getInt16(at, little), u2: (at) => view.getUint16(at, little), i4: (at) => view.getInt32(at, little), u4: (at) => view.getUint32(at, little),
  };
  const read = readers[`${kind[2]}${size}`];
  if (!read) throw new Error('numbers of a kind that is not read here');
  const flat = shape.length === 2;
  const [ni, nx, samples] = flat ? [1, shape[1]!, shape[0]!] : (shape as [number, number, number]);
  const label = (n: number): number[] => Array.from({ length: n }, (_, k) => k);
  return {
    inlines: label(ni), crosslines: label(nx), samples, start: 0, step: 1, x: null, y: null, counted: true,
    at: Int32Array.from({ length: ni * nx }, (_, n) => n),
    trace: (n) => Float32Array.from({ length: samples }, (_, k) => read(begin + size * (flat ? k * nx + n : n * samples + k))),
  };
}

/** A cut through a volume: traces across, samples down; a time slice has inlines down and crosslines across. NaN in holes. */
export function cut(volume: Volume, direction: Direction, position: number): Section {
  const [ni, nx, ns] = [volume.inlines.length, volume.crosslines.length, volume.samples];
  const [width, height] = direction === 'inline' ? [nx, ns] : direction === 'crossline' ? [ni, ns] : [nx, ni];
  const values = new Float32Array(width * height).fill(NaN);
  if (direction === 'time') {
    for (let n = 0; n < ni * nx; n++) if (volume.at[n]! >= 0) values[n] = volume.trace(volume.at[n]!)[position]!;
    return { width, height, values };
  }
  for (let across = 0; across < width; across++) {
    const index = volume.at[direction === 'inline' ? position * nx + across : across * nx + position]!;
    if (index < 0) continue;
    const trace = volume.trace(index);
    for (let down = 0; down < height; down++) values[down * width + across] = trace[down]!;
  }
  return { width, height, values };
}

/** Amplitudes as grey, cut at the 2nd and 98th percentile of what is given. */
export function grey(section: Section, limits: readonly [number, number]): ImageData {
  const picture = new ImageData(section.width, section.height);
  const span = limits[1] - limits[0] || 1;
  section.values.forEach((value, place) => {
    const level = 255 * Math.min(Math.max((value - limits[0]) / span, 0), 1);
    picture.data.set(Number.isNaN(value) ? [0, 0, 0, 0] : [level, level, level, 255], place * 4);
  });
  return picture;
}

export function limits(section: Section): readonly [number, number] {
  const held = Float32Array.from(section.values.filter((value, place) => place % 7 === 0 && Number.isFinite(value) && value !== 0)).sort();
  return held.length ? [held[Math.floor(held.length * 0.02)]!, held[Math.floor(held.length * 0.98)]!] : [0, 1];
}

/** The inline on which most samples reach a probability, of at most 64 that are looked at; the middle one where none does. */
export function richest(volume: Volume, threshold: number): number {
  const lines = volume.inlines.length;
  let [best, most] = [Math.floor(lines / 2), 0];
  for (let line = 0; line < lines; line += Math.ceil(lines / 64)) {
    let count = 0;
    for (const value of cut(volume, 'inline', line).values) if (value >= threshold) count++;
    if (count > most) [best, most] = [line, count];
  }
  return best;
}
