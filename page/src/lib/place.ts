// Projections by EPSG number; what is not known becomes a plane of its own, good for looking.
import { get } from 'ol/proj.js';
import Projection from 'ol/proj/Projection.js';

const SOUTH_AMERICAN: Record<number, number> = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [31978 + index, 32718 + index]));
// SIRGAS 2000 / UTM 18S to 25S lie within centimetres of WGS 84's zones.

export function known(epsg: number | null, extent: number[]): Projection {
  if (epsg) {
    const found = get(`EPSG:${SOUTH_AMERICAN[epsg] ?? epsg}`);
    if (found) return found;
  }
  return new Projection({ code: epsg ? `EPSG:${epsg}` : 'pixels', units: epsg ? 'm' : 'pixels', extent: extent as [number, number, number, number] });
}
