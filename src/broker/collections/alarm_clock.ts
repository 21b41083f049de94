/** Work that is due at a time. */
export class Alarm {
  /** When; `Infinity` if it is not set. */
  at: number = Infinity;
  /** Where it stands in its clock's heap; -1 if it is not set. */
  index = -1;
  readonly ring: (now: number) => void;

  constructor(ring: (now: number) => void) {
    this.ring = ring;
  }
}

/**
 * A heap of alarms, each of which can be set to another time. An owner of many deadlines keeps them in
 * order itself, and has one alarm for the first of them.
 *
 * There is no timer here: {@linkcode AlarmClock.tick} is told the time.
 */
export class AlarmClock {
  readonly #heap: Alarm[] = [];
  readonly #hasten: (at: number) => void;
  /** The time of the next tick that the caller was told. */
  #promisedAt = Infinity;

  /** @param hasten Is told of an alarm that is earlier than {@linkcode AlarmClock.tick} has returned. */
  constructor(hasten: (at: number) => void = () => {}) {
    this.#hasten = hasten;
  }

  /** Sets an alarm to a time; `Infinity` takes it out. */
  set(alarm: Alarm, at: number): void {
    if (at === alarm.at) return;
    if (at === Infinity) return this.#remove(alarm);
    const isLater = at > alarm.at;
    alarm.at = at;
    if (alarm.index < 0) {
      alarm.index = this.#heap.length;
      this.#heap.push(alarm);
    }
    if (isLater && this.#heap.length > 1) this.#siftDown(alarm);
    this.#siftUp(alarm);
    if (at < this.#promisedAt) {
      this.#promisedAt = at;
      this.#hasten(at);
    }
  }

  /** Sets an alarm to a time, unless it rings earlier anyway. */
  hasten(alarm: Alarm, at: number): void {
    if (at < alarm.at) this.set(alarm, at);
  }

  /**
   * Rings what is due; returns the time of the next alarm.
   *
   * @param hasTime Whether there is time for more: a hundred thousand may be due together.
   */
  tick(now: number, hasTime: () => boolean = () => true): number {
    // Alarms that are set while others ring are in the result.
    this.#promisedAt = -Infinity;
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#remove(first);
      first.ring(now);
      if (!hasTime()) break;
    }
    this.#promisedAt = this.#heap[0]?.at ?? Infinity;
    return this.#promisedAt;
  }

  #remove(alarm: Alarm): void {
    const { index } = alarm;
    alarm.at = Infinity;
    if (index < 0) return;
    alarm.index = -1;
    const last = this.#heap.pop()!;
    if (last === alarm) return;
    last.index = index;
    this.#heap[index] = last;
    this.#siftDown(last);
    this.#siftUp(last);
  }

  #siftUp(alarm: Alarm): void {
    const heap = this.#heap;
    let { index } = alarm;
    while (index > 0) {
      const parent = heap[(index - 1) >>> 1]!;
      if (parent.at <= alarm.at) break;
      this.#put(parent, index);
      index = (index - 1) >>> 1;
    }
    this.#put(alarm, index);
  }

  #siftDown(alarm: Alarm): void {
    const heap = this.#heap;
    let { index } = alarm;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      const next = heap[child]!;
      if (alarm.at <= next.at) break;
      this.#put(next, index);
      index = child;
    }
    this.#put(alarm, index);
  }

  #put(alarm: Alarm, index: number): void {
    this.#heap[index] = alarm;
    alarm.index = index;
  }
}
