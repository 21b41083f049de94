import type { Random } from "../random.ts";

/** What reaches the disk in one piece or not at all, in bytes. */
const SECTOR_SIZE = 512;
/** What the system keeps of a file in one piece of memory, in bytes. */
const PAGE_SIZE = 4096;
/** How much memory a file takes at first, and small copies together, in bytes. */
const MEMORY_SIZE = 64 * 1024;
/** How likely there is garbage where a sector did not arrive. */
const GARBAGE_CHANCE = 1 / 16;
/** How likely sectors arrive, one power cut for each: often all or nothing does. */
const ARRIVAL_CHANCES = [0, 0.1, 0.5, 0.9, 1];

/** Bytes at a place of a file. */
interface Write {
  readonly type: "write";
  /** Its number among all changes of the file. */
  readonly serial: number;
  readonly position: number;
  readonly end: number;
  /** Nothing if the disk lost them, and nothing is left of the write but that the file grew. */
  readonly bytes: Uint8Array | undefined;
}

/** A file becomes shorter. */
interface Truncation {
  readonly type: "truncation";
  readonly serial: number;
  readonly size: number;
}

/** A file, whatever its name. */
export class Inode {
  /** What reads see. */
  readonly current: Content = new Content();
  /** What is on the disk. */
  readonly durable: Content = new Content();
  /** How many changes there were: the number of the next. */
  changeCount = 0;
  /** What is not on the disk and may get there, in order. */
  #unsynced: (Write | Truncation)[] = [];
  /** Whether reads see what will never get to the disk. */
  #hasLost = false;

  write(bytes: Uint8Array, position: number): void {
    this.current.put(bytes, position);
    const end = position + bytes.length;
    const serial = this.changeCount++;
    this.#unsynced.push({ type: "write", serial, position, end, bytes: keep(bytes) });
  }

  truncate(size: number): void {
    this.current.cut(size);
    this.#unsynced.push({ type: "truncation", serial: this.changeCount++, size });
  }

  /** Makes durable what was changed before a mark. */
  makeDurable(mark: number): void {
    const count = this.#unsynced.filter(({ serial }) => serial < mark).length;
    for (const change of this.#unsynced.splice(0, count)) {
      const { size } = this.durable;
      if (change.type === "truncation") this.durable.cut(Math.min(size, change.size));
      else if (change.bytes === undefined) this.durable.resize(Math.max(size, change.end));
      else this.durable.put(change.bytes, change.position);
    }
  }

  /** Loses what was written before a mark: the system takes it for flushed, and it is not. */
  lose(mark: number, random: Random): void {
    this.#hasLost = true;
    this.#unsynced = this.#unsynced.flatMap((change) => {
      if (change.type === "truncation" || change.serial >= mark) return [change];
      // The size is not in the pages that were lost, and may get to the disk or not.
      return random.chance(0.5) ? [{ ...change, bytes: undefined }] : [];
    });
  }

  /** Makes durable exactly what reads see. */
  settle(): void {
    this.durable.become(this.current);
    this.#unsynced = [];
    this.#hasLost = false;
  }

  /** Leaves what a power cut leaves. */
  crash(random: Random): void {
    if (this.#unsynced.length === 0 && !this.#hasLost) return;
    // The system may have flushed some of it on its own, in order and whole.
    const ownCount = random.below(this.#unsynced.length + 1);
    if (random.chance(0.5)) this.makeDurable(this.changeCount - ownCount);
    const { durable } = this;
    const arrivalChance = random.pick(ARRIVAL_CHANCES);
    const { length } = this.#unsynced;
    const sizedCount = random.chance(0.5) ? length : random.below(length + 1);
    let sizeMin = durable.size;
    let sizeMax = sizeMin;
    for (const [index, change] of this.#unsynced.entries()) {
      const isSized = index < sizedCount;
      if (change.type === "write") {
        if (isSized) sizeMax = Math.max(sizeMax, change.end);
        this.#scatter(change, arrivalChance, random);
      } else if (isSized) {
        sizeMin = Math.min(sizeMin, change.size);
        sizeMax = Math.min(sizeMax, change.size);
        if (change.size < durable.size) durable.cut(change.size);
      } else if (random.chance(0.25)) {
        // A page that is cut gets zeros behind its end, and may arrive before the size does.
        durable.view().fill(0, change.size, Math.ceil(change.size / PAGE_SIZE) * PAGE_SIZE);
      }
    }
    const anySize = sizeMin + random.below(sizeMax - sizeMin + 1);
    durable.resize(random.pick([sizeMin, anySize, sizeMax]));
    this.current.become(durable);
    this.settle();
  }

  clone(): Inode {
    const copy = new Inode();
    copy.current.become(this.current);
    copy.durable.become(this.durable);
    copy.#unsynced = this.#unsynced.slice();
    copy.changeCount = this.changeCount;
    copy.#hasLost = this.#hasLost;
    return copy;
  }

  /** Lets some sectors of a write arrive. */
  #scatter({ position, end, bytes }: Write, arrivalChance: number, random: Random): void {
    if (bytes === undefined) return;
    for (let from = position; from < end; from += SECTOR_SIZE - from % SECTOR_SIZE) {
      const to = Math.min(end, from - from % SECTOR_SIZE + SECTOR_SIZE);
      const piece = bytes.subarray(from - position, to - position);
      const isGarbage = !random.chance(arrivalChance);
      if (isGarbage && !random.chance(GARBAGE_CHANCE)) continue;
      this.durable.put(isGarbage ? piece.map(() => random.below(256)) : piece, from);
    }
  }
}

/** Where the next small copies go. */
let memory = new Uint8Array(0);

/** Copies bytes; to allocate memory for each copy alone takes longer than all else. */
function keep(bytes: Uint8Array): Uint8Array {
  if (bytes.length > memory.length) memory = new Uint8Array(Math.max(bytes.length, MEMORY_SIZE));
  const kept = memory.subarray(0, bytes.length);
  memory = memory.subarray(bytes.length);
  kept.set(bytes);
  return kept;
}

/** Bytes that can become more. Those behind the end are zeros. */
export class Content {
  #bytes = new Uint8Array(0);
  size = 0;

  /** All bytes themselves, not a copy. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  read(buffer: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(buffer.length, this.size - position));
    buffer.set(this.#bytes.subarray(position, position + count));
    return count;
  }

  /** Puts bytes to a position, with zeros before it if that is behind the end. */
  put(bytes: Uint8Array, position: number): void {
    this.resize(Math.max(this.size, position + bytes.length));
    this.#bytes.set(bytes, position);
  }

  /** Makes it shorter. */
  cut(size: number): void {
    if (!(size >= 0 && size <= this.size)) {
      throw new RangeError(`there is no size ${size} to cut to`);
    }
    this.#bytes.fill(0, size, this.size);
    this.size = size;
  }

  /** Makes it shorter, or longer with zeros. */
  resize(size: number): void {
    if (size < this.size) return this.cut(size);
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length, PAGE_SIZE));
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.size = size;
  }

  /** Makes it the same as another. */
  become(other: Content): void {
    this.resize(other.size);
    this.#bytes.set(other.view());
  }
}
