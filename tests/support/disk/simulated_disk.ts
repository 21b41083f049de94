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
import { type Content, Inode } from "./simulated_file.ts";

/** For how many turns of the queue of microtasks a flush takes at most. */
const FLUSH_TURNS_MAX = 4;

/** So many zeros ahead are enough for the small groups of tests. */
export const AHEAD_BYTES: number = 32 * 1024;

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
  /** How many zeros its files want ahead; by default none. */
  readonly aheadBytes?: number | undefined;
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
  readonly #aheadBytes: number | undefined;
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

  constructor({ seed, capacity, aheadBytes, lying = {} }: SimulatedDiskOptions) {
    this.#aheadBytes = aheadBytes;
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
    // On another thread: what else happens may happen before it, also the end of the process.
    const life = this.#life;
    await undefined;
    if (life !== this.#life) await new Promise<never>(() => {});
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
    const copy = new SimulatedDisk({
      seed,
      capacity: this.capacity,
      aheadBytes: this.#aheadBytes,
      lying: this.#lying,
    });
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
      ...this.#aheadBytes !== undefined && { aheadBytes: this.#aheadBytes },
      measure: alive(() => inode.current.size),
      read: alive((buffer, position) => inode.current.read(buffer, position)),
      readLater: async (buffer, position) => {
        await undefined;
        return alive(() => inode.current.read(buffer, position))();
      },
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
