import { BrokerError } from "../../../protocol.ts";
import { systemClock } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { DeadlineTimer } from "../member/deadline_timer.ts";
import { Backoff } from "./backoff.ts";
import { ClientSession } from "./client_session.ts";
import { DialError } from "./dial_error.ts";

/** Where a broker is. */
export interface BrokerAddress {
  readonly hostname: string;
  readonly port: number;
}

/** A broker that a connection may use. */
export interface Target {
  /** The beginning of error messages: `Cannot connect to a broker at localhost:9090`. */
  readonly action: string;
  /** Reads the token to show; without it there is none. */
  readonly readToken?: ((signal?: AbortSignal) => Promise<string | undefined>) | undefined;
  /** Opens a connection. */
  dial(signal: AbortSignal): Promise<Duplex>;
  /** Where it is, unless it is in this process. */
  readonly address?: BrokerAddress;
  /** Makes the error of a failed attempt, unless the broker has refused the client. */
  explain?(cause: unknown): Error;
}

/** Options of all attempts. */
export interface OpenerOptions {
  /** The client's name. */
  readonly client: string;
  /** The time for dialling a broker, and again for its answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** The least pause after an operator has closed the connection, in milliseconds. */
const CLOSED_PAUSE_MS = 1000;

/** Errors after which another attempt would end in the same way. */
const HOPELESS: ReadonlySet<string> = new Set([
  "BAD_MAGIC",
  "UNSUPPORTED_VERSION",
  "BAD_FRAME",
  "UNAUTHORIZED",
]);

/** Opens the sessions of one connection, with pauses between attempts. */
export class SessionOpener {
  readonly #targets: readonly Target[];
  readonly #options: OpenerOptions;
  readonly #backoff = new Backoff();
  /** The broker to begin with: the one of the newest session. */
  #first = 0;
  /** The token that was shown last. */
  #shown: string | undefined;

  /** @param targets The brokers; one or more. */
  constructor(targets: readonly Target[], options: OpenerOptions) {
    this.#targets = targets;
    this.#options = options;
  }

  /** Where the broker of the newest session is, unless it is in this process. */
  get address(): BrokerAddress | undefined {
    return this.#targets[this.#first]!.address;
  }

  /** Makes one attempt: tries the brokers in turn. */
  async open(signal: AbortSignal | undefined): Promise<ClientSession> {
    const { length } = this.#targets;
    const errors: unknown[] = [];
    for (let step = 0; step < length; step++) {
      const index = (this.#first + step) % length;
      try {
        const session = await this.#openAt(this.#targets[index]!, signal);
        this.#first = index;
        return session;
      } catch (error) {
        signal?.throwIfAborted();
        errors.push(error);
      }
    }
    throw chooseError(errors);
  }

  /**
   * Tries until a broker can be reached, with a pause after each failure.
   *
   * @throws The signal's reason, or an error that waiting would not mend.
   */
  openPersistently(signal: AbortSignal | undefined): Promise<ClientSession> {
    return this.#persist(signal, (error) => isHopeless(error) || isMistake(error), () => {});
  }

  /**
   * Tries until an attempt succeeds, with a pause after each failure. The connection has worked before, so
   * a certificate that is not good may be about to be replaced.
   *
   * @param beforeAttempt Called before each attempt, with the error of the one before.
   * @throws The signal's reason, or an error that another attempt would not mend.
   */
  reopen(
    signal: AbortSignal,
    beforeAttempt: (error: Error | undefined) => void,
  ): Promise<ClientSession> {
    return this.#persist(signal, isHopeless, beforeAttempt);
  }

  async #persist(
    signal: AbortSignal | undefined,
    isFinal: (error: unknown) => boolean,
    beforeAttempt: (error: Error | undefined) => void,
  ): Promise<ClientSession> {
    let last: Error | undefined;
    for (;;) {
      signal?.throwIfAborted();
      try {
        beforeAttempt(last);
        return await this.open(signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (isFinal(error)) throw error;
        last = error instanceof Error ? error : new Error(String(error));
        await this.#backoff.pause(signal);
      }
    }
  }

  /**
   * Waits before a session is opened again.
   *
   * @param hasServed Whether the broker has sent anything in the last session; if not, pauses get longer.
   * @param error Why the last session has ended; who closed it on purpose must not see it at once again.
   */
  async pause(hasServed: boolean, error: Error | undefined, signal: AbortSignal): Promise<void> {
    if (hasServed) this.#backoff.reset();
    const isClosed = error instanceof BrokerError && error.code === "CLOSED_BY_OPERATOR";
    await this.#backoff.pause(signal, isClosed ? CLOSED_PAUSE_MS : 0);
  }

  /**
   * Whether another attempt would end in the same way. It would not if the broker has refused a token, and
   * there is another one now.
   */
  async isHopeless(error: unknown): Promise<boolean> {
    if (!isHopeless(error)) return false;
    if (!isUnauthorized(error)) return true;
    return await this.#readAnother(this.#targets[this.#first]!) === undefined;
  }

  /** Opens a session with one broker. */
  async #openAt(target: Target, signal: AbortSignal | undefined): Promise<ClientSession> {
    const token = await this.#readToken(target, signal);
    try {
      return await this.#introduce(target, token, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const other = isUnauthorized(error) ? await this.#readAnother(target) : undefined;
      if (other === undefined) throw error;
      return await this.#introduce(target, other, signal);
    }
  }

  /** Reads the token again after it was refused; `undefined` if it is the same. */
  async #readAnother(target: Target): Promise<string | undefined> {
    try {
      const token = await this.#readToken(target, undefined);
      return token === this.#shown ? undefined : token;
    } catch {
      return undefined;
    }
  }

  async #readToken(
    { readToken }: Target,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    return readToken && await this.#limit("token", signal, readToken);
  }

  async #introduce(
    target: Target,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ClientSession> {
    const { client } = this.#options;
    const { action } = target;
    this.#shown = token;
    try {
      const duplex = await this.#limit("connection", signal, (limited) => target.dial(limited));
      return await this.#limit(
        "welcome",
        signal,
        (limited) => ClientSession.open(duplex, { client, token, action }, limited),
      );
    } catch (error) {
      const isExplained = error instanceof BrokerError || error instanceof ConnectionClosedError;
      throw isExplained ? error : target.explain?.(error) ?? error;
    }
  }

  /** Limits the time of one part of an attempt. */
  async #limit<T>(
    what: string,
    signal: AbortSignal | undefined,
    part: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs } = this.#options;
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

/** Whether another attempt with the same token would end in the same way. */
function isHopeless(error: unknown): boolean {
  if (error instanceof ConnectionClosedError) return true;
  return error instanceof BrokerError && HOPELESS.has(error.code);
}

/** Whether waiting would be in vain: the broker was reached, and the way to it is wrong. */
function isMistake(error: unknown): boolean {
  if (error instanceof AggregateError) {
    return error.errors.every((one) => isHopeless(one) || isMistake(one));
  }
  return error instanceof DialError && error.isMistake;
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof BrokerError && error.code === "UNAUTHORIZED";
}

/** The error of an attempt, by the errors of all brokers. */
function chooseError(errors: readonly unknown[]): unknown {
  if (errors.length === 1) return errors[0];
  // A refused token must be noticed, even while other brokers cannot be reached.
  const refusal = errors.find(isUnauthorized);
  if (refusal !== undefined) return refusal;
  if (errors.every(isHopeless)) return errors[0];
  const why = errors.map((error) => error instanceof Error ? error.message : String(error));
  return new AggregateError(errors, why.join("; "), { cause: errors[0] });
}
