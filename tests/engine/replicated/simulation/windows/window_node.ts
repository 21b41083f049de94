/**
 * A broker without rules: it follows the log, takes over, and appends texts.
 *
 * @module
 */

import { Chain } from "../../../../../src/engine/replicated/chain.ts";
import { Lease } from "../../../../../src/engine/replicated/lease.ts";
import { RefusedError } from "../../../../../src/engine/replicated/log.ts";
import type { LogFollowing } from "../../../../../src/engine/replicated/log.ts";
import {
  RECORD_HEAD_BYTES,
  RECORD_TYPES,
  writeRecord,
} from "../../../../../src/engine/replicated/record.ts";
import { Silence } from "../../../../../src/engine/replicated/following/silence.ts";
import { Window } from "../../../../../src/engine/replicated/window.ts";
import type { SimulatedHost } from "../../../../support/log/simulated_host.ts";
import type { SimulatedLog } from "../../../../support/log/simulated_log.ts";

const LEASE_MS = 2000;

/** It has let go, and goes on as another process. */
export class ReleasedError extends Error {}

/** What a node is made of. */
export interface WindowNodeOptions {
  readonly name: string;
  readonly host: SimulatedHost;
  readonly log: SimulatedLog;
  readonly random: () => number;
  /** It says that a text is stored for good. */
  readonly confirm: (text: string) => void;
  /** It says that there is no room for a text. */
  readonly refuse: (text: string) => void;
  /** It ends itself, and says why. */
  readonly fail: (error: unknown) => void;
}

/** One process. */
export class WindowNode {
  readonly name: string;
  readonly #options: WindowNodeOptions;
  readonly #chain = new Chain();
  readonly #lease: Lease;
  readonly #silence: Silence;
  /** All records, to repair the log with; void ones are fillers. */
  readonly #records: Uint8Array[] = [];
  #following: LogFollowing | undefined;
  #window: Window | undefined;
  #isTakingOver = false;
  #hasFailed = false;
  #count = 0;
  /** What counts, and is not confirmed since the lease is over. */
  #unconfirmed: string[] = [];

  constructor(options: WindowNodeOptions) {
    const { name, host, random } = options;
    this.name = name;
    this.#options = options;
    this.#lease = new Lease(LEASE_MS, host.now());
    this.#silence = new Silence(LEASE_MS, host.now(), random);
  }

  get isActive(): boolean {
    return this.#window !== undefined && !this.#hasFailed;
  }

  /** How much of the log it has. */
  get sequence(): number {
    return this.#chain.sequence;
  }

  /** Whether all that counts was confirmed. */
  get isIdle(): boolean {
    return this.#unconfirmed.length === 0 && (this.#window?.pendingCount ?? 0) === 0;
  }

  /** For who looks for a mistake. */
  describe(): string {
    const role = this.isActive ? "active" : "standby";
    const pending =
      `${this.#window?.pendingCount} pending, ${this.#unconfirmed.length} unconfirmed`;
    return `${this.name} ${role} at ${this.#chain.sequence}, ${pending}`;
  }

  start(): void {
    this.#follow();
    this.#tick();
  }

  /** Appends a text. */
  append(): void {
    const window = this.#window;
    if (window === undefined || window.failure !== undefined) return;
    const text = `${this.name}#${++this.#count}`;
    const body = new TextEncoder().encode(text.padEnd(20 + 20 * this.#options.random(), "."));
    window.append(RECORD_TYPES.bytes, window.position, body).then(() => {
      this.#unconfirmed.push(text);
      this.#confirm();
    }, (error) => {
      if (error instanceof RefusedError) this.#options.refuse(text);
      else this.#fail(error);
    });
  }

  /** Lets go, so that another one takes over at once. */
  release(): void {
    const window = this.#window;
    if (window === undefined) return;
    this.#lease.end(this.#options.host.now());
    const nothing = new Uint8Array(0);
    window.append(RECORD_TYPES.release, window.position, nothing).then(
      () => this.#fail(new ReleasedError()),
      (error) => this.#fail(error instanceof RefusedError ? new ReleasedError() : error),
    );
  }

  #confirm(): void {
    const { host, confirm } = this.#options;
    if (!this.#lease.isHeld(host.now())) return;
    for (const text of this.#unconfirmed.splice(0)) confirm(text);
  }

  #follow(): void {
    this.#following = this.#options.log.follow(this.#chain.sequence + 1, {
      take: (sequence, record) => {
        try {
          const { kind } = this.#chain.take(sequence, record);
          this.#keep(kind === "void" ? undefined : record);
          const now = this.#options.host.now();
          if (kind === "release") this.#silence.noteRelease(now);
          else if (kind !== "void") this.#silence.noteRecord(now);
        } catch (error) {
          this.#fail(error);
        }
      },
      trimmed: () => this.#fail(new Error("nobody has trimmed the log")),
      shorter: (last) => void this.#repair(last).catch(() => {}),
    });
  }

  #tick(): void {
    this.#options.host.schedule(20, () => {
      if (this.#hasFailed) return;
      if (this.#window === undefined) void this.#watch();
      else this.#beat();
      this.#tick();
    });
  }

  #beat(): void {
    const window = this.#window!;
    const { host, log } = this.#options;
    const now = host.now();
    this.#confirm();
    if (this.#lease.takeNodeChange(now)) void log.changeNode();
    if (now < this.#lease.heartbeatDueAt || window.pendingCount > 0) return;
    const body = new TextEncoder().encode(JSON.stringify({ at: now }));
    window.append(RECORD_TYPES.heartbeat, window.position, body).then(
      () => this.#confirm(),
      (error) => error instanceof RefusedError || this.#fail(error),
    );
  }

  /** Looks whether the active one is silent. */
  async #watch(): Promise<void> {
    const { host, log } = this.#options;
    if (this.#isTakingOver || host.now() < this.#silence.dueAt) return;
    this.#isTakingOver = true;
    try {
      const { last } = await log.bounds();
      this.#silence.noteAnswer(host.now(), last > this.#chain.sequence);
      if (last < this.#chain.sequence) await this.#repair(last);
      if (this.#silence.isOver(host.now())) await this.#takeOver();
    } catch (error) {
      if (!(error instanceof RefusedError)) this.#silence.noteFailure(host.now());
    }
    this.#isTakingOver = false;
  }

  async #takeOver(): Promise<void> {
    const { host, log, random, name } = this.#options;
    this.#following?.stop();
    const window = new Window({
      log,
      chain: this.#chain,
      pipeline: 4,
      timing: host,
      lease: this.#lease,
      counted: (_, { kind }, bytes) => this.#keep(kind === "void" ? undefined : bytes),
      repair: (last) => this.#repair(last),
    });
    const { log: identity = name, position, journalId } = this.#chain.point;
    const fields = { log: identity, id: name, address: name, version: "1", recordVersion: 1 };
    const times = { leaseMs: LEASE_MS, at: host.now(), position };
    try {
      const owner = Math.floor(random() * 2 ** 40);
      await window.takeOver(owner, journalId || 7, { ...fields, ...times });
      this.#window = window;
    } catch (error) {
      if (error instanceof RefusedError) return this.#follow();
      this.#fail(error);
    }
  }

  #keep(record: Uint8Array | undefined): void {
    this.#records.push(record?.slice() ?? this.#makeFiller());
  }

  #makeFiller(): Uint8Array {
    const filler = new Uint8Array(RECORD_HEAD_BYTES);
    const point = { ...this.#chain.point, previousCrc: 0, type: RECORD_TYPES.filler };
    const { epoch, owner, number, position, journalId, previousCrc, type } = point;
    writeRecord(filler, { type, epoch, owner, number, position, journalId, previousCrc });
    return filler;
  }

  /** Appends again what the log has lost. */
  async #repair(last: number): Promise<void> {
    for (let expected = last; expected < this.#chain.sequence; expected++) {
      await this.#options.log.append(expected, this.#records[expected]!);
    }
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#following?.stop();
    this.#window?.close();
    this.#options.fail(error);
  }
}
