/**
 * Brokers without sockets that answer as a test says: targets of a client, by their addresses. The time in
 * which nobody answers passes at once.
 *
 * @module
 */

import {
  BrokerError,
  type ErrorReport,
  FrameDecoder,
  FrameType,
  type Hello,
  MAGIC,
  readControlFrame,
  type Welcome,
  writeControlFrame,
} from "../../../protocol.ts";
import { readToldAddress } from "../../../src/client/dialing/server_address.ts";
import { DialError } from "../../../src/client/uplink/dial_error.ts";
import type { Target } from "../../../src/client/uplink/target.ts";
import { formatAddress } from "../../../src/transport/address.ts";
import type { Clock, ClockTimer } from "../../../src/transport/clock.ts";
import { createPipe, type Duplex } from "../../../src/transport/duplex.ts";
import { bytesOf } from "../wire/raw_client.ts";

/** A welcome with nothing special in it. */
const WELCOME: Welcome = {
  session: 1,
  user: "local",
  version: "0.1.0",
  engine: "scripted",
  durability: "none",
  heartbeatMs: 3_600_000,
  heartbeatTimeoutMs: 3_600_000,
  limits: {
    bodyBytes: 1024,
    headerBytes: 1024,
    frameBytes: 65_536,
    batchCount: 10,
    unacknowledgedMessages: 10,
    unacknowledgedBytes: 1024,
  },
  capabilities: [],
  progressMs: 3_600_000,
  beginMs: 3_600_000,
  brokers: [],
};

/**
 * What a broker does: it lets clients in, with a welcome that differs in some fields; it refuses them by an
 * error, or by having no port; it accepts connections and is silent; or its name is looked for without an end.
 */
export type Script =
  | { readonly welcome: Partial<Welcome> }
  | Pick<ErrorReport, "code" | "details">
  | "refused"
  | "silent"
  | "nameless";

/** The answer of a standby. */
export function standby(active?: string): Script {
  return { code: "NOT_ACTIVE", details: active === undefined ? {} : { active } };
}

/** A clock whose time passes only when somebody waits in vain. */
export class PassingClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ readonly at: number; readonly work: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimer(at: number, work: () => void): ClockTimer {
    const timer = { at, work };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.delete(timer);
      timer.work();
    }
  }

  /** Lets time pass until the next timer rings. */
  passToNext(): void {
    const next = Math.min(...[...this.#timers].map(({ at }) => at));
    if (next < Infinity) this.pass(Math.max(0, next - this.#now));
  }
}

/** The brokers of a test. */
export class ScriptedBrokers {
  readonly clock: PassingClock = new PassingClock();
  /** The addresses that were tried, in order, and the pauses between, in milliseconds. */
  readonly tries: (string | number)[] = [];
  /** How long a client has waited for each of them, in milliseconds. */
  readonly durations: number[] = [];
  /** What clients have said of themselves. */
  readonly hellos: Hello[] = [];
  /** The connections that were dialled too late. */
  closedCount = 0;
  /** Called before each try. */
  onTry: (address: string) => void = () => {};
  readonly #scripts = new Map<string, Script>();

  /** Says what brokers do, by their addresses; there is no broker at others. */
  set(scripts: Readonly<Record<string, Script>>): void {
    for (const [address, script] of Object.entries(scripts)) this.#scripts.set(address, script);
  }

  /** How a client waits between attempts: no time passes but that of the clock. */
  wait = (ms: number, signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    this.tries.push(ms);
    this.clock.pass(ms);
    return Promise.resolve();
  };

  /** Takes the tries so far. */
  take(): (string | number)[] {
    this.durations.length = 0;
    return this.tries.splice(0);
  }

  /** A broker that a client may use. */
  target(text: string): Target {
    const address = readToldAddress(text);
    if (address === undefined) throw new Error(`${text} is no address`);
    const name = formatAddress(address.hostname, address.port);
    const action = `Cannot connect to a broker at ${name}`;
    return {
      action,
      address,
      dial: (signal) => this.#dial(name, signal),
      findSibling: (told) => readToldAddress(told) && this.target(told),
      explain: (cause) => new DialError(`${action}: ${(cause as Error).message}`, false, cause),
    };
  }

  async #dial(name: string, signal: AbortSignal): Promise<Duplex> {
    this.onTry(name);
    this.tries.push(name);
    this.durations.push(0);
    const script = this.#scripts.get(name) ?? "refused";
    if (script === "refused") throw new Error("connection refused");
    const [near, far] = createPipe();
    if (script === "nameless") {
      this.#waitInVain();
      // The system's look for an address does not hear that nobody wants it any more.
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await Promise.resolve();
      return { ...near, close: () => void this.closedCount++ };
    }
    this.#answer(far, script).catch(() => {});
    return near;
  }

  #waitInVain(): void {
    const beganAt = this.clock.now();
    this.clock.passToNext();
    this.durations[this.durations.length - 1] = this.clock.now() - beganAt;
  }

  async #answer(far: Duplex, script: Exclude<Script, "refused" | "nameless">): Promise<void> {
    this.hellos.push(await readHello(far));
    if (script === "silent") return this.#waitInVain();
    await far.write(bytesOf((writer) => {
      if ("welcome" in script) {
        writeControlFrame(writer, "welcome", { ...WELCOME, ...script.welcome });
      } else {
        const { code, details = {} } = script;
        const message = "Cannot open a session: this broker does not serve";
        writeControlFrame(writer, "error", { code, message, details });
      }
    }));
    if (!("welcome" in script)) far.close();
  }
}

async function readHello(far: Duplex): Promise<Hello> {
  const decoder = new FrameDecoder(8192);
  let isAfterMagic = false;
  for (;;) {
    const count = await far.read(decoder.space());
    if (count === null) throw new BrokerError("HANDSHAKE_EXPECTED", "the client has left");
    decoder.received(count);
    isAfterMagic ||= decoder.takePreface(MAGIC.length) !== undefined;
    if (!isAfterMagic || !decoder.next()) continue;
    if (decoder.type !== FrameType.hello) throw new BrokerError("HANDSHAKE_EXPECTED", "no hello");
    return readControlFrame(decoder, "hello");
  }
}
