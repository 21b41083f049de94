import {
  BrokerError,
  FRAME_BYTES_RESERVE,
  type FrameDecoder,
  FrameType,
  MAGIC,
  type Pong,
  readControlFrame,
} from "../../protocol.ts";
import { systemClock } from "../transport/clock.ts";
import type { Duplex } from "../transport/duplex.ts";
import { Link, type LinkOwner } from "../transport/link.ts";
import type { BrokerTarget } from "./dialing/broker_target.ts";
import { type DialOptions, resolveTargets } from "./dialing/connect_options.ts";
import { whenAborted } from "./member/abort_listener.ts";
import { DeadlineTimer } from "./member/deadline_timer.ts";
import { checkOptionNames, checkTimeout } from "./member/option_check.ts";
import { UnansweredError } from "./uplink/client_session.ts";
import { explainForeign } from "./uplink/foreign_answer.ts";

/** Options of {@linkcode ping}. */
export interface PingOptions extends Pick<DialOptions, "hostname" | "port" | "servers" | "tls"> {
  /**
   * How long each broker may take to answer, in milliseconds, 1 to 2^31 - 1; the time to connect is part of
   * it.
   *
   * @default {5000}
   */
  readonly timeoutMs?: number;
  /** Stops waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The answer to {@linkcode ping}. */
export interface PingResult {
  /** The version of the broker. */
  readonly version: string;
  /** Why the broker is not ready, a sentence each; none if all is well. */
  readonly problems: readonly string[];
  /** How long the answer has taken, the time to connect included, in milliseconds. */
  readonly ms: number;
}

/** The names of all options. */
const PING_OPTION_NAMES: readonly (keyof PingOptions)[] = [
  "hostname",
  "port",
  "servers",
  "tls",
  "timeoutMs",
  "signal",
];

const TIMEOUT_MS_DEFAULT = 5000;

/** Pings one of the brokers; see `ping` in `client.ts`. */
export async function pingBroker(options: PingOptions): Promise<PingResult> {
  const action = "Cannot ping";
  checkOptionNames(options, PING_OPTION_NAMES, action);
  const { timeoutMs = TIMEOUT_MS_DEFAULT, signal } = options;
  checkTimeout("timeoutMs", timeoutMs, action);
  const errors: unknown[] = [];
  for (const target of await resolveTargets(options, false)) {
    signal?.throwIfAborted();
    try {
      return await pingTarget(target, timeoutMs, signal);
    } catch (error) {
      signal?.throwIfAborted();
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  const why = errors.map((error) => error instanceof Error ? error.message : String(error));
  throw new AggregateError(errors, why.join("; "), { cause: errors[0] });
}

async function pingTarget(
  target: BrokerTarget,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<PingResult> {
  const beganAt = systemClock.now();
  const limit = new AbortController();
  const timer = new DeadlineTimer(systemClock, beganAt + timeoutMs, () => {
    limit.abort(new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError"));
  });
  const either = AbortSignal.any(signal ? [signal, limit.signal] : [limit.signal]);
  try {
    const duplex = await target.dial(either);
    const pong = await new Ping(duplex, target.action).wait(either);
    return { ...pong, ms: systemClock.now() - beganAt };
  } catch (error) {
    throw error instanceof BrokerError ? error : target.explain(error);
  } finally {
    timer.cancel();
  }
}

/** A connection that only asks whether a broker is well. */
class Ping implements LinkOwner {
  readonly #link: Link;
  readonly #action: string;
  #pong: Pong | undefined;

  constructor(duplex: Duplex, action: string) {
    this.#action = action;
    this.#link = new Link(duplex, this, FRAME_BYTES_RESERVE);
    const { writer } = this.#link;
    writer.bytes(MAGIC);
    writer.begin(FrameType.ping);
    writer.end();
    this.#link.flush();
  }

  /** Resolves to the answer, and closes the connection. */
  async wait(signal: AbortSignal): Promise<Pong> {
    const close = () => this.#link.close();
    const forget = signal.aborted ? close() : whenAborted(signal, close);
    try {
      await this.#link.run();
    } catch (error) {
      throw explainForeign(error as Error, this.#link.decoder, this.#action);
    } finally {
      forget?.();
      close();
    }
    signal.throwIfAborted();
    if (this.#pong !== undefined) return this.#pong;
    throw new UnansweredError();
  }

  handleFrame(frame: FrameDecoder): void {
    if (frame.type === FrameType.error) {
      const { code, message } = readControlFrame(frame, "error");
      throw new BrokerError(code, message);
    }
    if (frame.type !== FrameType.pong) {
      throw new BrokerError("BAD_FRAME", "the broker's first frame is not a pong");
    }
    this.#pong = readControlFrame(frame, "pong");
    this.#link.close();
  }
}
