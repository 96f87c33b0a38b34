// What is being corrected: discs and polygons written into a mask, boxes beside it; each step undone and redone as one.
import { NO_DATA } from './mask';
import { colour } from './colours';

/** A thing that was marked: class from 1, and left, top, width, height in pixels. */
export interface Marked { label: number; box: [number, number, number, number] }
interface Stroke { id: number; places: Uint32Array; before: Uint8Array; after: number; boxes: [Marked[], Marked[]] }
export interface Box { left: number; top: number; right: number; bottom: number }

export class Editor {
  readonly picture: ImageData;
  #done: Stroke[] = [];
  #undone: Stroke[] = [];
  #now = new Map<number, number>();
  #value = 0;
  #count = 0;
  #oldest = 0;

  constructor(readonly mask: Uint8Array, readonly width: number, readonly height: number, public boxes: Marked[] = [], readonly opacity = 0.5) {
    this.picture = new ImageData(width, height);
    this.repaint({ left: 0, top: 0, right: width, bottom: height });
  }

  /** Names the state that is shown: equal states, equal names. */
  get state(): number { return this.#done.at(-1)?.id ?? this.#oldest; }
  get canUndo(): boolean { return this.#done.length > 0; }
  get canRedo(): boolean { return this.#undone.length > 0; }

  begin(value: number): void {
    this.#value = value;
    this.#now.clear();
  }

  #set(place: number): void {
    const before = this.mask[place]!;
    if (before === this.#value) return;
    if (!this.#now.has(place)) this.#now.set(place, before);
    this.mask[place] = this.#value;
  }

  /** A line of discs from one point to another, in pixels; what was touched. */
  draw(x0: number, y0: number, x1: number, y1: number, size: number): Box {
    const radius = size / 2;
    const steps = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0) / Math.max(radius / 2, 0.5)));
    for (let step = 0; step <= steps; step++) {
      const x = x0 + ((x1 - x0) * step) / steps;
      const y = y0 + ((y1 - y0) * step) / steps;
      for (let row = Math.max(Math.floor(y - radius), 0); row <= Math.min(Math.ceil(y + radius), this.height - 1); row++) {
        for (let column = Math.max(Math.floor(x - radius), 0); column <= Math.min(Math.ceil(x + radius), this.width - 1); column++) {
          const near = Math.hypot(column + 0.5 - x, row + 0.5 - y) <= Math.max(radius, 0.5);
          if (near || (column === Math.floor(x) && row === Math.floor(y))) this.#set(row * this.width + column);
        }
      }
    }
    return this.repaint({ left: Math.min(x0, x1) - radius - 2, top: Math.min(y0, y1) - radius - 2, right: Math.max(x0, x1) + radius + 2, bottom: Math.max(y0, y1) + radius + 2 });
  }

  /** The inside of a polygon, even-odd, pixels whose centres lie in it. */
  fill(points: readonly (readonly [number, number])[]): Box {
    const ys = points.map(([, y]) => y);
    for (let row = Math.max(Math.floor(Math.min(...ys)), 0); row <= Math.min(Math.ceil(Math.max(...ys)), this.height - 1); row++) {
      const y = row + 0.5;
      const cuts: number[] = [];
      points.forEach(([x0, y0], place) => {
        const [x1, y1] = points[(place + 1) % points.length]!;
        if (y0 <= y !== y1 <= y) cuts.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
      });
      cuts.sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < cuts.length; pair += 2) {
        for (let column = Math.max(Math.ceil(cuts[pair]! - 0.5), 0); column < Math.min(cuts[pair + 1]! - 0.5, this.width); column++) this.#set(row * this.width + column);
      }
    }
    const xs = points.map(([x]) => x);
    return this.repaint({ left: Math.min(...xs) - 1, top: Math.min(...ys) - 1, right: Math.max(...xs) + 1, bottom: Math.max(...ys) + 1 });
  }

  /** Pixels of one class inside a box become another one's, but for those that another box of that class holds as well. */
  relabel(mark: Marked, others: readonly Marked[]): Box {
    const inside = ({ box: [left, top, width, height] }: Marked, column: number, row: number): boolean => column >= left && column < left + width && row >= top && row < top + height;
    const rivals = others.filter((one) => one !== mark && one.label === mark.label);
    const [left, top, width, height] = mark.box;
    for (let row = Math.max(Math.floor(top), 0); row < Math.min(top + height, this.height); row++) {
      for (let column = Math.max(Math.floor(left), 0); column < Math.min(left + width, this.width); column++) {
        const place = row * this.width + column;
        if (this.mask[place] === mark.label && !rivals.some((one) => inside(one, column + 0.5, row + 0.5))) this.#set(place);
      }
    }
    return this.repaint({ left, top, right: left + width, bottom: top + height });
  }

  end(boxes: Marked[] = this.boxes): void {
    if (!this.#now.size && boxes === this.boxes) return;
    this.#done.push({ id: ++this.#count, places: Uint32Array.from(this.#now.keys()), before: Uint8Array.from(this.#now.values()), after: this.#value, boxes: [this.boxes, boxes] });
    this.boxes = boxes;
    if (this.#done.length > 200) this.#oldest = this.#done.shift()!.id;
    this.#undone = [];
    this.#now.clear();
  }

  undo(): void {
    const stroke = this.#done.pop();
    if (!stroke) return;
    stroke.places.forEach((place, index) => (this.mask[place] = stroke.before[index]!));
    this.boxes = stroke.boxes[0];
    this.#undone.push(stroke);
    this.repaint({ left: 0, top: 0, right: this.width, bottom: this.height });
  }

  redo(): void {
    const stroke = this.#undone.pop();
    if (!stroke) return;
    for (const place of stroke.places) this.mask[place] = stroke.after;
    this.boxes = stroke.boxes[1];
    this.#done.push(stroke);
    this.repaint({ left: 0, top: 0, right: this.width, bottom: this.height });
  }

  repaint(asked: Box): Box {
    const box = {
      left: Math.max(Math.floor(asked.left), 0), top: Math.max(Math.floor(asked.top), 0),
      right: Math.min(Math.ceil(asked.right), this.width), bottom: Math.min(Math.ceil(asked.bottom), this.height),
    };
    const data = this.picture.data;
    for (let row = box.top; row < box.bottom; row++) {
      for (let column = box.left; column < box.right; column++) {
        const place = row * this.width + column;
        const value = this.mask[place]!;
        const [red, green, blue] = value === NO_DATA ? ([128, 128, 128] as const) : colour(Math.max(value - 1, 0));
        data[place * 4] = red;
        data[place * 4 + 1] = green;
        data[place * 4 + 2] = blue;
        data[place * 4 + 3] = value === 0 ? 0 : value === NO_DATA ? ((row + column) % 6 < 2 ? 200 : 60) : Math.round(this.opacity * 255);
      }
    }
    return box;
  }
}
