/** Allocator of the shared memory of a CPU device: blocks for all of its programs. */
import { MAX_PAGES } from "../wasm/render.ts";

const PAGE = 65536;
/** Blocks start at multiples of a cache line. */
const LINE = 64;

/** Rounds up to whole cache lines. */
export const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

interface Block {
  readonly at: number;
  readonly bytes: number;
}

/** The memory and its free blocks. */
export class Arena {
  /** The memory. */
  readonly memory: WebAssembly.Memory;
  #free: Block[];
  readonly #taken = new Map<number, number>();
  #end: number;

  /** A memory whose first page is kept for the threads' own words. */
  constructor() {
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared: true });
    this.#free = [];
    this.#end = PAGE;
  }

  /** Takes a block, or gives undefined where the memory cannot grow so far. It holds what was there before. */
  take(size: number): number | undefined {
    const bytes = lines(Math.max(1, size));
    let best = -1;
    this.#free.forEach((b, i) => {
      if (b.bytes >= bytes && (best < 0 || b.bytes < this.#free[best]!.bytes)) best = i;
    });
    if (best >= 0) {
      const { at, bytes: have } = this.#free[best]!;
      this.#free.splice(best, 1, ...(have > bytes ? [{ at: at + bytes, bytes: have - bytes }] : []));
      this.#taken.set(at, bytes);
      return at;
    }
    const last = this.#free.at(-1),
      at = last !== undefined && last.at + last.bytes === this.#end ? last.at : this.#end;
    if (!this.#grow(at + bytes)) return undefined;
    if (at !== this.#end) this.#free.pop();
    this.#end = at + bytes;
    this.#taken.set(at, bytes);
    return at;
  }

  #grow(end: number): boolean {
    const have = this.memory.buffer.byteLength, pages = Math.ceil((end - have) / PAGE);
    if (pages <= 0) return true;
    if (have / PAGE + pages > MAX_PAGES) return false;
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }

  /** Gives a block back. */
  give(at: number): void {
    const bytes = this.#taken.get(at);
    if (bytes === undefined) return;
    this.#taken.delete(at);
    const all = [...this.#free, { at, bytes }].sort((a, b) => a.at - b.at), merged: Block[] = [];
    for (const b of all) {
      const last = merged.at(-1);
      if (last !== undefined && last.at + last.bytes === b.at) {
        merged[merged.length - 1] = { at: last.at, bytes: last.bytes + b.bytes };
      } else merged.push(b);
    }
    this.#free = merged;
  }

  /** Bytes in use. */
  used(): number {
    return [...this.#taken.values()].reduce((a, b) => a + b, 0);
  }
}
