/**
 * One connection to a broker, from the handshake to its end.
 *
 * @module
 */

import {
  BODY_BYTES_MAX,
  BrokerError,
  FRAME_BYTES_RESERVE,
  type FrameDecoder,
  FrameType,
  MAGIC,
  readControlFrame,
  type Welcome,
  writeControlFrame,
} from "../../../protocol.ts";
import { CAPABILITIES } from "../../protocol/frames/control_frame.ts";
import { systemClock } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";
import { Heartbeat } from "../../transport/heartbeat.ts";
import { Link, type LinkOwner } from "../../transport/link.ts";
import { whenAborted } from "../member/call_options.ts";
import { errorOfCall } from "../member/caller_trace.ts";
import { DeadlineTimer } from "../member/deadline_timer.ts";

/** What happens in an open session. */
export interface SessionEvents {
  /** A frame has come. */
  handleFrame(frame: FrameDecoder): void;
  /** The link has room again. */
  handleReady(): void;
  /** The broker is about to stop. */
  handleGoodbye(): void;
}

/** How often to look at the heartbeat, in milliseconds. */
const SWEEP_MS = 1000;

/** One session of a client. */
export class BrokerSession implements LinkOwner {
  /** The connection. */
  readonly link: Link;
  readonly #welcomed = Promise.withResolvers<Welcome>();
  readonly #ended: Promise<Error | undefined>;
  readonly #heartbeat = new Heartbeat();
  #timer: ReturnType<typeof setInterval> | undefined;
  #events: SessionEvents | undefined;
  #error: Error | undefined;

  private constructor(duplex: Duplex, client: string) {
    this.link = new Link(duplex, this, FRAME_BYTES_RESERVE);
    this.link.writer.bytes(MAGIC);
    writeControlFrame(this.link.writer, "hello", { client, capabilities: CAPABILITIES });
    this.link.flush();
    this.#ended = this.#run();
  }

  /**
   * Opens a session on a connection.
   *
   * @param duplex The connection; it is closed if that fails.
   * @param client The client's name.
   * @param limits How long the broker may take to answer, in milliseconds, and a signal to give up.
   * @throws {BrokerError} What the broker answered.
   */
  static async open(
    duplex: Duplex,
    client: string,
    limits: { timeoutMs: number; signal: AbortSignal | undefined },
  ): Promise<{ session: BrokerSession; welcome: Welcome }> {
    const session = new BrokerSession(duplex, client);
    const { timeoutMs, signal } = limits;
    const { promise, reject } = session.#welcomed;
    const timer = new DeadlineTimer(systemClock, systemClock.now() + timeoutMs, () => {
      reject(new DOMException(`no welcome within ${timeoutMs} ms`, "TimeoutError"));
    });
    const forget = signal && !signal.aborted && whenAborted(signal, () => reject(signal.reason));
    if (signal?.aborted) reject(signal.reason);
    try {
      return { session, welcome: await promise };
    } catch (error) {
      session.link.close();
      await session.#ended;
      throw errorOfCall(error);
    } finally {
      timer.cancel();
      if (forget) forget();
    }
  }

  /** Hands frames over from now on; resolves when the connection has ended, to why. */
  serve(events: SessionEvents): Promise<Error | undefined> {
    this.#events = events;
    return this.#ended;
  }

  /** Tells the broker that this client is done, and closes; at once if somebody is in a hurry. */
  async close(hurry: Promise<void>): Promise<void> {
    writeControlFrame(this.link.writer, "goodbye", { message: "the client is done" });
    await Promise.race([this.link.drain(), hurry]);
    this.link.close();
    await this.#ended;
  }

  handleFrame(frame: FrameDecoder): void {
    if (frame.type === FrameType.goodbye) return this.#events?.handleGoodbye();
    if (this.#events !== undefined) return this.#events.handleFrame(frame);
    if (frame.type === FrameType.error) {
      const { code, message } = readControlFrame(frame, "error");
      throw new BrokerError(code, message);
    }
    if (frame.type !== FrameType.welcome) {
      throw new BrokerError("HANDSHAKE_EXPECTED", "The broker's first frame is not a welcome");
    }
    const welcome = readControlFrame(frame, "welcome");
    // A message may have that much, and a batch of deliveries, or an answer to a cursor, some more.
    frame.raiseLimit(BODY_BYTES_MAX + FRAME_BYTES_RESERVE);
    this.#startHeartbeat(welcome);
    this.#welcomed.resolve(welcome);
  }

  handleReady(): void {
    this.#events?.handleReady();
  }

  async #run(): Promise<Error | undefined> {
    try {
      await this.link.run();
    } catch (error) {
      this.#error ??= error instanceof Error ? error : new Error(String(error));
    }
    clearInterval(this.#timer);
    this.link.close();
    this.#welcomed.reject(this.#error ?? new Error("the connection ended during the handshake"));
    return this.#error;
  }

  #startHeartbeat({ heartbeatMs, heartbeatTimeoutMs, progressMs }: Welcome): void {
    // However slowly it takes what is sent to it: a broker that can be heard lives. It gives the
    // connection up by itself if nothing arrives there.
    const limits = { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs: Infinity };
    const onFault = () => {
      this.#error = new BrokerError("HEARTBEAT_LOST", "nothing was heard from the broker too long");
      this.link.close();
    };
    this.#heartbeat.watch(this.link, { limits, onFault, tellsProgress: true }, performance.now());
    const shortest = Math.min(heartbeatMs, heartbeatTimeoutMs);
    const intervalMs = Math.max(1, Math.min(SWEEP_MS, shortest / 4, progressMs));
    this.#timer = setInterval(
      () => this.#heartbeat.sweep(performance.now(), intervalMs),
      intervalMs,
    );
  }
}
