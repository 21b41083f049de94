import { setImmediate } from "node:timers";

/** For so many turns of the event loop whatever has happened may have its consequences, before time goes on. */
const SETTLING_TURNS = 4;

interface Due {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
  isCancelled: boolean;
}

/**
 * Time that passes only when somebody lets it. What happens at a time happens in the order in which it was asked for,
 * and all that follows from it without waiting is over before the next thing happens.
 */
export class VirtualTime {
  #now = 0;
  #order = 0;
  /** A heap: the earliest is first. */
  readonly #heap: Due[] = [];

  /** In milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** Does something later; returns how to prevent that. */
  schedule(ms: number, action: () => void): () => void {
    const at = this.#now + Math.max(0, ms);
    const due: Due = { at, order: this.#order++, action, isCancelled: false };
    this.#push(due);
    return () => void (due.isCancelled = true);
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    while (this.#step(until)) await settle();
    this.#now = until;
  }

  /** Lets time pass until something is settled, at most so much of it; rejects if nothing will happen any more. */
  async until<T>(what: Promise<T>, mostMs: number = Infinity): Promise<T> {
    let isOver = false;
    const over = () => void (isOver = true);
    what.then(over, over);
    const until = this.#now + mostMs;
    await settle();
    while (!isOver) {
      if (!this.#step(until)) throw new Error(`Waited in vain until virtual time ${this.#now}`);
      await settle();
    }
    return await what;
  }

  #step(until: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > until) return false;
      this.#pop();
      if (first.isCancelled) continue;
      this.#now = Math.max(this.#now, first.at);
      first.action();
      return true;
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let index = heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, due)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || one.at === other.at && one.order < other.order;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLING_TURNS; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
