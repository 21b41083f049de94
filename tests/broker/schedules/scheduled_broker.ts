import {
  decodeBatch,
  encodeBatch,
  type PropertyWishes,
  type ScheduleInfo,
  type ScheduleInput,
} from "../../../protocol.ts";
import { ClockReader } from "../../../src/broker/rules/clock_reader.ts";
import { encodeBase64 } from "../../../src/protocol/base64.ts";
import type { SnapshotPiece } from "../../../src/broker/state/snapshot.ts";
import { turn } from "../../support/broker/broker.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";

export const SECOND = 1000;
export const HOUR: number = 60 * 60 * SECOND;
export const DAY: number = 24 * HOUR;

/** The message of a schedule. */
export function entryOf(text: string, wishes: PropertyWishes = {}, headers = {}): string {
  const body = new TextEncoder().encode(text);
  return encodeBase64(encodeBatch([{ kind: 1, body, wishes, headers }]).buffer);
}

type Given = Partial<ScheduleInput> & { readonly text?: string };

/** A broker whose time is advanced from deadline to deadline. */
export class ScheduledBroker {
  readonly test: TestBroker;
  readonly clock: ClockReader;
  /** How far the machine's clock is ahead of the time. */
  aheadMs = 0;
  #dueAt = -Infinity;

  constructor(start: string = "2027-01-01T00:00:00Z", streams: readonly string[] = ["reports"]) {
    this.test = new TestBroker(...streams);
    this.test.now = Date.parse(start);
    // deno-lint-ignore no-explicit-any
    this.clock = new ClockReader((this.test.broker as any).context);
  }

  get now(): number {
    return this.test.now;
  }

  /** Puts a schedule that stores its name. */
  async put(name: string, { text = name, ...input }: Given): Promise<boolean> {
    const given = { stream: "reports", entry: entryOf(text), ...input };
    return await this.test.broker.schedules.put(name, given);
  }

  /** Lets time pass, and does what is due when it is. */
  async advance(ms: number, stepMs: number = 0): Promise<void> {
    const until = this.test.now + ms;
    for (;;) {
      const { broker } = this.test;
      this.#dueAt = broker.tick(this.test.now);
      await turn();
      this.#dueAt = Math.min(this.#dueAt, broker.tick(this.test.now));
      if (this.test.now >= until) return;
      this.test.now = Math.min(until, Math.max(this.#dueAt, this.test.now + Math.max(1, stepMs)));
    }
  }

  /** Nobody is there for a while. */
  sleep(ms: number): void {
    this.test.now += ms;
  }

  /** Sets the machine's clock. */
  setClock(aheadMs: number): void {
    this.aheadMs = aheadMs;
    this.clock.read(this.now, this.now + aheadMs);
  }

  /** What was stored: dates as ISO without year and seconds, and texts. */
  async stored(stream: string = "reports"): Promise<string[]> {
    const { infos, entries } = await this.test.broker.peek(stream, 1, 1000);
    const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
    return decodeBatch(batch).map(({ headers, body }, index) => {
      const at = headers.scheduledAt?.slice(5, 19);
      return `${infos[index]!.id} ${at} ${new TextDecoder().decode(body)}`;
    });
  }

  /** The ids of what was stored. */
  async ids(stream: string = "reports"): Promise<number[]> {
    return (await this.test.broker.peek(stream, 1, 1000)).infos.map(({ id }) => id);
  }

  async get(name: string): Promise<ScheduleInfo> {
    const { schedules } = this.test.broker;
    for (let after: number | undefined = 0; after !== undefined;) {
      const page: Awaited<ReturnType<typeof schedules.list>> = await schedules.list(after);
      const found = page.items.find((item) => item.name === name);
      if (found !== undefined) return found;
      after = page.next;
    }
    throw new Error(`there is no schedule ${name}`);
  }

  /** The next dates of a schedule. */
  async next(name: string): Promise<string[]> {
    return (await this.get(name)).next.map((at) => new Date(at).toISOString().slice(5, 19));
  }

  async explain(stream: string = "reports"): Promise<string[]> {
    const sentences = await this.test.broker.explain(stream);
    return sentences.filter((sentence) => sentence.startsWith("Schedule"));
  }

  /** Another broker that has read what this one has written, and begins after a while. */
  async restart(sleepMs: number, pieces?: readonly SnapshotPiece[]): Promise<ScheduledBroker> {
    const next = new ScheduledBroker(undefined, []);
    const { broker } = next.test;
    const { state } = broker;
    next.test.now = this.now + sleepMs;
    next.test.events.splice(0, Infinity, ...this.test.events);
    state.beginRestoration();
    for (const piece of pieces ?? []) state.restorePiece(piece);
    if (pieces === undefined) { for (const event of this.test.events) state.apply(event); }
    await broker.schedules.prepare();
    state.finishRestoration(next.now);
    broker.schedules.begin();
    return next;
  }
}
