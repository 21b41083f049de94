/**
 * What a stream with a breaker should do, told as simply as possible: one entry for each message and a list
 * of outcomes, looked through again and again.
 *
 * @module
 */

/** The options of the stream. */
export const MODEL = {
  failures: 3,
  withinMs: 16_000,
  share: 0.5,
  openMs: 5000,
  backoffMs: [1000, 3000],
} as const;

const SLICE_MS = MODEL.withinMs / 16;
const LOSS_MS = [0, 1000, 5000, 30_000];

/** A message that is not gone. */
export interface ModelMessage {
  readonly id: number;
  attempts: number;
  postponed: number;
  losses: number;
  /** When it is ready; 0 or past if it is, unless a follower holds it. */
  dueAt: number;
  /** The same as it is written, which a breaker that closes does not change. */
  writtenDueAt: number;
  /** Which follower holds it, by which tag. */
  holder: { readonly follower: number; readonly tag: number; isBegun: boolean } | undefined;
  /** Whether the attempt under way counts after a restart. */
  isWritten: boolean;
}

/** How a delivery comes back. */
interface ModelReturn {
  readonly now: number;
  readonly delayMs?: number | undefined;
  readonly isLoss?: boolean;
}

export class BreakerModel {
  readonly messages: Map<number, ModelMessage> = new Map();
  open: { nextAt: number; probes: number } | undefined;
  /** The message that is out as a probe. */
  probeId: number | undefined;
  #outcomes: { readonly slice: number; readonly kind: "ack" | "nack" | "fault" }[] = [];
  /** Probes that are held back until it closes. */
  #held: number[] = [];
  /** Whether it is of a lane: then it counts from the first failure on. */
  readonly #isOfLane: boolean;
  #isCounting: boolean;
  #hasOpened = false;

  constructor(isOfLane: boolean) {
    this.#isOfLane = isOfLane;
    this.#isCounting = !isOfLane;
  }

  publish(id: number, dueAt = 0): void {
    const message = { attempts: 0, postponed: 0, losses: 0, dueAt, writtenDueAt: dueAt };
    this.messages.set(id, { id, ...message, holder: undefined, isWritten: false });
  }

  get(id: number): ModelMessage {
    return this.messages.get(id)!;
  }

  /** What a follower holds, by tag. */
  heldBy(follower: number): ModelMessage[] {
    return [...this.messages.values()].filter(({ holder }) => holder?.follower === follower)
      .sort((one, other) => one.holder!.tag - other.holder!.tag);
  }

  listReady(now: number): ModelMessage[] {
    return [...this.messages.values()].filter(({ holder, dueAt }) =>
      holder === undefined && dueAt <= now
    );
  }

  /** A message was delivered; says why it should not have been. */
  deliver(
    id: number,
    attempts: number,
    to: { follower: number; tag: number },
    now: number,
  ): string | undefined {
    const message = this.get(id);
    if (message.holder !== undefined) return "it was held";
    if (message.dueAt > now) return "it was held back";
    if (attempts !== message.attempts + 1) return `it had ${message.attempts} attempts`;
    message.holder = { ...to, isBegun: false };
    if (this.open === undefined) return undefined;
    if (this.probeId !== undefined) return "there was a probe";
    if (now < this.open.nextAt) return "it was not time for a probe";
    this.probeId = id;
    this.open.nextAt = now + MODEL.openMs;
    this.open.probes++;
    return undefined;
  }

  begin(message: ModelMessage): void {
    if (message.holder!.isBegun) return;
    message.holder!.isBegun = true;
    if (this.open !== undefined) return;
    message.isWritten = true;
    message.writtenDueAt = 0;
  }

  ack(message: ModelMessage, now: number): void {
    this.messages.delete(message.id);
    if (message.id === this.probeId) this.close();
    else if (this.open === undefined) this.#note("ack", now);
  }

  /** Followers report that several have failed; returns whether the breaker opens. */
  nack(
    messages: readonly ModelMessage[],
    { now, delayMs, isFault }: ModelReturn & { readonly isFault: boolean },
  ): void {
    const isOut = new Set(messages);
    for (let index = 0; index < messages.length && this.open === undefined; index++) {
      this.#note(isFault ? "fault" : "nack", now);
      if (this.#mustOpen(now)) this.#open(now, isOut);
    }
    for (const message of messages) this.fail(message, { now, delayMs });
  }

  fail(message: ModelMessage, { now, delayMs, isLoss = false }: ModelReturn): void {
    const { attempts } = message;
    const isSpared = this.open !== undefined;
    const leastMs = isSpared && message.id === this.probeId
      ? this.#failProbe(message, now, delayMs)
      : 0;
    message.losses = isLoss ? message.losses + 1 : 0;
    const backoffMs = isLoss
      ? LOSS_MS[Math.min(message.losses, LOSS_MS.length) - 1]!
      : MODEL.backoffMs[Math.min(attempts, 1)]!;
    const waitMs = delayMs ?? Math.max(leastMs, backoffMs);
    if (!isSpared) message.attempts++;
    this.#putBack(message, waitMs === 0 ? 0 : now + waitMs);
  }

  postpone(message: ModelMessage, ms: number, now: number): void {
    if (message.id === this.probeId) this.#failProbe(message, now, ms);
    message.postponed++;
    message.losses = 0;
    this.#putBack(message, ms === 0 ? 0 : now + ms);
  }

  /** A message that no handler had is given back. */
  release(message: ModelMessage, deliveredAt: number): void {
    if (message.id === this.probeId) {
      this.probeId = undefined;
      this.open!.nextAt = deliveredAt;
      this.open!.probes--;
    }
    message.holder = undefined;
    message.isWritten = false;
    message.dueAt = 0;
  }

  /** Its follower closes; it had been in a handler. */
  leave(message: ModelMessage, now: number): void {
    if (this.open !== undefined) {
      const isProbe = message.id === this.probeId;
      const leastMs = isProbe ? this.#failProbe(message, now, undefined) : 0;
      message.losses = 0;
      return this.#putBack(message, leastMs === 0 ? 0 : now + leastMs);
    }
    message.attempts++;
    message.holder = undefined;
    message.isWritten = false;
    message.dueAt = 0;
    message.writtenDueAt = 0;
  }

  close(): void {
    this.open = undefined;
    this.probeId = undefined;
    this.#outcomes = [];
    for (const id of this.#held) {
      const message = this.messages.get(id);
      if (message !== undefined && message.holder === undefined) message.dueAt = 0;
    }
    this.#held = [];
    // What is in handlers is an attempt again.
    for (const message of this.messages.values()) {
      if (!message.holder?.isBegun) continue;
      message.isWritten = true;
      message.writtenDueAt = 0;
    }
  }

  /** The broker is gone, and there again. */
  restart(): void {
    this.#outcomes = [];
    this.#held = [];
    // The log tells of a breaker that has opened before, also if it is closed.
    this.#isCounting = !this.#isOfLane || this.#hasOpened;
    this.probeId = undefined;
    for (const message of this.messages.values()) {
      if (message.isWritten) message.attempts++;
      message.isWritten = false;
      message.holder = undefined;
      message.dueAt = message.writtenDueAt;
    }
  }

  #putBack(message: ModelMessage, dueAt: number): void {
    message.holder = undefined;
    message.isWritten = false;
    message.dueAt = message.writtenDueAt = dueAt;
  }

  #failProbe({ id }: ModelMessage, now: number, delayMs: number | undefined): number {
    this.probeId = undefined;
    this.open!.nextAt = now + MODEL.openMs;
    this.#held = this.#held.filter((other) => other !== id);
    if (delayMs !== undefined) return 0;
    this.#held.push(id);
    if (this.#held.length > 32) this.#held.shift();
    return Math.min(32, this.open!.probes) * MODEL.openMs + 1;
  }

  #note(kind: "ack" | "nack" | "fault", now: number): void {
    if (kind !== "ack") this.#isCounting = true;
    if (!this.#isCounting) return;
    this.#outcomes.push({ slice: Math.floor(now / SLICE_MS), kind });
  }

  #mustOpen(now: number): boolean {
    const slice = Math.floor(now / SLICE_MS);
    const recent = this.#outcomes.filter((one) => one.slice > slice - 16);
    const faults = recent.filter(({ kind }) => kind === "fault").length;
    const counted = faults > 0 ? faults : recent.filter(({ kind }) => kind === "nack").length;
    return counted >= MODEL.failures && counted >= MODEL.share * recent.length;
  }

  /** What was only fetched goes back, but for the oldest of each follower. */
  #open(now: number, isOut: ReadonlySet<ModelMessage>): void {
    this.open = { nextAt: now + MODEL.openMs, probes: 0 };
    this.#hasOpened = true;
    this.#outcomes = [];
    const followers = new Set([...this.messages.values()].map(({ holder }) => holder?.follower));
    for (const follower of followers) {
      if (follower === undefined) continue;
      const held = this.heldBy(follower).filter((message) => !isOut.has(message));
      for (const [index, message] of held.entries()) {
        message.isWritten = false;
        if (index > 0 && !message.holder!.isBegun) message.holder = undefined;
      }
    }
  }
}
