/**
 * A disk in memory that does what a journaling file system may do at its worst, and nothing beyond.
 * Everything follows from a seed and from the calls.
 *
 * Reads see the page cache: all that was written. A power cut leaves what was flushed before it. Of
 * the rest, some sectors arrived and some did not, in any order; instead of one that did not arrive
 * there may be garbage. Bytes that nobody wrote to since they were flushed keep their value. How
 * long a file is, and which names there are, changes in the order in which it was asked for, and a
 * power cut comes anywhere in that order.
 *
 * @module
 */

import {
  DescriptorShortageError,
  type Disk,
  type DiskEntry,
  type DiskFile,
  DiskFullError,
} from "../../../src/engine/journal/disk/disk.ts";
import { Random } from "../random.ts";

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
/** For how many turns of the queue of microtasks a flush takes at most. */
const FLUSH_TURNS_MAX = 4;

/**
 * How a call fails; a write that is `"short"` does not fail but takes only some of the bytes. Only
 * files that are created need a descriptor: other calls do not fail with `"EMFILE"`.
 */
export type DiskFault = "EIO" | "ENOSPC" | "EMFILE" | "short";

/** How the disk behaves. */
export interface SimulatedDiskOptions {
  /** What all that it decides follows from. */
  readonly seed: number;
  /** How many bytes fit on it; by default there is no end. */
  readonly capacity?: number | undefined;
  /** How likely a flush of a file only pretends to be one, and whether all of the directory do. */
  readonly lying?: { readonly skipFileSync?: number; readonly skipDirectorySync?: boolean };
}

/** A directory in memory whose power can be cut. The next process may use the same object. */
export class SimulatedDisk implements Disk {
  readonly path = "(simulated)";
  /** How many bytes fit on it, where there is an end. May change at any time. */
  capacity: number | undefined;
  /** Whether no file can be opened or created, nor the directory listed. May change at any time. */
  isOutOfDescriptors = false;
  /** What somebody has done to the directory, in words, if anything. */
  loss: string | undefined;
  /** How many calls there were of those that {@linkcode SimulatedDisk.failAt} counts. */
  calls = 0;
  readonly #lying: NonNullable<SimulatedDiskOptions["lying"]>;
  readonly #random: Random;
  readonly #faults = new Map<number, DiskFault>();
  /** Which process has it, counted: the files that an earlier one opened are dead. */
  #life = 0;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  /** What makes names from durable names, in order. */
  #unsynced: Naming[] = [];
  /** The last flush that began of each file, and of the directory. */
  #flushes = new WeakMap<Inode | SimulatedDisk, Promise<void>>();

  constructor({ seed, capacity, lying = {} }: SimulatedDiskOptions) {
    this.capacity = capacity;
    this.#lying = lying;
    this.#random = new Random(seed);
  }

  list(): DiskEntry[] {
    this.#requireDescriptor();
    const entries = [...this.#names];
    return entries.map(([name, { current: { size } }]) => ({ name, size, isFile: true }));
  }

  create(name: string): DiskFile {
    this.#requireDescriptor();
    this.#begin("create");
    if (this.#names.has(name)) throw new Deno.errors.AlreadyExists(`there is a file "${name}"`);
    const inode = new Inode();
    this.#rename({ from: undefined, to: name, inode });
    return this.#open(inode);
  }

  open(name: string): DiskFile {
    this.#requireDescriptor();
    return this.#open(this.#find(name));
  }

  rename(from: string, to: string): void {
    this.#begin("rename");
    this.#rename({ from, to, inode: this.#find(from) });
  }

  remove(name: string): void {
    this.#begin("remove");
    this.#rename({ from: name, to: undefined, inode: this.#find(name) });
  }

  async discard(name: string): Promise<void> {
    // On another thread: what else happens may happen before it.
    await undefined;
    this.remove(name);
  }

  async sync(): Promise<void> {
    const fault = this.#count("sync of the directory");
    const mark = this.#unsynced.at(-1);
    await this.#flush(this, () => {
      // The file system's journal still has the namings: a later flush makes them durable.
      if (fault instanceof Error) throw fault;
      if (this.#lying.skipDirectorySync) return;
      this.#makeNamesDurable(this.#unsynced.findIndex((naming) => naming === mark) + 1);
    });
  }

  measureFree(): number | undefined {
    if (this.capacity === undefined) return undefined;
    let room = this.capacity;
    for (const { current } of this.#names.values()) room -= current.size;
    return Math.max(0, room);
  }

  findLoss(names: () => Iterable<string>): string | undefined {
    return this.loss ?? [...names()].find((name) => !this.#names.has(name));
  }

  /** Does nothing: the next process may open the directory again. */
  close(): void {}

  /**
   * Plans that a call fails: the `call`th from now on, with 1 for the next, of those that change or
   * flush something. Another call than a write is never short. Without room a write throws a
   * {@linkcode DiskFullError}; else what is thrown has a `code`.
   */
  failAt(call: number, what: DiskFault): void {
    if (!(call >= 1)) throw new RangeError(`the next call is number 1, found ${call}`);
    this.#faults.set(this.calls + call, what);
  }

  /** Forgets all faults that were planned and have not come. */
  heal(): void {
    this.#faults.clear();
  }

  /** Cuts the power: what is left is what the next process finds. Files that were open are dead. */
  powerCut(): void {
    this.processKill();
    this.#makeNamesDurable(this.#random.below(this.#unsynced.length + 1));
    this.#unsynced = [];
    this.#names = new Map(this.#durableNames);
    for (const inode of this.#names.values()) inode.crash(this.#random);
  }

  /** Kills the process: nothing that was written is lost. Files that were open are dead. */
  processKill(): void {
    this.#life++;
    // Flushes that the dead process began never end; nobody is to wait for them.
    this.#flushes = new WeakMap();
  }

  /** What is in a file, as reads see it. */
  readAll(name: string): Uint8Array {
    return this.#find(name).current.view().slice();
  }

  /** Flips one bit of a file; all of the file is durable then, as after all that damages one. */
  flipBit(name: string, bit: number): void {
    this.#damage(name, (content) => {
      const index = Math.floor(bit / 8);
      if (!(index >= 0 && index < content.size)) throw new RangeError(`there is no bit ${bit}`);
      content.view()[index]! ^= 1 << bit % 8;
    });
  }

  /** Sets the bytes of a file from one position to before another to zero. */
  zero(name: string, from: number, to: number): void {
    this.#damage(name, (content) => content.view().fill(0, from, to));
  }

  /** Cuts a file to so many bytes. */
  cut(name: string, size: number): void {
    this.#damage(name, (content) => content.cut(size));
  }

  /** Puts other bytes in the place of all of a file, which need not be there yet. */
  replace(name: string, bytes: Uint8Array): void {
    if (!this.#names.has(name)) {
      this.#rename({ from: undefined, to: name, inode: new Inode() });
      this.#makeNamesDurable(this.#unsynced.length);
    }
    this.#damage(name, (content) => {
      content.cut(0);
      content.put(bytes, 0);
    });
  }

  /** Copies all but files that are open, faults that are planned, and the count of calls. */
  clone(seed: number): SimulatedDisk {
    const copy = new SimulatedDisk({ seed, capacity: this.capacity, lying: this.#lying });
    const copies = new Map<Inode, Inode>();
    const copyOf = (one: Inode) => copies.getOrInsertComputed(one, () => one.clone());
    for (const [name, inode] of this.#names) copy.#names.set(name, copyOf(inode));
    for (const [name, inode] of this.#durableNames) copy.#durableNames.set(name, copyOf(inode));
    copy.#unsynced = this.#unsynced.map((one) => ({ ...one, inode: copyOf(one.inode) }));
    return copy;
  }

  #open(inode: Inode): DiskFile {
    const life = this.#life;
    let isOpen = true;
    const alive = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A): R => {
      if (life !== this.#life) throw new Error("disk is gone");
      if (!isOpen) throw new Deno.errors.BadResource("the file is closed");
      return call(...args);
    };
    return {
      measure: alive(() => inode.current.size),
      read: alive((buffer, position) => inode.current.read(buffer, position)),
      write: alive((bytes, position) => this.#write(inode, bytes, position)),
      // Whoever waits for it gets all errors in the same way.
      sync: async () => await alive(() => this.#syncFile(inode))(),
      truncate: alive((size) => {
        this.#begin("truncate");
        inode.truncate(size);
      }),
      isAt: alive((name) => this.#names.get(name) === inode),
      close: alive(() => void (isOpen = false)),
    };
  }

  #write(inode: Inode, bytes: Uint8Array, position: number): number {
    const isShort = this.#begin("write") === "short";
    if (bytes.length === 0) return 0;
    const end = inode.current.size + (this.measureFree() ?? Infinity);
    const fit = Math.min(bytes.length, end - position);
    if (fit <= 0) throw new DiskFullError("no space left on the simulated disk");
    const count = isShort && fit > 1 ? 1 + this.#random.below(fit - 1) : fit;
    inode.write(bytes.subarray(0, count), position);
    return count;
  }

  async #syncFile(inode: Inode): Promise<void> {
    const fault = this.#count("sync");
    const isLie = this.#random.chance(this.#lying.skipFileSync ?? 0);
    const mark = inode.changeCount;
    await this.#flush(inode, () => {
      if (fault instanceof Error) {
        inode.lose(mark, this.#random);
        throw fault;
      }
      if (!isLie) inode.makeDurable(mark);
    });
  }

  /**
   * Does in a later microtask what a flush does, after the flushes of the same thing that began
   * before. Flushes of other things may overtake it.
   */
  async #flush(what: Inode | SimulatedDisk, finish: () => void): Promise<void> {
    const life = this.#life;
    const before = this.#flushes.get(what);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#flushes.set(what, promise);
    await before;
    for (let turn = this.#random.below(FLUSH_TURNS_MAX); turn > 0; turn--) await undefined;
    // A process that is dead learns nothing any more, not even that.
    if (life !== this.#life) await new Promise<never>(() => {});
    resolve();
    finish();
  }

  /** Counts a call; returns the fault that was planned for it. */
  #count(call: string): Error | "short" | undefined {
    const fault = this.#faults.get(++this.calls);
    if (fault === undefined) return undefined;
    this.#faults.delete(this.calls);
    if (fault === "short") return fault;
    if (fault === "EMFILE") {
      return call === "create" ? new DescriptorShortageError("as planned") : undefined;
    }
    const message = `${fault}: ${call} fails as planned`;
    if (fault === "ENOSPC" && call === "write") return new DiskFullError(message);
    return Object.assign(new Error(message), { code: fault });
  }

  /** Counts a call, and throws if it is to fail. */
  #begin(call: string): "short" | undefined {
    const fault = this.#count(call);
    if (fault instanceof Error) throw fault;
    return fault;
  }

  #requireDescriptor(): void {
    if (this.isOutOfDescriptors) throw new DescriptorShortageError("as planned");
  }

  #find(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw new Deno.errors.NotFound(`there is no file "${name}"`);
    return inode;
  }

  #rename(naming: Naming): void {
    apply(naming, this.#names);
    this.#unsynced.push(naming);
  }

  /** Makes the oldest so many namings durable that are not yet. */
  #makeNamesDurable(count: number): void {
    for (const naming of this.#unsynced.splice(0, count)) apply(naming, this.#durableNames);
  }

  #damage(name: string, change: (content: Content) => void): void {
    const inode = this.#find(name);
    change(inode.current);
    inode.settle();
  }
}

/** A name that a file gets, or loses, or both. */
interface Naming {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly inode: Inode;
}

function apply({ from, to, inode }: Naming, names: Map<string, Inode>): void {
  if (from !== undefined) names.delete(from);
  if (to !== undefined) names.set(to, inode);
}

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
class Inode {
  /** What reads see. */
  readonly current = new Content();
  /** What is on the disk. */
  readonly durable = new Content();
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
class Content {
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
      const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length, MEMORY_SIZE));
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
