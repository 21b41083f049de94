import { BODY, type Case, CONFIRMED, fill, takeOne } from "../operation.ts";
import { ENDING, LOOKING, PURGING, REMOVING, RULING, SENDING, TAKING } from "./common.ts";
import { OVERFLOW } from "./waiting.ts";

/** Messages of as many lanes. */
export const LANES: Case = {
  name: "lanes",
  countMax: 100_000,
  open: async (bench) => {
    await bench.cursor.createStream(bench.stream, { laneLimits: { maxPending: 10 } });
    await fill(bench, (index) => ({ lane: `lane-${index}`, priority: index % 10 }));
  },
  operations: [
    {
      name: "sendMessage, drop-oldest (the first look for the oldest)",
      prepare: OVERFLOW.prepare!,
      run: OVERFLOW.run,
    },
    {
      name: "updateStream, rule of lanes",
      run: ({ cursor, stream, turn }) =>
        cursor.updateStream(stream, {
          maxMessages: null,
          overflow: "reject",
          laneLimits: { maxPending: 11 + turn },
        }),
    },
    ...SENDING,
    ...TAKING,
    ...LOOKING,
    ...REMOVING,
    ...RULING,
    {
      name: "cancelAll of a lane",
      run: ({ cursor, stream, count, turn }) =>
        cursor.cancelAll(stream, { lane: `lane-${Math.max(0, (count >> 1) - turn)}`, limit: 5 }),
    },
    {
      name: "getLanes, 50 by waiting",
      run: ({ cursor, stream }) => cursor.getLanes(stream, { limit: 50 }),
    },
    {
      name: "getLanes, a page of 1,000 by name",
      run: ({ cursor, stream }) =>
        cursor.getLanes(stream, { limit: 1000, by: "name", after: "lane-5" }),
    },
    {
      name: "take one, postpone its lane",
      prepare: ({ publisher }) => publisher.sendMessage(BODY, { lane: "held", priority: 9 }),
      run: (bench) =>
        takeOne(bench, (one) => one.postpone(60_000, { ...CONFIRMED, lane: 60_000 } as never)),
    },
    OVERFLOW,
    ...PURGING,
    ...ENDING,
  ],
};

/** Messages with dedup ids, of which a stream remembers so many. */
export const DEDUP: Case = {
  name: "dedup ids",
  open: async (bench) => {
    const { cursor, stream, count, publisher } = bench;
    await cursor.createStream(stream, { dedupWindowMs: 3_600_000 });
    for (let index = 0; index < count; index++) {
      publisher.sendMessage(BODY, { dedupId: `id-${index}` });
      if (index % 2000 === 1999) await publisher.flush();
    }
    await publisher.flush();
  },
  operations: [
    ...SENDING,
    {
      name: "sendMessage, the dedup id is known",
      run: ({ publisher, count }) => publisher.sendMessage(BODY, { dedupId: `id-${count - 1}` }),
    },
    {
      name: "sendMessage, 1,000 dedup ids",
      run: async ({ publisher, turn }) => {
        for (let index = 0; index < 1000; index++) {
          publisher.sendMessage(BODY, { dedupId: `more-${turn}-${index}` });
        }
        await publisher.flush();
      },
    },
    {
      name: "cancelAll of a dedup id of a message",
      run: ({ cursor, stream, count, turn }) =>
        cursor.cancelAll(stream, { dedupId: `id-${(count >> 1) + turn}`, limit: 1 }),
    },
    {
      name: "updateStream, dedupWindowMs",
      run: ({ cursor, stream, turn }) =>
        cursor.updateStream(stream, { dedupWindowMs: 3_600_000 + turn }),
    },
    {
      name: "all dedup ids are old",
      run: ({ cursor, stream }) => cursor.updateStream(stream, { dedupWindowMs: 1 }),
      isOnce: true,
    },
    ...ENDING,
  ],
};
