import { BrokerError } from "../../../protocol.ts";
import { systemClock } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { DeadlineTimer } from "../member/deadline_timer.ts";
import { Backoff } from "./backoff.ts";
import { ClientSession } from "./client_session.ts";

/** Opens a connection to the broker. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>;

/** Errors after which another attempt would end in the same way. */
const HOPELESS: ReadonlySet<string> = new Set(["BAD_MAGIC", "UNSUPPORTED_VERSION", "BAD_FRAME"]);

/** Opens the sessions of one connection, with pauses between attempts. */
export class SessionOpener {
  readonly #dial: Dial;
  readonly #client: string;
  readonly #timeoutMs: number;
  readonly #backoff = new Backoff();

  /**
   * @param client The client's name.
   * @param timeoutMs The time for dialling, and again for the broker's answer, in milliseconds.
   */
  constructor(dial: Dial, client: string, timeoutMs: number) {
    this.#dial = dial;
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /** Makes one attempt. */
  async open(signal: AbortSignal | undefined): Promise<ClientSession> {
    const duplex = await this.#limit("connection", signal, this.#dial);
    return await this.#limit(
      "welcome",
      signal,
      (limited) => ClientSession.open(duplex, this.#client, limited),
    );
  }

  /**
   * Tries until an attempt succeeds, with a pause after each failure.
   *
   * @param beforeAttempt Called before each attempt.
   * @throws The signal's reason, or an error that another attempt would not mend.
   */
  async openPersistently(
    signal: AbortSignal | undefined,
    beforeAttempt: () => void = () => {},
  ): Promise<ClientSession> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        beforeAttempt();
        return await this.open(signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (isHopeless(error)) throw error;
        await this.#backoff.pause(signal);
      }
    }
  }

  /**
   * Waits before a session is opened again.
   *
   * @param hasServed Whether the broker has sent anything in the last session; if not, pauses get longer.
   */
  async pause(hasServed: boolean, signal: AbortSignal): Promise<void> {
    if (hasServed) this.#backoff.reset();
    await this.#backoff.pause(signal);
  }

  /** Limits the time of one part of an attempt. */
  async #limit<T>(
    what: string,
    signal: AbortSignal | undefined,
    part: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = this.#timeoutMs;
    const limit = new AbortController();
    const timer = new DeadlineTimer(systemClock, systemClock.now() + timeoutMs, () => {
      limit.abort(new DOMException(`no ${what} within ${timeoutMs} ms`, "TimeoutError"));
    });
    try {
      return await part(AbortSignal.any(signal ? [signal, limit.signal] : [limit.signal]));
    } finally {
      timer.cancel();
    }
  }
}

/** Whether another attempt would end in the same way. */
export function isHopeless(error: unknown): boolean {
  if (error instanceof ConnectionClosedError) return true;
  return error instanceof BrokerError && HOPELESS.has(error.code);
}
