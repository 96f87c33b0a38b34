// The service's REST door: what it answers, and one function for each thing the page asks.

export interface Assumption { low: number | null; best: number | null; high: number | null; unit: string; source: string }
export interface Measurement {
  name: string; value: number; low: number; high: number; unit: string; method: string; about: Record<string, unknown>;
}
export interface InputRecord {
  input: string; stem: string; sha256?: string; notes?: string[]; files: string[]; measurements: Measurement[]; models?: string[];
}
export interface ModelRecord {
  file: string; sha256: string;
  calibration?: { threshold?: number[]; min_area?: number; rule?: 'component' | 'picture' };
}
export interface RunRecord {
  task: string; outcrop: string; created: string; models: ModelRecord[]; assumptions: Record<string, Assumption>;
  seed?: number; threshold: number | null; inputs: InputRecord[]; warnings: string[]; refused?: { input: string; error: string }[];
}
export interface FileEntry { name: string; bytes: number; media: string; href: string }
export type State = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
/** A run: asked for, in work, or done. */
export interface Answer {
  id: string; task: string; verb: string; state: State; name: string; created: number; expires: number | null;
  progress: number; stage: string; problem: Problem | null; parent: string | null; record: RunRecord | null;
  files: FileEntry[] | null; inputs: FileEntry[] | null; links: Record<string, string>;
}
/** A run that is done. */
export type Result = Answer & { record: RunRecord };
export interface Line {
  id: string; task: string; verb: string; name: string; created: number; expires: number; bytes: number; parent: string | null;
}
export interface Room {
  name: string; title: string; classes: string[]; colours: string[]; bands: string[]; head: string; accepts: string[]; on_map: boolean;
  assumptions: (Assumption & { name: string })[]; formats: string[]; settings: Record<string, string>; levels: number;
  models: string[]; thresholds: number[];
}
export interface Rooms { tasks: Room[]; limits: Record<string, number>; version: string }
export interface Problem { type?: string; title: string; status: number; detail: string; hint?: string }

/** A refusal of the service, in its own words. */
export class Refused extends Error {
  constructor(readonly problem: Problem, readonly retryAfter: number | null = null) {
    super(problem.detail || problem.title);
  }
}

const KEY = 'outcrop.key';
/** The API key of this browser tab; empty where the service wants none. */
export const key = {
  get: (): string => sessionStorage.getItem(KEY) ?? '',
  set: (value: string): void => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

function headers(): Record<string, string> {
  const held = key.get();
  return held ? { Authorization: `Bearer ${held}` } : {};
}

async function refusal(response: Response): Promise<Refused> {
  const wait = Number(response.headers.get('Retry-After')) || null;
  try {
    return new Refused((await response.json()) as Problem, wait);
  } catch {
    return new Refused({ title: response.statusText, status: response.status, detail: `${response.status} ${response.statusText}` }, wait);
  }
}

export async function fetched(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { ...headers(), ...(init.headers as Record<string, string> | undefined) } });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new Refused({ title: 'offline', status: 0, detail: '' });
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

const json = async <T>(path: string, init?: RequestInit): Promise<T> => (await fetched(path, init)).json() as Promise<T>;

export const rooms = (): Promise<Rooms> => json<Rooms>('tasks');

/** Form fields; a list gives a field several times. */
export type Options = Record<string, string | number | boolean | string[] | null | undefined>;

function fill(form: FormData, options: Options): FormData {
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, String(one));
  }
  return form;
}

/** Send files to a room; XMLHttpRequest, because fetch says nothing of how much has been sent. */
export function predict(task: string, files: File[], options: Options, sent: (share: number) => void, signal?: AbortSignal): Promise<Answer> {
  const form = fill(new FormData(), options);
  for (const file of files) form.append('file', file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `tasks/${encodeURIComponent(task)}/predict`);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && sent(event.loaded / event.total);
    request.onerror = () => reject(new Refused({ title: 'offline', status: 0, detail: '' }));
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'));
    request.onload = () => {
      let body: unknown = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // told below
      }
      if (request.status >= 400 || body === null) {
        const plain = { title: request.statusText, status: request.status, detail: `${request.status} ${request.statusText}` };
        reject(new Refused((body as Problem | null) ?? plain, Number(request.getResponseHeader('Retry-After')) || null));
      } else resolve(body as Answer);
    };
    signal?.addEventListener('abort', () => request.abort());
    request.send(form);
  });
}

/** A made-up input of the room with known truth, and what is known of it, such as the scale. */
export async function example(task: string): Promise<{ file: File; assume: string | null }> {
  const response = await fetched(`tasks/${encodeURIComponent(task)}/example`);
  const named = /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '')?.[1];
  const blob = await response.blob();
  return { file: new File([blob], named ?? `example-${task}`, { type: blob.type }), assume: response.headers.get('Outcrop-Assume') };
}

export const job = (id: string): Promise<Answer> => json<Answer>(`jobs/${id}`);
export const cancel = (id: string): Promise<Response> => fetched(`jobs/${id}`, { method: 'DELETE' });

/** Tell of a job until it ends: server-sent events, and a plain question every second where they do not come through. */
export function follow(id: string, told: (job: Answer) => void, failed: (error: unknown) => void): () => void {
  let stopped = false;
  let timer = 0;
  let source: EventSource | null = null;
  const ended = (now: Answer) => now.state === 'done' || now.state === 'failed' || now.state === 'cancelled';
  const tell = (now: Answer) => {
    if (stopped) return;
    told(now);
    if (ended(now)) stop();
  };
  const ask = async () => {
    try {
      tell(await job(id));
      if (!stopped) timer = window.setTimeout(ask, 1000);
    } catch (error) {
      if (!stopped) failed(error);
    }
  };
  const stop = () => {
    stopped = true;
    window.clearTimeout(timer);
    source?.close();
  };
  if (key.get() || !('EventSource' in window)) void ask(); // an EventSource cannot carry a key
  else {
    source = new EventSource(`jobs/${id}/events`);
    const heard = (event: MessageEvent<string>) => {
      try {
        const said = JSON.parse(event.data) as Answer;
        if (said.state) tell({ ...said, id });
      } catch {
        // a comment that keeps the line open
      }
    };
    for (const name of ['message', 'progress', 'state', 'job', 'done', 'failed', 'cancelled', 'end']) source.addEventListener(name, heard as EventListener);
    source.onerror = () => {
      source?.close();
      if (!stopped) void ask();
    };
  }
  return stop;
}

/** A result that came by a link for reading has the link's token as its id, after a tilde. */
export const shared = (id: string): boolean => id.startsWith('~');
const at = (id: string): string => (shared(id) ? `shared/${id.slice(1)}` : `results/${id}`);
export const result = async (id: string): Promise<Result> => ({ ...usable(await json<Result>(at(id))), id });
/** The token of a new link that opens a result without a key. */
export const share = async (id: string): Promise<string> => (await json<{ href: string }>(`results/${id}/share`, { method: 'POST' })).href.split('/').pop() ?? '';

/** Inputs that were refused stand apart from those that were seen. */
function usable(held: Result): Result {
  if (!held.record) return held;
  const inputs = held.record.inputs as (InputRecord & { error?: string })[];
  const refused = inputs.filter((one) => one.error !== undefined).map((one) => ({ input: one.input, error: one.error ?? '' }));
  const told = (held.record.refused ?? []).map((one: unknown) => (typeof one === 'string' ? { input: one, error: '' } : (one as { input: string; error: string })));
  const names = new Set(refused.map((one) => one.input));
  return { ...held, record: { ...held.record, inputs: inputs.filter((one) => one.error === undefined), refused: [...refused, ...told.filter((one) => !names.has(one.input))] } };
}
export const remove = (id: string): Promise<Response> => fetched(`results/${id}`, { method: 'DELETE' });
export const fileUrl = (id: string, name: string): string => `${at(id)}/${name.split('/').map(encodeURIComponent).join('/')}`;
export const file = (id: string, name: string): Promise<Response> => fetched(fileUrl(id, name));

export interface History { results: Line[]; total: number; limit: number; offset: number }
export function history(search: string, task: string, limit: number, offset: number): Promise<History> {
  const asked = new URLSearchParams({ limit: String(limit), offset: String(offset) });
  if (search) asked.set('search', search);
  if (task) asked.set('task', task);
  return json<History>(`results?${asked}`);
}

/** The numbers of a result under other assumptions ("low:best:high") or another threshold. */
export const measure = (id: string, asked: { assume?: Record<string, string>; threshold?: number | null; keep?: boolean }): Promise<Answer> =>
  json<Answer>(`results/${id}/measure`, { method: 'POST', body: JSON.stringify(asked), headers: { 'Content-Type': 'application/json' } });

/** The answer when it is done: at once, or after a job. */
export function settled(answer: Answer, told: (now: Answer) => void = () => undefined): Promise<Result> {
  const end = async (now: Answer): Promise<Result> => {
    if (now.state !== 'done') throw new Refused(now.problem ?? { title: now.state, status: 0, detail: now.state });
    return now.record ? (now as Result) : result(now.id);
  };
  if (answer.state === 'done' || answer.state === 'failed' || answer.state === 'cancelled') return end(answer);
  return new Promise((resolve, reject) => {
    follow(answer.id, (now) => {
      told(now);
      if (now.state === 'done' || now.state === 'failed' || now.state === 'cancelled') end(now).then(resolve, reject);
    }, reject);
  });
}

export interface Correction {
  id: string; result: string; stem: string; author: string; note: string; created: number; models: string[]; href: string;
  boxes?: { label: number; box: [number, number, number, number] }[] | null;
}
export const corrections = async (id: string): Promise<Correction[]> =>
  (await json<{ corrections: Correction[] }>(`results/${id}/corrections`)).corrections;
/** Keep a corrected mask: 8-bit grey PNG, 0 background, 1.. class, 255 no data; and boxes, in rooms that find them. */
export function correct(id: string, stem: string, mask: Blob, author: string, note: string, boxes: Correction['boxes'] = null): Promise<Correction> {
  const form = fill(new FormData(), { stem, author, note, ...(boxes ? { boxes: JSON.stringify(boxes) } : {}) });
  form.append('mask', mask, `${stem}.mask.png`);
  return json<Correction>(`results/${id}/corrections`, { method: 'POST', body: form });
}
