import { BrokerError, type MessageBatch } from "../../../protocol.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextMap } from "../collections/text_map.ts";
import { findReplyStreamMistake } from "../../protocol/limits.ts";
import type { EngineReplyStream, ReplySink } from "../engine.ts";

/**
 * The streams for replies, by name: one for each session that has made a request. They store nothing: a
 * reply is passed on to the session, or refused.
 */
export class ReplyStreams {
  readonly #sinks: TextMap<ReplySink>;

  /** @param hash The hash of names, which others may use too; without a secret key by default. */
  constructor(hash?: KeyedHash) {
    this.#sinks = new TextMap(hash);
  }

  get count(): number {
    return this.#sinks.size;
  }

  /**
   * Opens a stream for replies.
   *
   * @throws {BrokerError} `BAD_REQUEST` if the name is not allowed, or taken.
   */
  open(name: string, sink: ReplySink): EngineReplyStream {
    const mistake = findReplyStreamMistake(name);
    if (mistake !== undefined) throw cannotOpen(mistake);
    if (this.#sinks.has(name)) throw cannotOpen("the name is taken");
    this.#sinks.set(name, sink);
    return {
      close: () => {
        // The name may have been opened again since.
        if (this.#sinks.get(name) === sink) this.#sinks.delete(name);
      },
    };
  }

  /**
   * Passes replies on.
   *
   * @throws {BrokerError} `STREAM_NOT_FOUND` if the requester is gone.
   */
  reply(name: string, batch: MessageBatch): void {
    const sink = this.#sinks.get(name);
    if (sink !== undefined) return sink.deliver(batch);
    throw new BrokerError("STREAM_NOT_FOUND", "Cannot reply: the requester is gone");
  }
}

function cannotOpen(why: string): BrokerError {
  return new BrokerError("BAD_REQUEST", `Cannot open a stream for replies: ${why}`);
}
