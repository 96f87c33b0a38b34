// Masks as 8-bit grey PNG files, pixel for pixel: a canvas would write colours, and with them whatever it likes.
import { checksum } from './zip';


function chunk(name: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(content.length + 12);
  const view = new DataView(all.buffer);
  view.setUint32(0, content.length);
  for (let place = 0; place < 4; place++) all[4 + place] = name.charCodeAt(place);
  all.set(content, 8);
  view.setUint32(content.length + 8, checksum(all.subarray(4, content.length + 8)));
  return all;
}

/** An 8-bit grey PNG of these values, row by row. */
export async function greyPng(values: Uint8Array, width: number, height: number): Promise<Blob> {
  const rows = new Uint8Array((width + 1) * height);
  for (let row = 0; row < height; row++) rows.set(values.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'));
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head[8] = 8; // bits; colour type 0 is grey
  return new Blob([new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', new Uint8Array())], { type: 'image/png' });
}

/** Pixels of a picture file as the browser decodes it. */
export async function pixels(blob: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** The first channel of a picture: all there is of a grey one. */
export function grey(picture: ImageData): Uint8Array {
  const values = new Uint8Array(picture.width * picture.height);
  for (let place = 0; place < values.length; place++) values[place] = picture.data[place * 4]!;
  return values;
}
