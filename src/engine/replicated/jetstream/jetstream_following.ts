import type { Msg } from "@nats-io/transport-node";
import type { Log, LogFollowing, LogReader } from "../log.ts";
import type { LogNames } from "./log_stream.ts";
import type { NatsLink } from "./nats_link.ts";

/** After so long without a record, it is asked for, in milliseconds; and so often that is looked at. */
const SILENCE_MS = 250;
const LOOK_MS = 50;

/** So often the bounds are asked for while nothing comes, in milliseconds. */
const BOUNDS_MS = 1_000;

/** How much is asked for at once. */
const BATCH = { records: 128, bytes: 8 * 1024 * 1024 };

/** What ends the answers to a question for several records; nothing was found. */
const END = 204;
const NOT_FOUND = 404;

/** What a following is made of. */
export interface FollowingOptions {
  readonly names: LogNames;
  readonly from: number;
  readonly reader: LogReader;
  /** How long an answer may take, in milliseconds. */
  readonly silenceMs: number;
  readonly log: Pick<Log, "bounds" | "read">;
  readonly report: (level: "warning", message: string) => void;
  readonly ended: () => void;
}

/**
 * Follows the log without a consumer, which might not come back when its node is lost: the node that leads
 * tells of each record it has stored; what is missed, and what nobody tells of, is asked for.
 */
export class JetStreamFollowing implements LogFollowing {
  readonly #options: FollowingOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #link: NatsLink | undefined;
  #unsubscribe: (() => void) | undefined;
  /** The sequence that comes next. */
  #next: number;
  #heardAt = performance.now();
  #askedAt = -Infinity;
  #isAsking = false;
  #isAskedAgain = false;
  #isStopped = false;
  /** The end of the log that was said to be shorter: said once, and told when it is said again. */
  #shorter: { readonly last: number; isTold: boolean } | undefined;

  constructor(options: FollowingOptions) {
    this.#options = options;
    this.#next = options.from;
    this.#timer = setInterval(() => {
      if (performance.now() - this.#heardAt >= SILENCE_MS) this.#fill();
    }, LOOK_MS);
  }

  /** Goes on with another connection. */
  attach(link: NatsLink): void {
    if (this.#isStopped) return;
    this.#unsubscribe?.();
    this.#link = link;
    this.#unsubscribe = link.subscribe(this.#options.names.told, (message) => {
      if (this.#link === link) this.#hear(message);
    });
    this.#fill();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    this.#options.ended();
  }

  /** A record that was just stored. */
  #hear(message: Msg): void {
    const sequence = readSequence(message);
    if (sequence === this.#next) this.#take(message);
    else if (sequence > this.#next) this.#fill();
  }

  #take(message: Msg): void {
    if (this.#isStopped) return;
    this.#heardAt = performance.now();
    this.#shorter = undefined;
    // A Buffer's `slice` would not copy, as that of other bytes does.
    const { buffer, byteOffset, byteLength } = message.data;
    const record = new Uint8Array(buffer, byteOffset, byteLength);
    try {
      this.#options.reader.take(this.#next++, record);
    } catch (error) {
      // Thrown in here, it would end the connection without a word.
      this.stop();
      reportError(error);
    }
  }

  /** Asks for all that is missing; once more if something was missed meanwhile. */
  #fill(): void {
    this.#isAskedAgain = true;
    if (this.#isAsking || this.#isStopped) return;
    this.#isAsking = true;
    void (async () => {
      try {
        while (this.#isAskedAgain && !this.#isStopped) {
          this.#isAskedAgain = false;
          while (await this.#askForMore());
        }
      } catch {
        // The node is lost, or slow. The next silence asks again.
      }
      this.#heardAt = performance.now();
      this.#isAsking = false;
    })();
  }

  /** Asks for the next records; says whether there may be more. */
  async #askForMore(): Promise<boolean> {
    const link = this.#link;
    if (link === undefined || link.isClosed || this.#isStopped) return false;
    const before = this.#next;
    let ahead = false;
    let isMore = false;
    const { stream } = this.#options.names;
    const { records: batch, bytes } = BATCH;
    await link.ask({
      subject: `$JS.API.DIRECT.GET.${stream}`,
      payload: JSON.stringify({ seq: before, batch, "max_bytes": bytes }),
      what: "follow the log",
      silenceMs: this.#options.silenceMs,
      take: (message) => {
        const code = message.headers?.code ?? 0;
        if (code === NOT_FOUND || code === END || code >= 400) {
          isMore = code === END && Number(message.headers?.get("Nats-Num-Pending")) > 0;
          return true;
        }
        const sequence = readSequence(message);
        if (sequence === this.#next) this.#take(message);
        else if (sequence > this.#next) ahead = true;
        return false;
      },
    });
    if (ahead || this.#next === before) await this.#lookAtBounds(ahead);
    return isMore && this.#next > before && !this.#isStopped;
  }

  /** Nothing came: the log may be trimmed or shorter; or the node that was asked may lag behind. */
  async #lookAtBounds(isGap: boolean): Promise<void> {
    const now = performance.now();
    if (!isGap && now - this.#askedAt < BOUNDS_MS) return;
    this.#askedAt = now;
    const { log, reader, report } = this.#options;
    const { first, last } = await log.bounds();
    if (this.#isStopped) return;
    if (first > this.#next) {
      this.stop();
      reader.trimmed(first);
    } else if (last < this.#next - 1) {
      this.#noteShorter(last);
    } else if (last >= this.#next) {
      const next = this.#next;
      const record = await log.read(next);
      // The node may have told of it meanwhile: then this is the one before the next.
      if (this.#next !== next) return;
      if (record !== undefined) this.#take({ data: record } as Msg);
      else if (isGap) report("warning", `the log of NATS has no record ${next}, trying on`);
    }
  }

  /** A node that does not know yet that it leads no more may say so once. */
  #noteShorter(last: number): void {
    if (this.#shorter?.last !== last) this.#shorter = { last, isTold: false };
    else if (!this.#shorter.isTold) {
      this.#shorter.isTold = true;
      this.#options.reader.shorter(last);
    }
  }
}

function readSequence(message: Msg): number {
  return Number(message.headers?.get("Nats-Sequence"));
}
