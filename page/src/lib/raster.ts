// GeoTIFF files of a result, read in pieces from the service: overviews for a look, full pixels where they are wanted.
import { fromBlob, fromUrl, type GeoTIFF, type GeoTIFFImage } from 'geotiff';
import * as api from './api';
import type { Found } from './gather';
import { kept } from './keep.svelte';
import { NO_DATA } from './mask';

export interface Frame { epsg: number | null; extent: [number, number, number, number]; width: number; height: number; straight: boolean }

/** Open a raster of the service; pieces are fetched as they are needed. */
export function open(url: string): Promise<GeoTIFF> {
  const held = api.key.get();
  return fromUrl(new URL(url, document.baseURI).href, { allowFullFile: true, ...(held ? { headers: { Authorization: `Bearer ${held}` } } : {}) });
}

/** Where a raster lies. */
export async function frame(tiff: GeoTIFF): Promise<Frame> {
  const image = await tiff.getImage();
  const keys = (image.getGeoKeys() ?? {}) as Record<string, number | undefined>;
  const code = keys.ProjectedCSTypeGeoKey ?? keys.GeographicTypeGeoKey ?? null;
  const width = image.getWidth();
  const height = image.getHeight();
  let extent: [number, number, number, number] = [0, -height, width, 0];
  let straight = true;
  try {
    extent = image.getBoundingBox() as typeof extent;
    const turned = image.fileDirectory.hasTag?.('ModelTransformation') ? ((await image.fileDirectory.loadValue('ModelTransformation')) as unknown as number[]) : null;
    if (turned && (turned[1] || turned[4])) straight = false;
  } catch {
    // no georeference: pixels, downwards
  }
  return { epsg: code && code !== 32767 ? code : null, extent, width, height, straight };
}

/** The coarsest page that still has this many pixels along, for the share of the raster shown. */
async function page(tiff: GeoTIFF, wanted: number): Promise<GeoTIFFImage> {
  const first = await tiff.getImage(0);
  let best = first;
  const count = await tiff.getImageCount();
  for (let index = 1; index < count; index++) {
    const image = await tiff.getImage(index);
    const mask = (Number(image.fileDirectory.getValue?.('NewSubfileType') ?? 0) & 4) !== 0;
    if (mask || image.getSamplesPerPixel() !== first.getSamplesPerPixel()) continue;
    if (image.getWidth() >= wanted && image.getWidth() < best.getWidth()) best = image;
  }
  return best;
}

/** A window of bands, in shares of the raster, resampled to at most this size. */
export async function read(tiff: GeoTIFF, share: [number, number, number, number], width: number, height: number, samples: number[], signal?: AbortSignal): Promise<{ bands: ArrayLike<number>[]; width: number; height: number }> {
  const image = await page(tiff, width / Math.max(share[2] - share[0], 1e-9));
  const [wide, high] = [image.getWidth(), image.getHeight()];
  const window = [Math.floor(share[0] * wide), Math.floor(share[1] * high), Math.ceil(share[2] * wide), Math.ceil(share[3] * high)];
  const size = { width: Math.max(1, Math.min(width, window[2]! - window[0]!)), height: Math.max(1, Math.min(height, window[3]! - window[1]!)) };
  const bands = (await image.readRasters({ window, samples, ...size, resampleMethod: 'nearest', ...(signal ? { signal } : {}) })) as unknown as ArrayLike<number>[];
  return { bands: Array.from(bands), ...size };
}

/** Three bands as a picture: cut at the 1st and 99th percentile of all together. */
export function trueColour(bands: ArrayLike<number>[], width: number, height: number, stretch: [number, number] | null = null): { picture: ImageData; stretch: [number, number] } {
  const picture = new ImageData(width, height);
  const cut = stretch ?? limits(bands);
  const span = cut[1] - cut[0] || 1;
  const own = [bands[0]!, bands[1] ?? bands[0]!, bands[2] ?? bands[0]!];
  for (let place = 0; place < width * height; place++) {
    let seen = false;
    for (let band = 0; band < 3; band++) {
      const value = own[band]![place]!;
      if (value > 0) seen = true;
      picture.data[place * 4 + band] = 255 * Math.min(Math.max((value - cut[0]) / span, 0), 1) ** 0.8;
    }
    picture.data[place * 4 + 3] = seen ? 255 : 0;
  }
  return { picture, stretch: cut };
}

function limits(bands: ArrayLike<number>[]): [number, number] {
  const held: number[] = [];
  for (const band of bands) {
    const step = Math.max(1, Math.floor(band.length / 5000));
    for (let place = 0; place < band.length; place += step) if (band[place]! > 0) held.push(band[place]!);
  }
  held.sort((a, b) => a - b);
  return held.length ? [held[Math.floor(held.length * 0.01)]!, held[Math.floor(held.length * 0.99)]!] : [0, 1];
}

/** Which bands of a raster are red, green and blue, counted from 0: by name where they have one, else the first three. */
export async function colours(tiff: GeoTIFF): Promise<number[]> {
  const image = await tiff.getImage();
  const count = image.getSamplesPerPixel();
  const names: string[] = [];
  for (let band = 0; band < count; band++) {
    const about = (await Promise.resolve(image.getGDALMetadata(band)).catch(() => null)) as Record<string, unknown> | null;
    names.push(String(about?.DESCRIPTION ?? about?.name ?? '').toUpperCase());
  }
  const find = (...wanted: string[]): number => names.findIndex((name) => wanted.includes(name));
  const named = [find('B4', 'B04', 'RED'), find('B3', 'B03', 'GREEN'), find('B2', 'B02', 'BLUE')];
  if (named.every((band) => band >= 0)) return named;
  return [0, Math.min(1, count - 1), Math.min(2, count - 1)];
}

/** The scene that was sent, where it is still there and a raster that can be read here. */
export async function scene(result: api.Result, found: Found): Promise<GeoTIFF | null> {
  const mine = kept.files(result.id).find((file) => /\.tiff?$/i.test(file.name));
  try {
    if (mine && kept.files(result.id).length === 1) return await fromBlob(mine);
    return found.input && /\.tiff?$/i.test(found.input) ? await open(found.input) : null;
  } catch {
    return null;
  }
}

/** All pixels of mask and picture, for correcting by hand. */
export async function readRaster(result: api.Result, found: Found, most: number): Promise<{ mask: Uint8Array | null; picture: ImageData | null; width: number; height: number }> {
  if (!found.mask) return { mask: null, picture: null, width: 0, height: 0 };
  const tiff = await open(api.fileUrl(result.id, found.mask));
  const { width, height } = await frame(tiff);
  if (width * height > most) return { mask: null, picture: null, width, height };
  const held = await read(tiff, [0, 0, 1, 1], width, height, [0]);
  const mask = Uint8Array.from(held.bands[0]!, (value) => (Number.isFinite(value) ? value : NO_DATA));
  const sent = await scene(result, found);
  let picture: ImageData | null = null;
  if (sent) {
    const seen = await read(sent, [0, 0, 1, 1], width, height, await colours(sent));
    if (seen.width === width && seen.height === height) picture = trueColour(seen.bands, width, height).picture;
  }
  return { mask, picture, width, height };
}
