import { headers, type Msg } from "@nats-io/transport-node";
import {
  LeaderlessError,
  type Log,
  type LogBounds,
  type LogFollowing,
  type LogReader,
} from "../log.ts";
import { CODE, type JetStreamAnswer, JetStreamFault, readAnswer } from "./jetstream_answer.ts";
import { JetStreamFollowing } from "./jetstream_following.ts";
import { readBounds } from "./log_bounds.ts";
import {
  configureStream,
  findDifference,
  type LogNames,
  type LogStreamChoice,
  nameLog,
  type StreamConfiguration,
} from "./log_stream.ts";
import type { NatsLink } from "./nats_link.ts";
import { NatsNodes, type NatsNodesOptions, NatsRefusal } from "./nats_nodes.ts";

/** How to reach a log, and what it is. */
export interface JetStreamOptions
  extends LogStreamChoice, Pick<NatsNodesOptions, "addresses" | "readSecrets" | "report"> {
  /** The name of the cluster, and the id of the broker in it. */
  readonly cluster: string;
  readonly id: string;
  readonly leaseMs: number;
  /** The most bytes of a record: a node that does not take so many is refused. */
  readonly recordBytes?: number | undefined;
  /** Ends the attempts to open it. */
  readonly signal?: AbortSignal | undefined;
}

/** So long after an election began, nodes that know of no leader are cut off from one, in milliseconds. */
const ELECTION_MS = 15_000;

/** Bytes of a message beside its record: what it expects, as text. */
const CONDITION_BYTES = 256;

/** So often who appends looks whether it is connected to the node that leads, in milliseconds. */
const LOOK_MS = 5_000;

/** After so long without an answer it is asked whether anybody leads the log, in milliseconds. */
const PROBE_MS = 100;

/** So long a purge may take, in milliseconds. */
const PURGE_MS = 10_000;

/** So long between two attempts to find or make the stream, in milliseconds. */
const PAUSE_MS = 500;

/** A log in a stream of JetStream. */
export class JetStreamLog implements Log {
  readonly #options: JetStreamOptions;
  readonly #names: LogNames;
  readonly #nodes: NatsNodes;
  readonly #followings = new Set<JetStreamFollowing>();
  readonly #listeners: ((text: string) => void)[] = [];
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  /** How long an answer may take. */
  readonly #silenceMs: number;
  readonly #bytesMin: number;
  readonly #closing = Promise.withResolvers<void>();
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;
  /** Since when nodes have known of no leader. */
  #leaderlessSince: number | undefined;
  /** Since when the node that leads has heard too few of the others. */
  #aloneSince: number | undefined;
  /** Since when the node in use has answered nothing that helps. */
  #uselessSince: number | undefined;
  #isClosed = false;

  private constructor(options: JetStreamOptions) {
    this.#options = options;
    this.#names = nameLog(options.cluster);
    this.#silenceMs = options.leaseMs / 2;
    this.#bytesMin = (options.recordBytes ?? 0) + CONDITION_BYTES;
    this.#nodes = new NatsNodes({
      addresses: options.addresses,
      name: `simplemq ${options.cluster} ${options.id}`,
      readSecrets: options.readSecrets,
      report: options.report,
      silenceMs: this.#silenceMs,
      bytesMin: this.#bytesMin,
      linked: (link) => this.#attach(link),
    });
  }

  /**
   * Opens a log, and makes its stream if there is none. Waits as long as no node can be reached, or none leads.
   *
   * @throws {NatsRefusal} If waiting does not help: the nodes do not let us in, or the stream is another one.
   */
  static async open(options: JetStreamOptions): Promise<JetStreamLog> {
    const log = new JetStreamLog(options);
    const stop = () => void log.close();
    options.signal?.addEventListener("abort", stop);
    try {
      await log.#nodes.open();
      await log.#makeStream();
    } catch (error) {
      await log.close();
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", stop);
    }
    return log;
  }

  /** The name of the node in use, if there is one. */
  get node(): string | undefined {
    return this.#nodes.link?.node;
  }

  /** Resolves when it is closed. */
  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  get names(): LogNames {
    return this.#names;
  }

  async append(expected: number, record: Uint8Array): Promise<number> {
    const what = "append to the log";
    requireWhole(what, expected, 0);
    const link = this.#nodes.link ?? await this.#nodes.use(what, this.#silenceMs);
    const { subject } = this.#names;
    const question = { link, subject, payload: record, headers: expect(expected), what };
    const answer = await this.#ask(question);
    const { seq } = answer;
    // NATS compares, so that anything else cannot be.
    if (seq !== expected + 1) {
      throw new Error(`Cannot ${what}: it was stored as ${seq}, allowed ${expected + 1}`);
    }
    this.#lookForLeader();
    return expected + 1;
  }

  async read(sequence: number): Promise<Uint8Array | undefined> {
    requireWhole("read the log", sequence, 1);
    const subject = `$JS.API.STREAM.MSG.GET.${this.#names.stream}`;
    const payload = JSON.stringify({ seq: sequence });
    try {
      const { message } = await this.#ask({ subject, payload, what: "read the log" });
      const { data = "" } = message as { readonly data?: string };
      return decodeBase64(data);
    } catch (error) {
      if (error instanceof JetStreamFault && error.code === CODE.messageNotFound) return undefined;
      throw error;
    }
  }

  /** Reads a record from any node that has a replica; nothing if it is not there. */
  async readAnywhere(sequence: number): Promise<Uint8Array | undefined> {
    const what = "read the log";
    let record: Uint8Array | undefined;
    const link = this.#nodes.link ?? await this.#nodes.use(what, this.#silenceMs);
    await link.ask({
      subject: `$JS.API.DIRECT.GET.${this.#names.stream}`,
      payload: JSON.stringify({ seq: sequence }),
      what,
      silenceMs: this.#silenceMs,
      take: ({ headers, data }) => {
        if ((headers?.code ?? 0) < 400) record = data;
        return true;
      },
    });
    return record;
  }

  follow(from: number, reader: LogReader): LogFollowing {
    requireWhole("follow the log", from, 1);
    if (this.#isClosed) throw new Error("Cannot follow the log: it is closed");
    const following = new JetStreamFollowing({
      names: this.#names,
      silenceMs: this.#silenceMs,
      from,
      reader,
      log: this,
      report: this.#options.report,
      ended: () => this.#followings.delete(following),
    });
    this.#followings.add(following);
    const { link } = this.#nodes;
    if (link !== undefined) following.attach(link);
    return following;
  }

  async bounds(): Promise<LogBounds> {
    const what = "look at the log";
    const probe = this.#probe(what);
    const info = await Promise.race([this.#readInfo(what), probe.leaderless]).finally(probe.stop);
    const bounds = readBounds(info, this.#nodes.link?.node);
    if (bounds.hasMajority) this.#aloneSince = undefined;
    else this.#aloneSince ??= performance.now();
    return bounds;
  }

  async trim(below: number): Promise<void> {
    const what = "trim the log";
    requireWhole(what, below, 1);
    // NATS would go on behind it, and leave a gap.
    const { last } = await this.bounds();
    if (below > last + 1) {
      throw new RangeError(`Cannot ${what}: found ${below}, up to ${last + 1} is allowed`);
    }
    await this.#ask({
      subject: `$JS.API.STREAM.PURGE.${this.#names.stream}`,
      payload: JSON.stringify({ seq: below }),
      what,
      silenceMs: Math.max(PURGE_MS, this.#silenceMs),
    });
  }

  async changeNode(): Promise<void> {
    if (this.#isClosed) throw new Error("Cannot leave a node: the log is closed");
    await this.#nodes.change(this.#silenceMs);
  }

  announce(text: string): void {
    this.#nodes.link?.publish(this.#names.brokers, this.#encoder.encode(text));
  }

  listen(heard: (text: string) => void): void {
    this.#listeners.push(heard);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    for (const following of this.#followings) following.stop();
    await this.#nodes.close();
    await this.#looking;
  }

  /** Goes on with a new connection. */
  #attach(link: NatsLink): void {
    link.subscribe(this.#names.brokers, (message) => {
      const text = this.#decoder.decode(message.data);
      for (const heard of this.#listeners) heard(text);
    });
    for (const following of this.#followings) following.attach(link);
  }

  /** Finds the stream, or makes it. */
  async #makeStream(): Promise<void> {
    const { stream } = this.#names;
    const wanted = configureStream(this.#names, this.#options);
    for (;;) {
      try {
        const info = await this.#readInfo("find the log").catch(async (error) => {
          if (!(error instanceof JetStreamFault && error.code === CODE.streamNotFound)) throw error;
          this.#options.report("info", `the stream ${stream} of NATS is made`);
          const subject = `$JS.API.STREAM.CREATE.${stream}`;
          const payload = JSON.stringify(wanted);
          // Each node makes its part, which takes longer than a question.
          return await this.#ask({ subject, payload, what: "make the log", silenceMs: PURGE_MS });
        });
        const found = info.config as StreamConfiguration;
        const difference = findDifference(wanted, found, this.#bytesMin);
        if (difference === undefined) return;
        throw new NatsRefusal(
          `Cannot use the stream ${stream} of NATS: ${difference}; change the settings of ` +
            `"cluster", or the stream with "nats stream edit"`,
        );
      } catch (error) {
        if (error instanceof NatsRefusal || this.#options.signal?.aborted) throw error;
        if (error instanceof JetStreamFault) throw new NatsRefusal(error.message, { cause: error });
        const why = error instanceof Error ? error.message : String(error);
        this.#options.report("warning", `the log is not there yet, trying on: ${why}`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  /**
   * While nobody leads the log, a question about it is not answered; a record that can never be stored is,
   * by the node in use.
   */
  #probe(what: string): { readonly leaderless: Promise<never>; readonly stop: () => void } {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const { subject } = this.#names;
      const condition = expect(Number.MAX_SAFE_INTEGER);
      this.#ask({ subject, payload: "", headers: condition, what }).catch((error) => {
        if (error instanceof LeaderlessError) reject(error);
      });
    }, PROBE_MS);
    return { leaderless: promise, stop: () => clearTimeout(timer) };
  }

  #readInfo(what: string): Promise<JetStreamAnswer> {
    const subject = `$JS.API.STREAM.INFO.${this.#names.stream}`;
    return this.#ask({ subject, payload: "", what });
  }

  /** Asks something that has one answer, in JSON. */
  async #ask(
    { link, what, silenceMs = this.#silenceMs, ...question }: {
      readonly link?: NatsLink;
      readonly subject: string;
      readonly payload: Uint8Array | string;
      readonly headers?: ReturnType<typeof headers>;
      readonly what: string;
      readonly silenceMs?: number;
    },
  ): Promise<JetStreamAnswer> {
    const used = link ?? this.#nodes.link ?? await this.#nodes.use(what, silenceMs);
    let answer: Msg | undefined;
    const take = (message: Msg) => {
      answer = message;
      return true;
    };
    try {
      await used.ask({ ...question, what, silenceMs, take });
    } catch (error) {
      this.#noteUseless(used);
      throw error;
    }
    try {
      const read = readAnswer(answer!, what);
      this.#leaderlessSince = this.#uselessSince = undefined;
      return read;
    } catch (error) {
      if (!(error instanceof LeaderlessError)) {
        this.#leaderlessSince = this.#uselessSince = undefined;
        throw error;
      }
      this.#noteUseless(used);
      throw this.#doubt(error, used);
    }
  }

  /** A node that has had no answer for a lease's time is left: it may be cut off from the others, which answer. */
  #noteUseless(link: NatsLink): void {
    if (this.#isClosed || link !== this.#nodes.link) return;
    const now = performance.now();
    this.#uselessSince ??= now;
    if (now - this.#uselessSince < this.#options.leaseMs) return;
    this.#uselessSince = undefined;
    void this.changeNode().catch(() => {});
  }

  /** Elections end: a node that knows of no leader for longer is cut off from the others. */
  #doubt(error: LeaderlessError, link: NatsLink): Error {
    const now = performance.now();
    this.#leaderlessSince ??= this.#aloneSince ?? now;
    if (now - this.#leaderlessSince <= ELECTION_MS) return error;
    return new Error(`${error.message}, as far as ${link.node} knows, which may be cut off`);
  }

  /** Connects to the node that leads, if it is another one: a record goes half the way then. */
  #lookForLeader(): void {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.#looking = this.bounds().then(({ leader }) =>
      leader === undefined ? undefined : this.#nodes.prefer(leader)
    ).catch(() => {
      // The next look may tell.
    });
  }
}

/** The condition of an append. */
function expect(last: number): ReturnType<typeof headers> {
  const condition = headers();
  condition.set("Nats-Expected-Last-Sequence", String(last));
  return condition;
}

/** Throws unless it is what a sequence may be. */
function requireWhole(what: string, sequence: number, least: number): void {
  if (Number.isSafeInteger(sequence) && sequence >= least) return;
  const rule = `sequences are whole numbers from ${least} on`;
  throw new RangeError(`Cannot ${what}: ${rule}, found ${sequence}`);
}

/** A record as `STREAM.MSG.GET` gives it. */
function decodeBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
