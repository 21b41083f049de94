import type { StreamInfo, StreamOptionsInput } from "@simplemq/simplemq";
import { BODY, type Case, fillEach, HOUR_MS, until } from "../operation.ts";
import { ENDING } from "./common.ts";
import { USUAL } from "./waiting.ts";

/** Moments in no order. */
function scatter(index: number, count: number): number {
  return index * 7919 % Math.max(1, count);
}

/** Messages that wait for different moments. */
export const DELAYED: Case = {
  name: "delayed",
  open: async (bench) => {
    const { cursor, stream, count } = bench;
    await cursor.createStream(stream);
    await fillEach(
      bench,
      (publisher, index) =>
        publisher.sendMessage(BODY, { delayMs: HOUR_MS + scatter(index, count) }),
    );
  },
  operations: USUAL,
};

/** Messages that have keys, and expire at different moments. */
export const EXPIRING: Case = {
  name: "expiring, keyed",
  open: async (bench) => {
    const { cursor, stream, count } = bench;
    await cursor.createStream(stream);
    await fillEach(bench, (publisher, index) =>
      publisher.sendMessage(BODY, {
        key: `key-${index}`,
        ttlMs: HOUR_MS + scatter(index, count),
      }));
  },
  operations: USUAL,
};

/** So long messages wait that are due together, in milliseconds: the stream is filled meanwhile. */
const TOGETHER_MS = 12_000;

/** Messages whose time comes together; their lists have as many runs, since priorities change. */
function dueTogether(
  name: string,
  options: StreamOptionsInput,
  wait: "delayMs" | "ttlMs",
  isOver: (info: StreamInfo) => boolean,
): Case {
  return {
    name,
    open: async ({ cursor, publisher, stream, count }) => {
      await cursor.createStream(stream, options);
      const end = Date.now() + Math.max(500, TOGETHER_MS * count / 1e6);
      for (let sent = 0; sent < count; sent += CALL_COUNT) {
        const bodies = new Array<Uint8Array>(Math.min(CALL_COUNT, count - sent)).fill(BODY);
        const left = Math.max(1, end - Date.now());
        publisher.sendMessages(bodies, { [wait]: left, priority: (_, index) => index % 3 });
      }
      await publisher.flush();
    },
    operations: [
      {
        name: "until all are",
        run: ({ cursor, stream }) => until(async () => isOver(await cursor.getStream(stream)), 5),
        isOnce: true,
      },
      ...ENDING,
    ],
  };
}

/** How many messages are sent in a call, with the same time. */
const CALL_COUNT = 2000;

/** Delays of all messages end together. */
export const DUE_TOGETHER: Case = dueTogether(
  "due together",
  {},
  "delayMs",
  ({ delayed }) => delayed === 0,
);

/** All messages expire together. */
export const EXPIRING_TOGETHER: Case = dueTogether(
  "expiring together",
  {},
  "ttlMs",
  ({ ready, pending }) => ready + pending === 0,
);

/** All messages expire together, and are dead letters. */
export const DEAD_TOGETHER: Case = dueTogether(
  "expiring to dead letters",
  { deadLetterExpired: true },
  "ttlMs",
  ({ ready, pending }) => ready + pending === 0,
);
