import { readEntryFlags, readEntryPriority } from "../../protocol/messages/entry.ts";
import { PropertyFlag } from "../../protocol/messages/properties.ts";
import { PagedMap } from "../tables/paged_map.ts";

/**
 * The messages that hold keys since the broker's start and have not been delivered again.
 *
 * Of a batch, nothing is written before it ends. So it is not known then that earlier messages of a key were in
 * the same batch as one that has failed out of the midst of it: they have to go before that one.
 */
export class RestoredHolders {
  /** Their priorities, by id. */
  readonly #priorities = new PagedMap<number>();
  #lastId = 0;

  /** None of them is behind a message with this id, or a higher one; 0 if there are none. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Adds a message, whose bytes are at an offset of a buffer. */
  add(id: number, buffer: Uint8Array, offset: number): void {
    this.#priorities.set(id, readEntryPriority(buffer, offset));
    this.#lastId = Math.max(this.#lastId, id);
  }

  delete(id: number): void {
    if (this.#lastId === 0) return;
    this.#priorities.delete(id);
    if (this.#priorities.size === 0) this.#lastId = 0;
  }

  /** Whether a holder is behind a message that is delivered for the first time: its bytes are given, too. */
  isBehind(holder: number, id: number, buffer: Uint8Array, offset: number): boolean {
    const priority = this.#priorities.get(holder);
    if (priority === undefined || holder < id) return false;
    // One that was delayed may have been overtaken.
    if ((readEntryFlags(buffer, offset) & PropertyFlag.deliverAt) !== 0) return false;
    return priority <= readEntryPriority(buffer, offset);
  }
}
