// Numbers as people say them: four significant digits, units of a fitting size, the reader's own separators.
import { language } from './i18n.svelte';

const SCALES: Record<string, readonly (readonly [number, string])[]> = {
  'm³': [[1e9, 'km³'], [1e6, 'million m³']],
  'm²': [[1e6, 'km²'], [1e4, 'ha']],
};

/** What to divide by, and the unit to say, for a quantity of this size. */
export function friendly(value: number, unit: string): [number, string] {
  return (SCALES[unit]?.find(([size]) => Math.abs(value) >= size / 10) as [number, string] | undefined) ?? [1, unit];
}

/** Four significant digits; thousands in groups; a dash for nothing. */
export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size && (size < 1e-5 || size >= 1e10)) {
    return new Intl.NumberFormat(language.now, { notation: 'scientific', maximumSignificantDigits: digits }).format(value);
  }
  const cut = size >= 1e4 ? Number(value.toPrecision(digits)) : value;
  return new Intl.NumberFormat(language.now, { maximumSignificantDigits: size >= 1e4 ? 21 : digits }).format(cut);
}

export const percent = (share: number, digits = 3): string =>
  new Intl.NumberFormat(language.now, { style: 'percent', maximumSignificantDigits: digits }).format(share);

export function bytes(count: number | null): string {
  if (count === null) return '';
  const steps = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const step = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), 3);
  return new Intl.NumberFormat(language.now, { style: 'unit', unit: steps[step]!, unitDisplay: 'short', maximumSignificantDigits: 3 }).format(count / 1000 ** step);
}

/** A time as the service gives it: seconds since 1970, or ISO 8601. */
export const time = (when: number | string): Date => new Date(typeof when === 'number' ? when * 1000 : when);
export const moment = (when: number | string): string =>
  new Intl.DateTimeFormat(language.now, { dateStyle: 'medium', timeStyle: 'short' }).format(time(when));

/** A number that was typed, with a comma or a point; null when it is none. */
export function typed(text: string): number | null {
  const plain = text.trim().replace(/[\s\u202f\u00a0]/g, '').replace(',', '.');
  const value = Number(plain);
  return plain && Number.isFinite(value) ? value : null;
}
