import { formatAddress } from "../../transport/address.ts";
import type { BrokerAddress, Target } from "./target.ts";

/** The most brokers that are remembered of those that a cluster has told, and that are looked at. */
const TOLD_MAX = 100;
const READ_MAX = 1000;

/** How long a silent broker is left out while others answer, in milliseconds. */
const REST_MS = 1000;

/** How long it is tried after all others, and for a short time only, in milliseconds. */
const DOUBT_MS = 10_000;

/** A broker that is known, and how it has answered. */
export class KnownTarget {
  readonly target: Target;
  /** Its address, to tell it from others; empty for one in this process. */
  readonly key: string;
  #silentAt = -Infinity;
  #silences = 0;

  constructor(target: Target) {
    this.target = target;
    this.key = keyOf(target.address);
  }

  /** Notes that it has not answered, or has fallen silent. */
  noteSilence(now: number): void {
    this.#silentAt = now;
    this.#silences++;
  }

  /** Notes that it has answered, whatever it has said. */
  noteAnswer(): void {
    this.#silentAt = -Infinity;
    this.#silences = 0;
  }

  /** Whether it was silent a moment ago: a process that was stopped still accepts connections. */
  isResting(now: number): boolean {
    return now - this.#silentAt < REST_MS;
  }

  /** Whether it was silent lately. */
  isDoubted(now: number): boolean {
    return now - this.#silentAt < DOUBT_MS;
  }

  /** How often it was silent since it has answered last. */
  get silences(): number {
    return this.#silences;
  }
}

/**
 * The brokers of a connection: those that were given, which stay, and those that the newest broker has told
 * of its cluster.
 */
export class TargetList {
  readonly #given: readonly KnownTarget[];
  #told: readonly KnownTarget[] = [];
  #current: KnownTarget;
  /** The present one by the name that its cluster has for it, if that is another one. */
  #alias: KnownTarget | undefined;

  /** @param given The brokers that the program names; one or more. */
  constructor(given: readonly Target[]) {
    this.#given = given.map((target) => new KnownTarget(target));
    this.#current = this.#given[0]!;
  }

  /** How many brokers are known. */
  get size(): number {
    return this.#given.length + this.#told.length;
  }

  /** The broker of the newest session. */
  get current(): KnownTarget {
    return this.#current;
  }

  /** Notes which broker has opened a session. */
  use(known: KnownTarget): void {
    known.noteAnswer();
    this.#current = known;
    this.#alias = undefined;
  }

  /** Notes that the present one has fallen silent, by whatever name it is known. */
  noteSilence(now: number): void {
    this.#current.noteSilence(now);
    this.#alias?.noteSilence(now);
  }

  /**
   * Notes which brokers the present one has told of, itself first; those that it leaves out are forgotten.
   */
  learn(addresses: readonly string[]): void {
    const told = new Map<string, KnownTarget>();
    for (const address of addresses.slice(0, READ_MAX)) {
      if (told.size >= TOLD_MAX) break;
      const one = this.#makeSibling(this.#current, address);
      if (one === undefined || this.#given.includes(one) || told.has(one.key)) continue;
      told.set(one.key, one);
    }
    this.#told = [...told.values()];
    const own = this.#makeSibling(this.#current, addresses[0] ?? "");
    this.#alias = own === this.#current ? undefined : this.#all.find((known) => known === own);
  }

  /**
   * The broker that another one has named; if it is new, it is known from now on.
   *
   * @returns Nothing if the text is no address.
   */
  find(by: KnownTarget, address: string | undefined): KnownTarget | undefined {
    if (address === undefined) return undefined;
    const known = this.#makeSibling(by, address);
    if (known !== undefined && !this.#all.includes(known)) {
      const rest = this.#told.filter(({ key }) => key !== known.key);
      this.#told = [...rest.slice(-(TOLD_MAX - 1)), known];
    }
    return known;
  }

  /** All brokers in the order of an attempt: first the one that was used last; those in doubt at the end. */
  inTurn(now: number): KnownTarget[] {
    const all = this.#all;
    const first = Math.max(0, all.indexOf(this.#current));
    const turned = [...all.slice(first), ...all.slice(0, first)];
    return [
      ...turned.filter((known) => !known.isDoubted(now)),
      ...turned.filter((known) => known.isDoubted(now)),
    ];
  }

  get #all(): KnownTarget[] {
    return [...this.#given, ...this.#told];
  }

  /** What is known already stays as it is, unless that would turn TLS off. */
  #makeSibling(by: KnownTarget, address: string): KnownTarget | undefined {
    const target = by.target.findSibling?.(address);
    if (target === undefined) return undefined;
    const key = keyOf(target.address);
    const given = this.#given.find((known) => known.key === key);
    if (given !== undefined) return given;
    const told = this.#told.find((known) => known.key === key);
    const isBetter = told !== undefined && (told.target.isEncrypted || !target.isEncrypted);
    return isBetter ? told : new KnownTarget(target);
  }
}

function keyOf(address: BrokerAddress | undefined): string {
  if (address === undefined) return "";
  return formatAddress(address.hostname, address.port).toLowerCase();
}
