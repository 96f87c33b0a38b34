// What a measurement belongs to: a deposit, a body, a flame; nothing for the whole input.
import type { Measurement } from './api';

const PARTS = ['deposit', 'body', 'flame', 'plume', 'site', 'month', 'track', 'frame'] as const;

/** E.g. "deposit 3"; empty for the whole. */
export const partOf = (m: Measurement): string => PARTS.filter((name) => name in m.about).map((name) => `${name} ${String(m.about[name])}`).join(' ');
