import { BrokerError, type MessageBatch } from "../../../protocol.ts";
import { findReplyStreamMistake } from "../../protocol/limits.ts";
import type { EngineReplyStream, ReplySink } from "../engine.ts";

/**
 * The streams that replies go to, by name: one for each session that has made a request. Nothing is kept
 * in them; a reply is passed on, or there is nobody to pass it on to.
 */
export class ReplyStreams {
  readonly #sinks = new Map<string, ReplySink>();

  get count(): number {
    return this.#sinks.size;
  }

  /**
   * Opens one.
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
        // After its end, the name may be another one's.
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
