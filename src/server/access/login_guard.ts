import type { Log } from "../log.ts";
import { KnownAddresses } from "./known_addresses.ts";

/** After how many failures within a minute the connections of an address are held back. */
const FAILURES_MAX = 20;
const MINUTE_MS = 60_000;

/** How many connections an address that is held back may open a second, and all of them together. */
const ADMITTED_PER_SECOND = 10;
const ADMITTED_PER_SECOND_TOGETHER = 50;

/** How many connections that end before a login, after a handshake of TLS, count as one failure. */
const UNFINISHED_PER_FAILURE = 10;

/** How many pings a second are for nothing, from all addresses together: those of health checks. */
const PINGS_PER_SECOND = 50;

/** How many addresses are remembered; the ones that failed longest ago are forgotten. */
const ADDRESSES_MAX = 4096;

/** Refusals are told at multiples of this, in milliseconds, many together. */
const DELAY_STEP_MS = 50;

/** How many refusals wait at a time by default; beyond that, connections are just closed. */
const WAITING_MAX = 1000;

/** The parts of a {@linkcode LoginGuard}. */
export interface LoginGuardParts {
  readonly log: Log;
  /** A random number from 0 to 1. */
  readonly random?: () => number;
  /** How many refusals may wait at a time: each keeps its connection. */
  readonly waitingMax?: number;
  /** Hears of the time of the next tick, if that is earlier than the last one returned. */
  readonly hasten?: (at: number) => void;
}

/** Something that is allowed so many times a second. */
class Rate {
  readonly #perSecond: number;
  #left: number;
  #at = -Infinity;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  has(now: number): boolean {
    const gained = Math.max(0, now - this.#at) * this.#perSecond / 1000;
    this.#left = Math.min(this.#perSecond, this.#left + gained);
    this.#at = now;
    return this.#left >= 1;
  }

  take(): void {
    this.#left--;
  }
}

/** One network whose logins have failed. */
class Suspect {
  readonly admitted = new Rate(ADMITTED_PER_SECOND);
  /** The times of the last failures, in turn. */
  readonly #failures: number[] = [];
  #next = 0;
  /** The time at which it was heard of last. */
  lastAt = -Infinity;
  /** The connections that ended before a login. */
  unfinished = 0;

  isHeldBack(now: number): boolean {
    const first = this.#failures[this.#next];
    return this.#failures.length === FAILURES_MAX && now - first! < MINUTE_MS;
  }

  note(now: number): void {
    this.#failures[this.#next] = now;
    this.#next = (this.#next + 1) % FAILURES_MAX;
  }
}

/** A refusal that is told later. */
interface WaitingRefusal {
  readonly at: number;
  readonly tell: () => void;
}

/**
 * Keeps failed logins cheap. A token cannot be guessed, so this is about the broker's time, not about
 * secrets: a refusal is told late, and an address with many of them may open few connections, unless it
 * is also one of users.
 */
export class LoginGuard {
  /** How long a refusal waits, in milliseconds: this and up to as much as the jitter more. Tests set them. */
  static delayMs = 750;
  static jitterMs = 500;

  readonly #log: Log;
  readonly #random: () => number;
  readonly #waitingMax: number;
  readonly #hasten: (at: number) => void;
  /** The addresses of failed logins, the one that was heard of last at the end. */
  readonly #suspects = new Map<string, Suspect>();
  readonly #known = new KnownAddresses();
  readonly #admitted = new Rate(ADMITTED_PER_SECOND_TOGETHER);
  readonly #pings = new Rate(PINGS_PER_SECOND);
  #waiting: WaitingRefusal[] = [];
  /** What happened since the last line of the log. */
  #untold = { failures: 0, closed: 0, peer: "", reason: "" };
  #toldAt = -Infinity;

  constructor(parts: LoginGuardParts) {
    const { log, random = Math.random, waitingMax = WAITING_MAX, hasten = () => {} } = parts;
    this.#log = log;
    this.#random = random;
    this.#waitingMax = Math.min(waitingMax, WAITING_MAX);
    this.#hasten = hasten;
  }

  /** How many addresses are remembered. */
  get addressCount(): number {
    return this.#suspects.size;
  }

  /** How many refusals wait to be told. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Whether a connection may be opened; one that may not is closed at once, without a word. */
  admits(address: string, now: number): boolean {
    if (this.#suspects.size === 0) return true;
    const network = findNetwork(address);
    const suspect = this.#suspects.get(network);
    if (suspect === undefined || !suspect.isHeldBack(now)) return true;
    if (this.#known.has(network, now)) return true;
    if (suspect.admitted.has(now) && this.#admitted.has(now)) {
      suspect.admitted.take();
      this.#admitted.take();
      return true;
    }
    this.#untold.closed++;
    this.#untold.peer ||= address;
    return false;
  }

  /**
   * Whether a password may be tried. Unlike a token it can be guessed, so an address with too many failures
   * has to wait, even if users have logged in there.
   */
  admitsTry(address: string, now: number): boolean {
    return this.#suspects.get(findNetwork(address))?.isHeldBack(now) !== true;
  }

  /** Notes that a user has logged in: the address is not held back for as long as that is not long ago. */
  noteLogin(address: string): void {
    this.#known.enter(findNetwork(address));
  }

  /** Notes that the session of a user who had logged in has ended. */
  noteLogout(address: string, now: number): void {
    this.#known.leave(findNetwork(address), now);
  }

  /**
   * Notes a failed login.
   *
   * @param address The client's address, without a port.
   * @param now The time.
   * @param reason Why, for the log; the client is not told.
   */
  noteFailure(address: string, now: number, reason: string): void {
    this.#suspect(address, now).note(now);
    this.#untold.failures++;
    Object.assign(this.#untold, { peer: address, reason });
    this.#tell(now);
  }

  /**
   * Notes a connection that ended before a login, after a handshake of TLS: that is no failure, but many of
   * them keep the broker busy.
   */
  noteUnfinished(address: string, now: number): void {
    const suspect = this.#suspect(address, now);
    suspect.unfinished++;
    if (suspect.unfinished % UNFINISHED_PER_FAILURE === 0) suspect.note(now);
  }

  /**
   * Notes a ping that was answered, after a handshake of TLS. Health checks never have a failure from it,
   * also where they share an address; those who flood do, as if they had asked nothing.
   */
  notePing(address: string, now: number): void {
    if (this.#pings.has(now)) this.#pings.take();
    else this.noteUnfinished(address, now);
  }

  /** Resolves when a refusal may be told; returns nothing if too many wait, and nobody is told. */
  hold(now: number): Promise<void> | undefined {
    if (this.#waiting.length >= this.#waitingMax) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const soonest = now + LoginGuard.delayMs + this.#random() * LoginGuard.jitterMs;
    const at = Math.ceil(soonest / DELAY_STEP_MS) * DELAY_STEP_MS;
    this.#waiting.push({ at, tell: resolve });
    this.#hasten(at);
    return promise;
  }

  /** Tells the refusals that are due, and forgets; returns when to call it again. */
  tick(now: number): number {
    for (const { at, tell } of this.#waiting) if (at <= now) tell();
    this.#waiting = this.#waiting.filter(({ at }) => at > now);
    for (const [network, { lastAt }] of this.#suspects) {
      if (now - lastAt < MINUTE_MS) break;
      this.#suspects.delete(network);
    }
    this.#tell(now);
    const { failures, closed } = this.#untold;
    const tellAt = failures + closed > 0 ? this.#toldAt + MINUTE_MS : Infinity;
    return this.#waiting.reduce((next, { at }) => Math.min(next, at), tellAt);
  }

  /** Remembers an address. */
  #suspect(address: string, now: number): Suspect {
    const network = findNetwork(address);
    const suspect = this.#suspects.get(network) ?? new Suspect();
    suspect.lastAt = now;
    this.#suspects.delete(network);
    this.#suspects.set(network, suspect);
    if (this.#suspects.size > ADDRESSES_MAX) {
      const [oldest] = this.#suspects.keys();
      this.#suspects.delete(oldest!);
    }
    return suspect;
  }

  /** Writes at most one line a minute. */
  #tell(now: number): void {
    const { failures, closed, peer, reason } = this.#untold;
    if (failures + closed === 0 || now - this.#toldAt < MINUTE_MS) return;
    this.#toldAt = now;
    this.#untold = { failures: 0, closed: 0, peer: "", reason: "" };
    const what = failures > 0 ? "logins have failed" : "connections were held back";
    this.#log.warning(what, {
      failures: failures === 0 ? undefined : failures,
      closed: closed === 0 ? undefined : closed,
      addresses: this.#suspects.size,
      last: peer,
      reason: reason === "" ? undefined : reason,
    });
  }
}

/** The part of an address that tells clients apart: all of IPv4, the first 64 bits of IPv6. */
export function findNetwork(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.replace(/%.*$/, "").toLowerCase().split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const isMapped = first.length === 0 && last[0] === "ffff" && last.length > 1;
  if (isMapped) return readMapped(last.slice(1)) ?? address;
  const missing = tail === undefined ? 0 : 8 - first.length - last.length;
  const groups = [...first, ...new Array(Math.max(0, missing)).fill("0"), ...last];
  const half = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${half.join(":")}::/64`;
}

/** The address of IPv4 that is mapped into one of IPv6: `1.2.3.4`, or two groups. */
function readMapped(parts: readonly string[]): string | undefined {
  if (parts.length === 1) return parts[0];
  const [high, low] = parts.map((part) => parseInt(part, 16));
  if (parts.length !== 2 || !(high! >= 0 && low! >= 0)) return undefined;
  return [high! >> 8, high! & 255, low! >> 8, low! & 255].join(".");
}
