import { BrokerError, type MessageBatch } from "../../../protocol.ts";
import { AgedMap } from "../collections/aged_map.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextMap } from "../collections/text_map.ts";
import { findReplyStreamMistake } from "../../protocol/limits.ts";
import type { EngineReplyStream, ReplySink } from "../engine.ts";

/** How many names of closed streams are remembered for each user. */
const CLOSED_MAX = 1000;

/** The names of closed streams of one user, the longest closed first. */
type ClosedNames = AgedMap<string, string>;

/**
 * The streams for replies, by name: one for each session that has made a request. They store nothing: a
 * reply is passed on to the session, or refused.
 */
export class ReplyStreams {
  readonly #sinks: TextMap<ReplySink>;
  /** The names of closed streams, each in the list of its user. */
  readonly #closed: TextMap<ClosedNames>;
  readonly #lists = new Map<string, ClosedNames>();
  readonly #hash: KeyedHash | undefined;

  /** @param hash The hash of names, which others may use too; without a secret key by default. */
  constructor(hash?: KeyedHash) {
    this.#hash = hash;
    this.#sinks = new TextMap(hash);
    this.#closed = new TextMap(hash);
  }

  get count(): number {
    return this.#sinks.size;
  }

  /**
   * Opens a stream for replies. Repliers know its name, and late replies may come after its end: so no other
   * user can take the name then.
   *
   * @param owner The user; undefined if it is nobody in particular, whose names are not remembered.
   * @throws {BrokerError} `BAD_REQUEST` if the name is not allowed, or taken.
   */
  open(name: string, sink: ReplySink, owner?: string): EngineReplyStream {
    const mistake = findReplyStreamMistake(name);
    if (mistake !== undefined) throw cannotOpen(mistake);
    const before = this.#closed.get(name);
    const isForeign = before !== undefined && before !== this.#lists.get(owner ?? "");
    if (isForeign || this.#sinks.has(name)) throw cannotOpen("the name is taken");
    this.#sinks.set(name, sink);
    return {
      close: () => {
        // The name may have been opened again since.
        if (this.#sinks.get(name) !== sink) return;
        this.#sinks.delete(name);
        if (owner !== undefined) this.#noteClosed(name, owner);
      },
    };
  }

  #noteClosed(name: string, owner: string): void {
    const list = this.#lists.get(owner) ?? new AgedMap(new TextMap(this.#hash));
    this.#lists.set(owner, list);
    list.set(name, name);
    this.#closed.set(name, list);
    if (list.size <= CLOSED_MAX) return;
    const oldest = list.oldestKey!;
    list.delete(oldest);
    this.#closed.delete(oldest);
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
