import { LeaderlessError, type Log, type LogBounds, RefusedError } from "./log.ts";
import type { Lease } from "./lease.ts";
import type { LogRoom } from "./log_room.ts";
import type { DiskLog } from "./replicated_disk.ts";
import { RECORD_TYPES } from "./record.ts";
import type { Timing } from "./timing.ts";
import type { Window } from "./window.ts";

/** The pause before something is appended again that had no room, in milliseconds. */
const ROOM_MS = 250;

/** The lease is looked after so many times in its time. */
const LOOKS = 16;

export interface ReignOptions {
  readonly log: Log;
  readonly window: Window;
  readonly room: LogRoom;
  readonly lease: Lease;
  readonly timing: Timing;
  readonly leaseMs: number;
  /** The identity of the log. */
  readonly logId: string;
  /** The time of the rules. */
  readonly now: () => number;
  /** Hears that the lease was lost, or is held again, or that clients are to be sent away. */
  readonly changed: () => void;
  /** Hears what the log says, and which bytes of ours it had for certain when it was asked. */
  readonly looked: (bounds: LogBounds, counted: number) => void;
  /** Hears once why nothing can be appended any more. */
  readonly fail: (error: unknown) => void;
}

/** The time in which this broker is the active one: it keeps the lease, and lets go of it. */
export class Reign implements DiskLog {
  readonly log: string;
  readonly #options: ReignOptions;
  readonly #ended = new AbortController();
  #wasHeld = true;
  #wasSendingAway = false;
  /** Whether somebody was told that it is not held: he waits to hear of it. */
  #wasMissed = false;
  #beating: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  /** Set while nothing may be appended: another broker is to take over. */
  #gate: PromiseWithResolvers<void> | undefined;
  /** How often it was let go of. */
  #releaseCount = 0;

  constructor(options: ReignOptions) {
    this.#options = options;
    this.log = options.logId;
    // Without it the lease would end, and nobody would know why.
    this.#supervise().catch((error) => options.fail(error));
  }

  /** Whether it may deliver and answer. */
  get isHeld(): boolean {
    const { lease, timing } = this.#options;
    const now = timing.now();
    if (timing.dateNow !== undefined) lease.noteDate(now, timing.dateNow());
    const isHeld = this.#gate === undefined && lease.isHeld(now);
    if (!isHeld) this.#wasMissed = true;
    return isHeld;
  }

  get sendsAway(): boolean {
    const { lease, timing } = this.#options;
    return lease.sendsAway(timing.now());
  }

  get gate(): Promise<void> | undefined {
    return this.#gate?.promise;
  }

  append(type: number, position: number, body: Uint8Array): Promise<void> {
    const { room, window } = this.#options;
    return room.count(body.length, window.append(type, position, body));
  }

  hasRoom(type: number, length: number): boolean {
    const { room, window } = this.#options;
    // Who appends to what has ended hears why; else he would wait for ever.
    return window.failure !== undefined || room.admits(type, length);
  }

  async holdLease(): Promise<void> {
    while (!this.isHeld) await (this.gate ?? this.#beat());
  }

  async pause(): Promise<void> {
    await this.#options.timing.wait(ROOM_MS, this.#ended.signal).catch(() => {});
  }

  async trim(below: number): Promise<void> {
    // Without an answer the records stay until the next ones go.
    await this.#options.log.trim(below).catch(() => {});
  }

  /** Hears of a record that counts. */
  noteCounted(): void {
    if (!this.#wasHeld || this.#wasSendingAway || this.#wasMissed) this.#notice();
  }

  /** Appends nothing more but that this broker lets go. */
  async release(): Promise<void> {
    this.#gate ??= Promise.withResolvers();
    this.#releaseCount++;
    this.#notice();
    await this.append(RECORD_TYPES.release, 0, new Uint8Array(0));
  }

  /**
   * Goes on as soon as the log has a heartbeat behind the release: then nobody else has taken over, and nobody
   * will because of it. Whoever lets go once more meanwhile has to resume that himself.
   */
  async resume(): Promise<void> {
    const count = this.#releaseCount;
    const isLast = () => count === this.#releaseCount && !this.#ended.signal.aborted;
    // One that is under way may be in front of the release, and says nothing.
    while (!await this.#storeBeat(this.#sealBeat())) {
      await this.pause();
      if (!isLast()) return;
    }
    if (!isLast()) return;
    this.#openGate();
    this.#notice();
  }

  /** Ends it: what is not in the log never will be. */
  end(): void {
    if (this.#ended.signal.aborted) return;
    const { lease, timing } = this.#options;
    this.#ended.abort();
    lease.end(timing.now());
    this.#options.window.close();
    // Who waits at it goes on to the window, and hears there that it has ended.
    this.#openGate();
    this.#notice();
  }

  #openGate(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async #supervise(): Promise<void> {
    const { leaseMs, timing, lease, window } = this.#options;
    while (!this.#ended.signal.aborted) {
      const isDue = timing.now() >= lease.heartbeatDueAt && window.pendingCount === 0;
      if (isDue && this.#gate === undefined) {
        this.#beat().catch((error) => this.#options.fail(error));
      }
      this.#notice();
      // Begun before the lease ends: it is known in time whether anybody else could take over.
      if (!lease.isHeld(timing.now() + leaseMs / 4)) {
        this.#looking ??= this.#look().finally(() => this.#looking = undefined);
      }
      if (!lease.isHeld(timing.now())) await this.#looking;
      await timing.wait(leaseMs / LOOKS, this.#ended.signal).catch(() => {});
    }
  }

  /** Appends something, so that the lease goes on. */
  #beat(): Promise<void> {
    this.#beating ??= this.#appendBeat().finally(() => this.#beating = undefined);
    return this.#beating;
  }

  async #appendBeat(): Promise<void> {
    const body = this.#sealBeat();
    const hasRoom = () => this.hasRoom(RECORD_TYPES.heartbeat, body.length);
    // There may be room since the last look.
    if (!hasRoom()) await this.#look();
    // Behind a release it would keep the others from taking over.
    if (this.#gate !== undefined) return;
    // The log is full: there may be room when segments were removed.
    if (!hasRoom() || !await this.#storeBeat(body)) await this.pause();
  }

  #sealBeat(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify({ at: this.#options.now() }));
  }

  /** Appends a heartbeat; resolves to whether the log had room for it. */
  async #storeBeat(body: Uint8Array): Promise<boolean> {
    try {
      await this.append(RECORD_TYPES.heartbeat, 0, body);
      return true;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return false;
    }
  }

  /** Asks whether nobody leads the log, or only this broker cannot reach it. */
  async #look(): Promise<void> {
    const { log, lease, timing, looked, room } = this.#options;
    if (lease.takeNodeChange(timing.now())) await log.changeNode().catch(() => {});
    const { counted } = room;
    await log.bounds().then((bounds) => {
      if (bounds.hasMajority === false) lease.noteLeaderless(timing.now());
      looked(bounds, counted);
    }, (error) => {
      if (error instanceof LeaderlessError) lease.noteLeaderless(timing.now());
    });
  }

  #notice(): void {
    const { isHeld, sendsAway } = this;
    const isBack = isHeld && this.#wasMissed;
    if (isHeld === this.#wasHeld && sendsAway === this.#wasSendingAway && !isBack) return;
    if (isHeld) this.#wasMissed = false;
    this.#wasHeld = isHeld;
    this.#wasSendingAway = sendsAway;
    this.#options.changed();
  }
}
