import type { MessageBatch } from "../../../protocol.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryLane } from "../../protocol/messages/properties.ts";
import { readLabel } from "../../protocol/messages/short_text.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { KeyTable } from "../ready/key_table.ts";
import { Lane, type LaneDefaults } from "./lane.ts";

/** The lanes of a share, by the bytes of their names and by number. */
export class LaneTable {
  /** The lane of the messages without one. */
  readonly nameless: Lane;
  readonly #defaults: LaneDefaults;
  readonly #numbers: KeyTable;
  readonly #lanes: (Lane | undefined)[];
  /** When the buckets of all lanes were empty; undefined if they never were. */
  #emptyAsOf: number | undefined;

  constructor(defaults: LaneDefaults, hash: KeyedHash | undefined) {
    this.#defaults = defaults;
    this.#numbers = new KeyTable(hash);
    this.nameless = new Lane(0, "", defaults);
    this.#lanes = [this.nameless];
  }

  /** The number of lanes, without that of the messages without one. */
  get size(): number {
    return this.#numbers.size;
  }

  /** The lane of a number; the nameless one for a number that no lane has. */
  get(number: number | undefined): Lane {
    return this.#lanes[number ?? 0] ?? this.nameless;
  }

  /** The lane of the entry at `offset`: a new one if it is not known. */
  at(buffer: Uint8Array, offset: number): Lane {
    const at = findEntryLane(buffer, offset);
    if (at === 0) return this.nameless;
    const number = this.#numbers.require(buffer, at + 1, at + 1 + buffer[at]!);
    return this.#lanes[number] ?? this.#add(number, readLabel(buffer, at));
  }

  /** How many messages of a batch each lane has; those without one are left out. */
  countLanes({ buffer, start, end }: MessageBatch): Map<Lane, number> {
    const counts = new Map<Lane, number>();
    for (let offset = start; offset < end; offset += readEntrySize(buffer, offset)) {
      const lane = this.at(buffer, offset);
      if (lane !== this.nameless) counts.set(lane, (counts.get(lane) ?? 0) + 1);
    }
    return counts;
  }

  /** The lane of the entry at `offset`, if it is known. */
  findAt(buffer: Uint8Array, offset: number): Lane | undefined {
    return this.#unlessNew(this.at(buffer, offset));
  }

  /** The lane of a name, if there is one. */
  find(name: string): Lane | undefined {
    return this.#unlessNew(this.require(name));
  }

  #unlessNew(lane: Lane): Lane | undefined {
    if (lane.isUnused && !lane.isIdle && lane.home === undefined) {
      this.delete(lane);
      return undefined;
    }
    return lane;
  }

  /** The lane of a name: a new one if it is not known. */
  require(name: string): Lane {
    const bytes = encodeUtf8(name);
    const number = this.#numbers.require(bytes, 0, bytes.length);
    return this.#lanes[number] ?? this.#add(number, name);
  }

  delete(lane: Lane): void {
    if (this.#lanes[lane.number] !== lane) return;
    lane.home?.remove(lane);
    this.#numbers.delete(lane.number);
    this.#lanes[lane.number] = undefined;
    if (this.size === 0) this.#lanes.length = 1;
  }

  /** Empties the buckets of all lanes, also of those that come later and were not known then. */
  emptyAsOf(at: number): void {
    this.#emptyAsOf = at;
    for (const lane of this) lane.emptyAsOf(at);
  }

  /** Has lanes that come later begin with no more tokens than a lane has that is forgotten. */
  emptyLike({ rate, restsAt }: Lane): void {
    if (rate === null) return;
    this.#emptyAsOf = Math.max(this.#emptyAsOf ?? -Infinity, restsAt - rate.perMs);
  }

  /** Above all numbers of lanes. */
  get endNumber(): number {
    return this.#lanes.length;
  }

  /** The lanes of so many numbers. */
  slice(from: number, count: number): Lane[] {
    return this.#lanes.slice(from, from + count).filter((lane) => lane !== undefined);
  }

  /** All lanes, the nameless one first. */
  *[Symbol.iterator](): Generator<Lane> {
    for (const lane of this.#lanes) if (lane !== undefined) yield lane;
  }

  #add(number: number, name: string): Lane {
    const lane = new Lane(number, name, this.#defaults);
    if (this.#emptyAsOf !== undefined) lane.emptyAsOf(this.#emptyAsOf);
    this.#lanes[number] = lane;
    return lane;
  }
}
