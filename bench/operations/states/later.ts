import { BODY, type Case, fillEach, HOUR_MS, type Operation, until } from "../operation.ts";
import { ENDING, LOOKING, PURGING, REMOVING, RULING, SENDING, TAKING } from "./common.ts";
import { OVERFLOW } from "./waiting.ts";

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
  operations: [
    ...SENDING,
    ...TAKING,
    ...LOOKING,
    ...REMOVING,
    ...RULING,
    OVERFLOW,
    ...PURGING,
    ...ENDING,
  ],
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
  operations: [
    ...SENDING,
    ...TAKING,
    ...LOOKING,
    ...REMOVING,
    ...RULING,
    OVERFLOW,
    ...PURGING,
    ...ENDING,
  ],
};

/** So long messages wait that are due together, in milliseconds: the stream is filled meanwhile. */
const TOGETHER_MS = 20_000;

function dueTogether(
  name: string,
  send: { readonly options: (leftMs: number, index: number) => object },
  isOver: Operation["run"],
): Case {
  return {
    name,
    open: async (bench) => {
      await bench.cursor.createStream(bench.stream, { deadLetterExpired: name.includes("dead") });
      const end = Date.now() + Math.ceil(TOGETHER_MS * Math.max(0.05, bench.count / 1e6));
      await fillEach(
        bench,
        (publisher, index) =>
          publisher.sendMessage(BODY, send.options(Math.max(1, end - Date.now()), index)),
      );
    },
    operations: [{ name: "all at once", run: isOver, isOnce: true }, ...ENDING],
  };
}

/** Delays of all messages end together. */
export const DUE_TOGETHER: Case = dueTogether(
  "due together",
  { options: (delayMs) => ({ delayMs }) },
  ({ cursor, stream }) => until(async () => (await cursor.getStream(stream)).delayed === 0),
);

/** All messages expire together. */
export const EXPIRING_TOGETHER: Case = dueTogether(
  "expiring together",
  { options: (ttlMs, index) => ({ ttlMs, key: `key-${index}` }) },
  ({ cursor, stream }) => until(async () => (await cursor.getStream(stream)).ready === 0),
);

/** All messages expire together, and are dead letters. */
export const DEAD_TOGETHER: Case = dueTogether(
  "expiring together, to the dead letters",
  { options: (ttlMs) => ({ ttlMs }) },
  ({ cursor, stream }) =>
    until(async () => {
      const { ready, pending } = await cursor.getStream(stream);
      return ready === 0 && pending === 0;
    }),
);
