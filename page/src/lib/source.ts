// The picture that was sent, as pixels: from this tab where it was sent from here, else from the service.
import * as api from './api';
import type { Found } from './gather';
import { kept } from './keep.svelte';

/** The original of one input, decoded; null where no browser decodes it or it is not kept any more. */
export async function original(result: api.Result, found: Found): Promise<ImageBitmap | null> {
  const own = kept.files(result.id);
  const mine = own.length === 1 ? own[0] : own.find((file) => file.name.replace(/\.[^.]+$/, '') === found.stem);
  try {
    const blob = mine ?? (found.input ? await (await api.fetched(found.input)).blob() : null);
    return blob ? await createImageBitmap(blob) : null;
  } catch {
    return null;
  }
}

/** What was written with the classes drawn in, for where the original cannot be shown. */
export async function overlay(result: api.Result, found: Found): Promise<ImageBitmap | null> {
  const name = found.overlays[0];
  return name ? createImageBitmap(await (await api.file(result.id, name)).blob()) : null;
}
