import { BrokerError } from "../../../protocol.ts";
import { type Clock, systemClock } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";
import { abortable } from "../member/abortable.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import {
  chooseError,
  type Failure,
  isHopeless,
  isMistake,
  isNotActive,
  isUnauthorized,
} from "./attempt_error.ts";
import { Backoff } from "./backoff.ts";
import { ClientSession } from "./client_session.ts";
import type { BrokerAddress, Target } from "./target.ts";
import { type KnownTarget, TargetList } from "./target_list.ts";
import { limitTime, SilenceError } from "./time_limit.ts";

/** Options of all attempts. */
export interface OpenerOptions {
  /** The client's name. */
  readonly client: string;
  /** The time for dialling a broker, and again for its answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a standby of a cluster will do. */
  readonly standby?: boolean | undefined;
  /** The clock of the limits; default: the system's. */
  readonly clock?: Clock;
  /** How to wait between attempts; default: by the system's timers. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** The session that has ended last, as far as it matters here. */
export type EndedSession = Pick<ClientSession, "hasServed" | "openedAt">;

/** The least pause after an operator has closed the connection, in milliseconds. */
const CLOSED_PAUSE_MS = 1000;

/** The limit for a broker of several, as long as none has told how long silence may last. */
const SEVERAL_MS_MAX = 2000;

/** The limit for a broker that was silent, while another one answers; it doubles with each silence. */
const DOUBT_MS_MIN = 300;

/** A session that has lasted less than this was not the way out, and is no reason to hurry. */
const HURRY_MS_MIN = 300;

/** The most brokers of one attempt that were not known before: they may name each other without an end. */
const NEW_MAX = 3;

/**
 * Opens the sessions of one connection, with pauses between attempts.
 *
 * An attempt asks each broker once: first the one that was used last; a broker that says which one is active
 * is followed by that one. Who was silent lately comes last, and is left out while another broker of the
 * cluster answers: it costs the time of a handshake, in which that other one may take over.
 */
export class SessionOpener {
  readonly #targets: TargetList;
  readonly #options: OpenerOptions;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** The broker to begin the next attempt with, if it is another one than the last. */
  #hint: KnownTarget | undefined;
  /** Whether a broker has answered in the last attempt that another one is active. */
  #isElecting = false;
  /** How long silence may last, as the cluster has told. */
  #toldMs = Infinity;
  /** How many attempts in succession have found all brokers silent. */
  #silentAttempts = 0;
  /** The token that was shown last. */
  #shown: string | undefined;

  /** @param targets The brokers; one or more. */
  constructor(targets: readonly Target[], options: OpenerOptions) {
    this.#targets = new TargetList(targets);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#backoff = new Backoff(options.wait);
  }

  /** Where the broker of the newest session is, unless it is in this process. */
  get address(): BrokerAddress | undefined {
    return this.#targets.current.target.address;
  }

  /**
   * Makes one attempt. While no broker of a cluster is active, which ends by itself within seconds, it tries
   * on for the time that one broker has.
   */
  async openFirst(signal: AbortSignal | undefined): Promise<ClientSession> {
    const endsAt = this.#clock.now() + this.#options.timeoutMs;
    for (;;) {
      try {
        return await this.open(signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!this.#isElecting || isUnauthorized(error) || this.#clock.now() >= endsAt) throw error;
      }
      await this.#backoff.pauseBriefly(signal);
    }
  }

  /** Makes one attempt: tries the brokers in turn. */
  async open(signal: AbortSignal | undefined): Promise<ClientSession> {
    const untried = new Set(this.#targets.inTurn(this.#clock.now()));
    const failures: Failure[] = [];
    let hint = this.#hint;
    this.#hint = undefined;
    this.#isElecting = false;
    let newCount = 0;
    for (;;) {
      const known = this.#takeNext(untried, hint);
      if (known === undefined) break;
      hint = undefined;
      try {
        return await this.#openAt(known, signal);
      } catch (error) {
        signal?.throwIfAborted();
        failures.push({ target: known.target, error });
        if (!isNotActive(error)) continue;
        this.#isElecting = true;
        const { size } = this.#targets;
        hint = this.#targets.find(known, error.details.active);
        if (hint !== undefined && this.#targets.size > size && newCount++ < NEW_MAX) {
          untried.add(hint);
        }
      }
    }
    const isSilent = failures.every(({ error }) => isSilence(error));
    this.#silentAttempts = isSilent ? this.#silentAttempts + 1 : 0;
    throw chooseError(failures);
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
        if (this.#mayBeTakenOver) await this.#backoff.pauseBriefly(signal);
        else await this.#backoff.pause(signal);
      }
    }
  }

  /**
   * Waits before a session is opened again: not at all if the broker has named the one that is active now.
   *
   * @param session The last one; if its broker has sent nothing in it, pauses get longer.
   * @param error Why it has ended; who closed it on purpose must not see it at once again.
   */
  async pause(
    { hasServed, openedAt }: EndedSession,
    error: Error | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { current } = this.#targets;
    if (hasServed) this.#backoff.reset();
    const code = error instanceof BrokerError ? error.code : undefined;
    if (code === "HEARTBEAT_LOST") this.#targets.noteSilence(this.#clock.now());
    if (isNotActive(error)) {
      const active = this.#targets.find(current, error.details.active);
      if (active !== current) this.#hint = active;
      const isSettled = hasServed && this.#clock.now() - openedAt >= HURRY_MS_MIN;
      if (this.#hint !== undefined && isSettled) return signal.throwIfAborted();
    }
    await this.#backoff.pause(signal, code === "CLOSED_BY_OPERATOR" ? CLOSED_PAUSE_MS : 0);
  }

  /** Notes which brokers the one of the newest session has told of. */
  noteBrokers({ brokers, welcome }: Pick<ClientSession, "brokers" | "welcome">): void {
    this.#targets.learn(brokers);
    this.#toldMs = brokers.length > 0 ? welcome.heartbeatTimeoutMs : Infinity;
  }

  /**
   * Whether another attempt would end in the same way. It would not if the broker has refused a token, and
   * there is another one now.
   */
  async isHopeless(error: unknown): Promise<boolean> {
    if (!isHopeless(error)) return false;
    if (!isUnauthorized(error)) return true;
    return await this.#readAnother(this.#targets.current.target) === undefined;
  }

  /** Whether a broker may become active that is known or will be named. */
  get #mayBeTakenOver(): boolean {
    return this.#targets.size > 1 || this.#isElecting;
  }

  /** Takes the next broker of an attempt: the one that was named, if it has not just failed. */
  #takeNext(untried: Set<KnownTarget>, hint: KnownTarget | undefined): KnownTarget | undefined {
    const now = this.#clock.now();
    const isDue = (known: KnownTarget) => !this.#isElecting || !known.isResting(now);
    const isNamed = hint !== undefined && untried.has(hint) && !hint.isResting(now);
    const next = isNamed ? hint : [...untried].find(isDue);
    if (next !== undefined) untried.delete(next);
    return next;
  }

  /** How long a broker has for each part of an attempt, in milliseconds. */
  #findLimit(known: KnownTarget): number {
    const { timeoutMs } = this.#options;
    const usualMs = this.#toldMs < Infinity
      ? this.#toldMs
      : this.#targets.size > 1
      ? SEVERAL_MS_MAX
      : timeoutMs;
    // Where nobody answers in time, such as over a slow network, more time helps.
    const limitMs = Math.min(timeoutMs, usualMs * 2 ** this.#silentAttempts);
    if (!this.#isElecting || known.silences === 0) return limitMs;
    return Math.min(limitMs, DOUBT_MS_MIN * 2 ** (known.silences - 1));
  }

  /** Opens a session with one broker. */
  async #openAt(known: KnownTarget, signal: AbortSignal | undefined): Promise<ClientSession> {
    const ms = this.#findLimit(known);
    try {
      const session = await this.#logIn(known.target, ms, signal);
      this.#targets.use(known);
      this.noteBrokers(session);
      this.#silentAttempts = 0;
      return session;
    } catch (error) {
      if (error instanceof BrokerError) known.noteAnswer();
      else if (isSilence(error) && signal?.aborted !== true) known.noteSilence(this.#clock.now());
      throw error;
    }
  }

  /** Introduces the client, again if its token was refused and there is another one now. */
  async #logIn(
    target: Target,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<ClientSession> {
    const token = await this.#readToken(target, signal);
    try {
      return await this.#introduce(target, token, ms, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const other = isUnauthorized(error) ? await this.#readAnother(target) : undefined;
      if (other === undefined) throw error;
      return await this.#introduce(target, other, ms, signal);
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
    const { timeoutMs: ms } = this.#options;
    return readToken && await limitTime({ what: "token", ms, signal }, readToken, this.#clock);
  }

  async #introduce(
    target: Target,
    token: string | undefined,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<ClientSession> {
    const { client, standby } = this.#options;
    const { action } = target;
    this.#shown = token;
    try {
      const dial = (limited: AbortSignal) => dialInTime(target, limited);
      const duplex = await limitTime({ what: "connection", ms, signal }, dial, this.#clock);
      return await limitTime(
        { what: "welcome", ms, signal },
        (limited) => ClientSession.open(duplex, { client, token, standby, action }, limited),
        this.#clock,
      );
    } catch (error) {
      const isExplained = error instanceof BrokerError || error instanceof ConnectionClosedError;
      throw isExplained ? error : target.explain?.(error) ?? error;
    }
  }
}

/** Whether a broker has not answered in time. */
function isSilence(error: unknown): boolean {
  if (error instanceof SilenceError) return true;
  return error instanceof Error && error.cause instanceof SilenceError;
}

/** The look for the address of a name does not end with a signal: it is not waited for. */
async function dialInTime(target: Target, signal: AbortSignal): Promise<Duplex> {
  const dialling = target.dial(signal);
  try {
    return await abortable(dialling, signal);
  } catch (error) {
    dialling.then((late) => late.close(), () => {});
    throw error;
  }
}
