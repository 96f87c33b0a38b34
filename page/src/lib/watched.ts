// The log of a watched film (JSON lines) as rows: when each track was seen, how large it was, and what was measured of it.
export interface Look { seconds: number; score: number; size: number }
export interface Row { key: string; track: number | null; label: string; spans: [number, number][]; looks: Look[] }
interface Line {
  kind: string; seconds?: number;
  detections?: { track?: number | null; label?: string; score?: number; area?: number; length?: number }[];
}

const GAP = 2;

/**
 * Rows by track, and the length of the film, s; looks of one track closer than 2 s make one spell. What never became a track,
 * such as the first looks at a new flame, stands in one row a class at the end.
 */
export function rowsOf(text: string): { rows: Row[]; length: number } {
  const rows = new Map<string, Row>();
  let length = 0;
  for (const line of text.split('\n')) {
    if (!line.trim()) continue;
    let said: Line;
    try {
      said = JSON.parse(line) as Line;
    } catch {
      continue; // a line cut short by the end of a process
    }
    if (said.kind !== 'frame' || said.seconds === undefined) continue;
    length = Math.max(length, said.seconds);
    for (const one of said.detections ?? []) {
      const label = one.label ?? 'flame';
      const track = one.track ?? null;
      const key = track === null ? `${label} loose` : `${label === 'smoke' ? 'plume' : label} ${track}`;
      const row = rows.get(key) ?? { key, track, label, spans: [], looks: [] };
      const last = row.spans.at(-1);
      if (last && said.seconds - last[1] <= GAP) last[1] = said.seconds;
      else row.spans.push([said.seconds, said.seconds]);
      row.looks.push({ seconds: said.seconds, score: one.score ?? NaN, size: one.length ?? one.area ?? NaN });
      rows.set(key, row);
    }
  }
  const sorted = [...rows.values()].sort((a, b) => (a.track ?? Infinity) - (b.track ?? Infinity));
  return { rows: sorted, length };
}

/** A row's sizes as the outline of a filled curve: x in seconds, y from 0 (its largest) to 1 (nothing); a spell is one hump. */
export function curve(row: Row): string {
  const most = Math.max(...row.looks.map((one) => one.size).filter(Number.isFinite), 1e-9);
  return row.spans
    .map(([from, to]) => {
      const inside = row.looks.filter((one) => one.seconds >= from && one.seconds <= to && Number.isFinite(one.size));
      if (!inside.length) return '';
      return `M${inside[0]!.seconds} 1${inside.map((one) => `L${one.seconds} ${(1 - one.size / most).toFixed(4)}`).join('')}L${inside.at(-1)!.seconds} 1Z`;
    })
    .join('');
}

interface Spread { median: number; low: number; high: number }
/** What `<stem>.watch.json` says of one track. */
export interface Track { track: number; label: string; born: number; last: number; seconds_seen: number; measured: Record<string, Spread>; flicker?: { frequency: number | null } }

export const clock = (seconds: number): string => {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (parts[0] ? parts : parts.slice(1)).map((one, place) => (place ? String(one).padStart(2, '0') : String(one))).join(':');
};
