import { BODY, CONFIRMED, HOUR_MS, type Operation, takeOne, until } from "../operation.ts";

const send: NonNullable<Operation["prepare"]> = ({ publisher }) => publisher.sendMessage(BODY);

/** Sends in each of the ways that a message may be sent. */
export const SENDING: readonly Operation[] = [
  { name: "sendMessage", run: send },
  {
    name: "sendMessages, 100",
    run: ({ publisher }) => publisher.sendMessages(new Array(100).fill(BODY)),
  },
  {
    name: "sendMessage, key, lane, priority",
    run: ({ publisher }) => publisher.sendMessage(BODY, { key: "k", lane: "l", priority: 7 }),
  },
  {
    name: "sendMessage, delayed",
    run: ({ publisher, turn }) => publisher.sendMessage(BODY, { delayMs: HOUR_MS / 2 + turn }),
  },
  {
    name: "sendMessage, dedup id",
    run: ({ publisher, turn }) => publisher.sendMessage(BODY, { dedupId: `own-${turn}` }),
  },
  {
    name: "sendMessage, coalesced",
    run: ({ publisher }) =>
      publisher.sendMessage(BODY, { coalesce: { id: "doc", quietMs: HOUR_MS } }),
  },
];

/** Looks at a stream, and at some of its messages. */
export const LOOKING: readonly Operation[] = [
  { name: "getStream", run: ({ cursor, stream }) => cursor.getStream(stream) },
  { name: "explain", run: ({ cursor, stream }) => cursor.explain(stream) },
  {
    name: "peek, 100 in the middle",
    run: ({ cursor, stream, count }) =>
      cursor.peek(stream, { from: Math.ceil(count / 2), limit: 100 }),
  },
  {
    name: "getMessage",
    prepare: send,
    run: async ({ cursor, stream }) => {
      const { nextId } = await cursor.getStream(stream);
      await cursor.getMessage(stream, nextId - 1);
    },
  },
];

/** Removes some of many messages. */
export const REMOVING: readonly Operation[] = [
  {
    name: "cancel, in the middle",
    run: ({ cursor, stream, count, turn }) =>
      cursor.cancel(stream, Math.max(1, Math.ceil(count / 2) - turn)),
  },
  {
    name: "dropMessages, 10 apart",
    run: ({ cursor, stream, count, turn }) => {
      const ids = Array.from(
        { length: 10 },
        (_, index) => Math.ceil(count / 12 * (index + 1)) + turn,
      );
      return cursor.dropMessages(stream, ids);
    },
  },
  {
    name: "cancelAll of a key that none has",
    run: ({ cursor, stream }) => cursor.cancelAll(stream, { key: "nobody's" }),
  },
  {
    name: "cancelAll of a dedup id that none has",
    run: ({ cursor, stream }) => cursor.cancelAll(stream, { dedupId: "nobody's" }),
  },
  {
    name: "cancelAll of a lane that none has",
    run: ({ cursor, stream }) => cursor.cancelAll(stream, { lane: "nobody's" }),
  },
  {
    name: "a message expires",
    run: async ({ cursor, publisher, stream }) => {
      const { totals: { expired } } = await cursor.getStream(stream);
      await publisher.sendMessage(BODY, { ttlMs: 1 });
      await until(async () => (await cursor.getStream(stream)).totals.expired > expired);
    },
  },
];

/** Changes what holds for a stream. */
export const RULING: readonly Operation[] = [
  {
    name: "updateStream, limits",
    run: ({ cursor, stream, turn }) => cursor.updateStream(stream, { maxPending: 10_000 + turn }),
  },
  {
    name: "updateStream, aging of priorities",
    run: ({ cursor, stream, turn }) =>
      cursor.updateStream(stream, { priorityAgingMs: 60_000 + turn }),
  },
  {
    name: "updateStream, breaker",
    run: ({ cursor, stream, turn }) =>
      cursor.updateStream(stream, { breaker: turn % 2 === 0 ? { failures: 1000 } : null }),
  },
  {
    name: "pauseStream, resumeStream",
    run: async ({ cursor, stream }) => {
      await cursor.pauseStream(stream);
      await cursor.resumeStream(stream);
    },
  },
  {
    name: "putLimit, shared",
    prepare: ({ cursor, stream }) => cursor.updateStream(stream, { sharedLimit: "all" }),
    run: ({ cursor, turn }) => cursor.putLimit("all", { maxPending: 20_000 + turn }),
  },
  {
    name: "setLane",
    run: ({ cursor, stream, turn }) => cursor.setLane(stream, "mine", { weight: 1 + turn }),
  },
  {
    name: "putSchedule, now",
    run: ({ cursor, stream, turn }) =>
      cursor.putSchedule(`${stream}-${turn}`, { stream, body: 1, everyMs: 86_400_000, now: true }),
  },
];

/** Takes a message and ends it. */
export const TAKING: readonly Operation[] = [
  {
    name: "open a follower, take one, ack",
    prepare: send,
    run: (bench) => takeOne(bench, (one, follower) => follower.ackMessage(one, CONFIRMED)),
  },
  {
    name: "take many, ack one, give back the rest",
    prepare: send,
    run: (bench) => takeOne(bench, (one, follower) => follower.ackMessage(one, CONFIRMED), 1000),
  },
  {
    name: "take one, nack with a delay",
    prepare: send,
    run: (bench) =>
      takeOne(
        bench,
        (one, follower) => follower.nackMessage(one, { ...CONFIRMED, delayMs: HOUR_MS }),
      ),
  },
  {
    name: "take one, postpone",
    prepare: send,
    run: (bench) =>
      takeOne(bench, (one, follower) => follower.postponeMessage(one, HOUR_MS, CONFIRMED)),
  },
  {
    name: "take one, release",
    prepare: send,
    run: (bench) => takeOne(bench, (one, follower) => follower.releaseMessage(one, CONFIRMED)),
  },
  {
    name: "take one, reject",
    prepare: send,
    run: (bench) =>
      takeOne(bench, (one, follower) => follower.rejectMessage(one, "bad", CONFIRMED)),
  },
];

/** Ends a stream; the last one is the last thing that is done to it. */
export const ENDING: readonly Operation[] = [
  {
    name: "deleteStream",
    run: ({ cursor, stream }) => cursor.deleteStream(stream),
    isOnce: true,
  },
];

export const PURGING: readonly Operation[] = [
  { name: "purgeStream", run: ({ cursor, stream }) => cursor.purgeStream(stream), isOnce: true },
];
