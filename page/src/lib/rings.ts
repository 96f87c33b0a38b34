// detections.json as things to draw: boxes, rings and what was measured of each.
export interface Detection {
  id: number; category: string; score: number; box: [number, number, number, number]; rings: number[][]; about: Record<string, unknown>;
}
interface Coco {
  images: { id: number; file_name: string; width: number; height: number }[];
  categories: { id: number; name: string }[];
  annotations: ({ id: number; image_id: number; category_id: number; bbox: [number, number, number, number]; segmentation: unknown; score: number } & Record<string, unknown>)[];
}
const PLAIN = new Set(['id', 'image_id', 'category_id', 'bbox', 'segmentation', 'score', 'iscrowd', 'area', 'category']);

/** Detections of one picture of a COCO file. */
export function detections(coco: Coco, stem: string): { found: Detection[]; width: number; height: number } {
  const image = coco.images.find((one) => one.file_name.replace(/\.[^.]+$/, '') === stem) ?? coco.images[0];
  if (!image) return { found: [], width: 1, height: 1 };
  const names = new Map(coco.categories.map((one) => [one.id, one.name]));
  const found = coco.annotations
    .filter((one) => one.image_id === image.id)
    .map((one) => ({
      id: one.id, category: names.get(one.category_id) ?? '', score: one.score, box: one.bbox,
      rings: Array.isArray(one.segmentation) ? (one.segmentation as number[][]) : [],
      about: Object.fromEntries(Object.entries(one).filter(([name, value]) => !PLAIN.has(name) && value !== null && typeof value !== 'object')),
    }));
  return { found, width: image.width, height: image.height };
}

export const path = (ring: number[]): string => {
  let text = '';
  for (let place = 0; place + 1 < ring.length; place += 2) text += `${place ? 'L' : 'M'}${ring[place]} ${ring[place + 1]}`;
  return `${text}Z`;
};
