import {
  type Case,
  CONFIRMED,
  fill,
  HOUR_MS,
  type Operation,
  takeOne,
  until,
} from "../operation.ts";
import { ENDING, LOOKING, RULING, SENDING } from "./common.ts";
import { PAGE_OF_DEAD } from "./page.ts";
import { USUAL } from "./waiting.ts";

/** Messages that have failed once, each with a reason, and wait for their next attempt; they have keys. */
export const FAILED: Case = {
  name: "failed, keyed",
  open: async (bench) => {
    const { cursor, stream, count, connection } = bench;
    await cursor.createStream(stream);
    await fill(bench, (index) => ({ key: `key-${index}` }));
    await using follower = connection.follower(stream, { prefetch: 4096 });
    let left = count;
    for await (const message of follower.getMessages()) {
      const isLast = --left === 0;
      const failing = message.nack({
        delayMs: HOUR_MS + left % 1000,
        reason: `reason ${left % 100}`,
        ...isLast && CONFIRMED,
      });
      if (isLast) return await failing;
    }
  },
  operations: USUAL,
};

const DEAD: readonly Operation[] = [
  {
    name: "redrive of one",
    run: ({ cursor, stream }) => cursor.redrive(stream, { limit: 1 }),
  },
  {
    name: "take a dead letter, ack",
    prepare: (bench) => reject(bench, 1),
    run: ({ connection, stream }) =>
      takeOne({ connection, stream: `${stream}.dead` }, (one) => one.ack(CONFIRMED)),
  },
  {
    name: "getStream of the dead letters",
    run: ({ cursor, stream }) => cursor.getStream(`${stream}.dead`),
  },
  {
    name: "explain, with dead letters",
    run: ({ cursor, stream }) => cursor.explain(stream),
  },
  {
    name: "peek at dead letters, 100",
    run: ({ cursor, stream, count }) =>
      cursor.peek(`${stream}.dead`, { from: Math.ceil(count / 2), limit: 100 }),
  },
  ...PAGE_OF_DEAD,
  {
    name: "redrive of all",
    run: ({ cursor, stream }) => cursor.redrive(stream),
    isOnce: true,
  },
  {
    name: "purgeStream of the dead letters",
    run: ({ cursor, stream }) => cursor.purgeStream(`${stream}.dead`),
    isOnce: true,
  },
];

/** Sends messages and has them rejected. */
async function reject(
  { connection, publisher, stream }: Parameters<Operation["run"]>[0],
  count: number,
): Promise<void> {
  await fill({ publisher, count });
  await using follower = connection.follower(stream, { prefetch: 4096 });
  let left = count;
  for await (const message of follower.getMessages()) {
    const isLast = --left === 0;
    const ending = message.reject("never", isLast ? CONFIRMED : undefined);
    if (isLast) return await ending;
  }
}

/** Dead letters. */
export const DEAD_LETTERS: Case = {
  name: "dead letters",
  open: async (bench) => {
    await bench.cursor.createStream(bench.stream);
    await reject(bench, bench.count);
  },
  operations: [...DEAD, ...ENDING],
};

/** So many messages a follower holds. */
const HELD_EACH = 4096;

/** Messages that followers hold. */
export const HELD: Case = {
  name: "held by followers",
  // A list of all entries goes over the wire, again and again.
  countMax: 100_000,
  open: async (bench) => {
    const { cursor, stream, count, other } = bench;
    await cursor.createStream(stream);
    await fill(bench);
    for (let held = 0; held < count; held += HELD_EACH) {
      const prefetch = Math.min(HELD_EACH, count - held);
      const follower = other.follower(stream, { prefetch, name: `holder-${count}` });
      await follower.getMessages().next();
    }
    await until(async () => (await cursor.getStream(stream)).pending >= count, 5);
  },
  operations: [
    ...SENDING.slice(0, 1),
    ...LOOKING,
    ...RULING.slice(0, 5),
    {
      name: "cancel of a held message",
      run: ({ cursor, stream, count, turn }) =>
        cursor.cancel(stream, Math.max(1, Math.ceil(count / 2) - turn)),
    },
    { name: "getPel", run: ({ cursor, count }) => cursor.getPel(`holder-${count}`) },
    { name: "getPels", run: ({ cursor }) => cursor.getPels() },
    {
      name: "their connection is lost",
      run: async ({ cursor, stream, count }) => {
        const all = await cursor.getConnections();
        const { id } = all.find((one) => one.followerNames?.includes(`holder-${count}`))!;
        await cursor.closeConnection(id);
        await until(async () => (await cursor.getStream(stream)).pending < count / 2);
      },
      isOnce: true,
    },
    {
      name: "releasePel",
      // Their client is back, and has some of them again.
      prepare: ({ cursor, count }) =>
        until(async () => {
          const all = await cursor.getConnections();
          return all.some((one) => one.followerNames?.includes(`holder-${count}`));
        }, 5),
      run: ({ cursor, count }) => cursor.releasePel(`holder-${count}`),
      isOnce: true,
    },
    ...ENDING,
  ],
};
