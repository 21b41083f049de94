import {
  BODY_BYTES_MAX,
  BrokerError,
  type ClusterMembers,
  FRAME_BYTES_RESERVE,
  type FrameDecoder,
  FrameType,
  type Goodbye,
  MAGIC,
  readControlFrame,
  type Welcome,
  writeControlFrame,
} from "../../../protocol.ts";
import { CAPABILITIES } from "../../protocol/frames/control_frame.ts";
import { FRAME_HEAD_BYTES } from "../../protocol/frames/frame_writer.ts";
import { systemClock } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";
import { Heartbeat } from "../../transport/heartbeat.ts";
import { Link, type LinkOwner } from "../../transport/link.ts";
import { connectedLinks } from "../../transport/sockets.ts";
import { whenAborted } from "../member/abort_listener.ts";
import { errorOfCall } from "../member/caller_trace.ts";
import { explainForeign } from "./foreign_answer.ts";

/** What a client says of itself. */
export interface Introduction {
  /** The client's name. */
  readonly client: string;
  /** The secret that shows whose client it is; `undefined` for none. */
  readonly token?: string | undefined;
  /** Whether a standby of a cluster will do. */
  readonly standby?: boolean | undefined;
  /** The beginning of error messages: `Cannot connect to a broker at localhost:9090`. */
  readonly action: string;
}

/** The events of an open session. */
export interface SessionEvents {
  handleFrame(frame: FrameDecoder): void;
  /** Other brokers belong to the cluster now. */
  handleBrokers(): void;
  /** The link has room again. */
  handleReady(): void;
  /** The broker is about to stop, and finishes what is under way. */
  handleGoodbye(): void;
}

/** The connection ended before the broker has answered the client's `hello`. */
export class UnansweredError extends Error {
  constructor() {
    super("the connection ended before the broker's answer");
    this.name = "UnansweredError";
  }
}

/** The interval between two looks at the heartbeat, in milliseconds. */
const SWEEP_MS = 1000;

/**
 * The interval if another broker can take over: silence is noticed at most two intervals late, since what was
 * received counts from the next look on.
 */
const CLUSTER_SWEEP_MS = 60;

/** One session with a broker, from the handshake to the end of its link. */
export class ClientSession implements LinkOwner {
  readonly link: Link;
  /** The bytes of received heartbeats, which are no progress. */
  idleBytes = 0;
  /** Whether the broker has sent anything after the welcome. */
  hasServed = false;
  /** When it was begun, by the system's clock. */
  readonly openedAt: number = systemClock.now();
  readonly #welcomed = Promise.withResolvers<void>();
  #welcome: Welcome | undefined;
  #members: ClusterMembers | undefined;
  readonly #ended: Promise<Error | undefined>;
  readonly #heartbeat = new Heartbeat();
  readonly #unlist: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #events: SessionEvents | undefined;
  /** Whether the broker has said that it is about to stop. */
  #isLeft = false;
  #error: Error | undefined;
  readonly #action: string;

  private constructor(duplex: Duplex, { client, token, standby, action }: Introduction) {
    this.#action = action;
    this.link = new Link(duplex, this, FRAME_BYTES_RESERVE);
    this.#unlist = connectedLinks.add(duplex, this.link);
    this.link.writer.bytes(MAGIC);
    writeControlFrame(this.link.writer, "hello", {
      client,
      capabilities: CAPABILITIES,
      ...token !== undefined && { token },
      ...standby && { standby },
    });
    this.link.flush();
    this.#ended = this.#run();
  }

  /**
   * Opens a session on a connection, which is closed if that fails.
   *
   * @param introduction What the client says of itself.
   * @param signal Gives up waiting for the broker's answer.
   * @throws {BrokerError} The error that the broker answered.
   */
  static async open(
    duplex: Duplex,
    introduction: Introduction,
    signal: AbortSignal,
  ): Promise<ClientSession> {
    const session = new ClientSession(duplex, introduction);
    const { promise, reject } = session.#welcomed;
    const abort = () => reject(signal.reason);
    const forget = signal.aborted ? abort() : whenAborted(signal, abort);
    try {
      await promise;
      return session;
    } catch (error) {
      session.link.close();
      await session.#ended;
      throw errorOfCall(error);
    } finally {
      forget?.();
    }
  }

  get welcome(): Welcome {
    return this.#welcome!;
  }

  /** The addresses of all brokers of the cluster, as they were told last; none outside of one. */
  get brokers(): readonly string[] {
    return (this.#members ?? this.welcome).brokers;
  }

  /** Hands frames over from now on; resolves when the link has ended, to the error if there is one. */
  serve(events: SessionEvents): Promise<Error | undefined> {
    this.#events = events;
    if (this.#isLeft) events.handleGoodbye();
    return this.#ended;
  }

  /** Says goodbye and closes; stops waiting when `hurry` resolves. */
  async close(hurry: Promise<void>): Promise<void> {
    writeControlFrame(this.link.writer, "goodbye", { message: "the client is done" });
    await Promise.race([this.link.drain(), hurry]);
    this.link.close();
    await this.#ended;
  }

  handleFrame(frame: FrameDecoder): void {
    if (frame.type === FrameType.goodbye) return this.#handleGoodbye(frame);
    if (this.#welcome === undefined) return this.#handleWelcome(frame);
    this.hasServed = true;
    if (frame.type === FrameType.heartbeat) this.idleBytes += FRAME_HEAD_BYTES;
    else if (frame.type === FrameType.brokers) this.#handleBrokers(frame);
    else if (this.#events !== undefined) this.#events.handleFrame(frame);
    // It may come together with the welcome; nothing else does before anybody has asked for it.
    else if (frame.type === FrameType.error) throw readError(frame);
  }

  handleReady(): void {
    this.#events?.handleReady();
  }

  #handleWelcome(frame: FrameDecoder): void {
    if (frame.type === FrameType.error) throw readError(frame);
    if (frame.type !== FrameType.welcome) {
      throw new BrokerError(
        "HANDSHAKE_EXPECTED",
        `${this.#action}: the broker's first frame is not a welcome`,
      );
    }
    this.#welcome = readControlFrame(frame, "welcome");
    // The limit of a message; batches of deliveries and answers to queries have a little more.
    frame.raiseLimit(BODY_BYTES_MAX + FRAME_BYTES_RESERVE);
    this.#startHeartbeat(this.#welcome);
    this.#welcomed.resolve();
  }

  #handleBrokers(frame: FrameDecoder): void {
    this.#members = readControlFrame(frame, "brokers");
    // Whoever opens the session asks for them by itself.
    this.#events?.handleBrokers();
  }

  /** A broker that has handed over finishes nothing more: its session ends at once. */
  #handleGoodbye(frame: FrameDecoder): void {
    const { code, message, details = {} } = readGoodbye(frame);
    if (code === "NOT_ACTIVE") throw new BrokerError(code, message, { details });
    // It may come together with the welcome, before anybody hears of events.
    this.#isLeft = true;
    this.#events?.handleGoodbye();
  }

  async #run(): Promise<Error | undefined> {
    try {
      await this.link.run();
    } catch (error) {
      this.#error ??= error instanceof Error ? error : new Error(String(error));
    }
    if (this.#welcome === undefined) {
      this.#error = explainForeign(this.#error, this.link.decoder, this.#action);
    }
    clearInterval(this.#timer);
    this.#unlist();
    this.link.close();
    this.#welcomed.reject(this.#error ?? new UnansweredError());
    return this.#error;
  }

  #startHeartbeat({ heartbeatMs, heartbeatTimeoutMs, progressMs, brokers }: Welcome): void {
    // A broker that is slow to read is alive as long as it sends something. It closes the connection
    // itself if nothing arrives.
    const limits = { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs: Infinity };
    const onFault = () => {
      this.#error = new BrokerError(
        "HEARTBEAT_LOST",
        "nothing was heard from the broker for too long",
      );
      this.link.close();
    };
    this.#heartbeat.watch(this.link, { limits, onFault, tellsProgress: true }, performance.now());
    const shortest = Math.min(heartbeatMs, heartbeatTimeoutMs);
    const usualMs = Math.max(1, Math.min(SWEEP_MS, shortest / 4, progressMs));
    const intervalMs = brokers.length > 0 ? Math.min(CLUSTER_SWEEP_MS, usualMs) : usualMs;
    this.#timer = setInterval(
      () => this.#heartbeat.sweep(performance.now(), usualMs),
      intervalMs,
    );
  }
}

function readError(frame: FrameDecoder): BrokerError {
  const { code, message, details = {} } = readControlFrame(frame, "error");
  return new BrokerError(code, message, { details });
}

/** Whatever a broker says when it leaves, it leaves. */
function readGoodbye(frame: FrameDecoder): Goodbye {
  try {
    return readControlFrame(frame, "goodbye");
  } catch {
    return { message: "the broker leaves" };
  }
}
