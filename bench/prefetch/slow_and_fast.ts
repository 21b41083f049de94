import type { Connection, Message } from "@simplemq/simplemq";
import { delay } from "@std/async/delay";
import { watchForStall } from "../harness/stall.ts";

/** How many messages both work on at full speed, so that both are given much in advance. */
const FAST_COUNT = 20_000;

/** How many messages come after that, one at a time. */
const LATE_COUNT = 400;

/** So long between two of them, in milliseconds. */
const LATE_EVERY_MS = 10;

/** How long the slow one takes for each of them, in milliseconds. */
const SLOW_MS = 1_000;

/** How the messages were shared, and how long they waited. */
export interface Waits {
  /** How many messages the slow one has worked on, of those that came one at a time. */
  readonly slowCount: number;
  /** How many the fast one has. */
  readonly fastCount: number;
  /**
   * The longest time that a message was with the broker or with the slow follower, not worked on,
   * while the fast one had nothing to do; in milliseconds.
   */
  readonly longestMs: number;
}

let streamCount = 0;

/**
 * Measures whether a message waits behind a slow follower of its stream while a fast one has nothing to
 * do. Settings are the defaults; each follower has a connection of its own. The slow one is as bad as can
 * be: it is fast at first, so that it is given much in advance, and then takes a second for each message.
 */
export async function measureWaits(
  publishing: Connection,
  slow: Connection,
  fast: Connection,
): Promise<Waits> {
  const stream = `slow-and-fast-${++streamCount}`;
  const cursor = publishing.cursor();
  await cursor.createStream(stream);
  await using publisher = publishing.publisher(stream);
  /** How long the fast one had been idle in all when each late message was sent, by its number. */
  const idleAtSending: number[] = [];
  let taken = 0;
  let slowCount = 0;
  let longestMs = 0;
  /** How long the fast one has had nothing to do, in all, and since when it has. */
  let idleMs = 0;
  let idleSince = performance.now();
  const idleUntilNow = () => idleMs + performance.now() - idleSince;
  const isOver = () => taken === FAST_COUNT + LATE_COUNT;
  const ending = new AbortController();
  const note = (number: number) => {
    taken++;
    // What it waited while the fast one was busy is nobody's fault.
    if (number >= 0) longestMs = Math.max(longestMs, idleUntilNow() - idleAtSending[number]!);
  };
  const followSlowly = async (message: Message<number>) => {
    note(message.body);
    if (message.body < 0) return;
    slowCount++;
    await delay(SLOW_MS);
  };
  const followFast = (message: Message<number>) => {
    note(message.body);
    idleMs = idleUntilNow();
    idleSince = performance.now();
    return Promise.resolve();
  };
  const run = async (connection: Connection, work: (message: Message<number>) => Promise<void>) => {
    await using follower = connection.follower<number>(stream);
    try {
      for await (const message of follower.getMessages({ signal: ending.signal })) {
        await work(message);
        await follower.ackMessage(message);
        if (isOver()) ending.abort();
      }
    } catch (error) {
      if (!ending.signal.aborted) throw error;
    }
  };
  const send = async () => {
    await publisher.sendMessages(Array.from({ length: FAST_COUNT }, () => -1));
    for (let number = 0; number < LATE_COUNT; number++) {
      idleAtSending[number] = idleUntilNow();
      publisher.sendMessage(number);
      await delay(LATE_EVERY_MS);
    }
    await publisher.flush();
  };
  const all = [run(slow, followSlowly), run(fast, followFast), send()];
  await watchForStall(Promise.all(all), () => taken);
  await cursor.deleteStream(stream);
  return { slowCount, fastCount: LATE_COUNT - slowCount, longestMs };
}
