import type { RuleContext } from "./rule_context.ts";
import { countIds, type IdRange, joinRanges } from "../collections/id_ranges.ts";
import { findExcess } from "../stream/stream_limits.ts";
import type { Store } from "../store/store.ts";
import type { Stream } from "../stream/stream.ts";

/** Lets messages go that nobody has acknowledged, and that are kept nowhere else. */
export class Removal {
  readonly #context: RuleContext;

  constructor(context: RuleContext) {
    this.#context = context;
  }

  /** Lets go of messages that are in none of the lists of a share. */
  forget({ number }: Store, { firstId, count }: IdRange): void {
    this.#context.commit({ type: "dropped", number, firstId, count });
  }

  /** Lets the oldest go, if a stream holds more than it may after messages were added. */
  makeRoom(stream: Stream, added: IdRange): void {
    if (stream.options.overflow !== "drop-oldest") return;
    for (let old = findExcess(stream, added); old; old = findExcess(stream, added)) {
      for (const run of stream.share.takeUnheld([old])) this.forget(stream, run);
    }
  }

  /** Lets go of all messages that nobody holds; returns how many. */
  purge({ share }: Stream): number {
    const taken = share.takeAllUnheld();
    for (const run of joinRanges(taken)) this.forget(share.store, run);
    return countIds(taken);
  }
}
