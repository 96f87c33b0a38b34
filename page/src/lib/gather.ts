// What a viewer needs of one input of a result, found among its files: picture, probabilities, mask, and what was drawn.
import * as api from './api';
import type { Planes, Rule } from './mask';
import { grey, pixels } from './png';

/** Files of one input by what they are. */
export interface Found {
  stem: string;
  input: string | null;
  probability: string[];
  mask: string | null;
  overlays: string[];
  kind: 'picture' | 'raster' | 'volume' | 'film' | 'table';
}

const PICTURE = /\.(png|jpe?g|webp|bmp|gif)$/i;
const SEISMIC = /\.(sgy|segy|npy|zgy|sgz)$/i;

/** The address of a file of a result, relative to the page so that it works behind a prefix. */
export const address = (href: string): string => href.replace(/^\//, '');

export function find(result: api.Result, stem: string): Found {
  const entry = result.record.inputs.find((one) => one.stem === stem);
  const names = (result.files ?? []).map((one) => one.name);
  const own = names.filter((name) => name.startsWith(`${stem}.`));
  const probability = own.filter((name) => name.includes('.probability.'));
  const mask = own.find((name) => name.endsWith('.mask.png') || name.endsWith('.mask.tif') || name.endsWith('.mask.sgy') || name.endsWith('.mask.npy')) ?? null;
  const shown = (entry?.input ?? '').split('/').pop() ?? '';
  const inputs = result.inputs ?? [];
  const source = inputs.find((one) => one.name === shown) ?? inputs.find((one) => one.name.replace(/\.[^.]+$/, '') === stem) ?? (result.record.inputs.length === 1 ? inputs[0] : undefined);
  const sample = probability[0] ?? mask ?? '';
  const film = own.some((name) => name.endsWith('.jsonl') || /\.(webm|mp4)$/.test(name));
  const kind = film ? 'film' : /\.tif$/.test(sample) ? 'raster' : SEISMIC.test(sample) ? 'volume' : PICTURE.test(sample) ? 'picture' : 'table';
  return { stem, input: source ? address(source.href) : null, probability, mask, overlays: own.filter((name) => name.endsWith('overlay.png')), kind };
}

/** What is known of a room from a result alone, where the service does not tell more without a key. */
export function standIn(result: api.Result): api.Room {
  const names = (result.files ?? []).map((one) => one.name);
  const named = names.flatMap((name) => /\.(\w+)\.probability\.png$/.exec(name)?.[1] ?? []);
  const detect = names.includes('detections.json') || names.some((name) => name.endsWith('.jsonl'));
  return {
    name: result.task, title: '', classes: detect ? ['flame', 'smoke'] : named.length ? [...new Set(named)] : [result.task], colours: [], bands: [], head: detect ? 'detect' : 'segment',
    accepts: [], on_map: names.some((name) => name.endsWith('.tif')), assumptions: [], formats: [], settings: {}, levels: names.some((name) => name.endsWith('.probability.tif')) ? 254 : 255, models: [], thresholds: [],
  };
}

/** How this result cuts probabilities into masks: threshold by class, least area. */
export function ruleOf(result: api.Result, room: api.Room | null): { thresholds: number[]; rule: Rule } {
  const card = result.record.models.find((one) => one.calibration)?.calibration;
  const classes = Math.max(room?.classes.length ?? 1, 1);
  const asked = result.record.threshold;
  const own = card?.threshold?.length ? card.threshold : room?.thresholds.length ? room.thresholds : [0.5];
  const thresholds = Array.from({ length: classes }, (_, index) => asked ?? own[index] ?? own[0] ?? 0.5);
  return { thresholds, rule: { least: card?.min_area ?? 0, by: card?.rule ?? 'component' } };
}

/** Probabilities of pictures, one file a class; where the mask says that nothing was seen, nothing was. */
export async function planes(result: api.Result, found: Found, room: api.Room | null): Promise<{ planes: Planes | null; mask: Uint8Array | null }> {
  const order = (name: string): number => room?.classes.findIndex((one) => name.includes(`.${one}.probability`)) ?? 0;
  const names = [...found.probability].sort((a, b) => order(a) - order(b));
  const [pictures, given] = await Promise.all([
    Promise.all(names.map(async (name) => pixels(await (await api.file(result.id, name)).blob()))),
    found.mask?.endsWith('.png') ? api.file(result.id, found.mask).then(async (answer) => pixels(await answer.blob())) : Promise.resolve(null),
  ]);
  const mask = given ? grey(given) : null;
  const first = pictures[0];
  if (!first) return { planes: null, mask };
  let seen: Uint8Array | null = null;
  if (mask?.includes(255)) seen = mask.map((value) => (value === 255 ? 0 : 1));
  return { planes: { width: first.width, height: first.height, values: pictures.map(grey), scale: room?.levels ?? 255, seen }, mask };
}
