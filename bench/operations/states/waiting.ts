import type { Handling } from "@simplemq/simplemq";
import { BODY, type Case, CONFIRMED, fill, type Operation, takeOne } from "../operation.ts";
import { ENDING, LOOKING, PURGING, REMOVING, RULING, SENDING, TAKING } from "./common.ts";
import { PAGE_OF_MESSAGES } from "./page.ts";

/** What members do beside taking a message and ending it. */
const MEMBERS: readonly Operation[] = [
  {
    name: "open and close a publisher",
    run: async ({ connection, stream }) => {
      await using publisher = connection.publisher(stream);
      await publisher.sendMessage(BODY);
    },
  },
  {
    name: "request and reply",
    prepare: ({ cursor, stream }) => cursor.createStream(`${stream}-asks`),
    run: async ({ connection, stream }) => {
      await using publisher = connection.publisher(`${stream}-asks`);
      const reply = publisher.request("who?", { timeoutMs: 10_000 });
      await takeOne({ connection, stream: `${stream}-asks` }, async (one) => {
        await one.reply("me");
        await one.ack(CONFIRMED);
      });
      await reply;
    },
  },
  {
    name: "take one, extend",
    prepare: ({ publisher }) => publisher.sendMessage(BODY),
    run: (bench) =>
      takeOne(bench, async (one, follower) => {
        await follower.extendMessage(one, 60_000);
        await one.release();
      }),
  },
  {
    name: "getBatches, one of 100",
    prepare: ({ publisher }) => publisher.sendMessages(new Array(100).fill(BODY)),
    run: async ({ connection, stream }) => {
      await using follower = connection.follower(stream);
      for await (const batch of follower.getBatches({ size: 100, waitMs: 1 })) {
        return await batch.ack(CONFIRMED);
      }
    },
  },
  {
    name: "handle, one",
    prepare: ({ publisher }) => publisher.sendMessage(BODY),
    run: ({ connection, stream }) =>
      handleOne((done) => connection.follower(stream, { prefetch: 1 }).handle(done)),
  },
  {
    name: "handleBatches, one",
    prepare: ({ publisher }) => publisher.sendMessage(BODY),
    run: ({ connection, stream }) =>
      handleOne((done) =>
        connection.follower(stream, { prefetch: 1 }).handleBatches(done, { size: 1 })
      ),
  },
  {
    name: "a breaker opens and is closed",
    prepare: async ({ cursor, publisher, stream }) => {
      await cursor.updateStream(stream, { breaker: { failures: 1, share: 0.01 } });
      await publisher.sendMessage(BODY);
    },
    run: async (bench) => {
      await takeOne(
        bench,
        (one) => one.nack({ ...CONFIRMED, fault: "downstream", delayMs: 60_000 }),
      );
      await bench.cursor.resumeStream(bench.stream);
    },
  },
];

/** Has a handler called once. */
async function handleOne(handle: (done: () => void) => Handling): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using _ = handle(resolve);
  await promise;
}

/** One more message makes the stream too full. */
export const OVERFLOW: Operation = {
  name: "sendMessage, the oldest is dropped",
  prepare: async ({ cursor, stream, turn }) => {
    if (turn > 0) return;
    const { ready, delayed, pending } = await cursor.getStream(stream);
    const maxMessages = Math.max(1, ready + delayed + pending);
    await cursor.updateStream(stream, { maxMessages, overflow: "drop-oldest" });
  },
  run: ({ publisher }) => publisher.sendMessage(BODY),
};

/** What is measured with messages in most states. */
export const USUAL: readonly Operation[] = [
  ...SENDING,
  ...TAKING,
  ...LOOKING,
  ...REMOVING,
  ...RULING,
  OVERFLOW,
  ...PURGING,
  ...ENDING,
];

/** Messages that are ready, all alike. */
export const WAITING: Case = {
  name: "waiting",
  open: async (bench) => {
    await bench.cursor.createStream(bench.stream);
    await fill(bench);
  },
  operations: USUAL.toSpliced(SENDING.length + TAKING.length, 0, ...MEMBERS, ...PAGE_OF_MESSAGES),
};

/** Messages that each have a key of their own, and some priority. */
export const KEYED: Case = {
  name: "keyed",
  open: async (bench) => {
    await bench.cursor.createStream(bench.stream);
    await fill(bench, (index) => ({ key: `key-${index}`, priority: index % 10 }));
  },
  operations: [
    ...SENDING,
    ...TAKING,
    ...LOOKING,
    ...REMOVING,
    ...RULING,
    {
      name: "cancelAll of a key of a message",
      run: ({ cursor, stream, count, turn }) =>
        cursor.cancelAll(stream, { key: `key-${(count >> 1) + turn}`, limit: 1 }),
    },
    OVERFLOW,
    ...PURGING,
    ...ENDING,
  ],
};

/** Messages of one key, of which a follower has the first: the others wait for it. */
export const PARKED: Case = {
  name: "waiting for a key",
  open: async (bench) => {
    const { cursor, stream, connection } = bench;
    await cursor.createStream(stream);
    await fill(bench, () => ({ key: "one" }));
    // It stays until the connection ends.
    const follower = connection.follower(stream, { prefetch: 1, name: "holder" });
    await follower.getMessages().next();
    // Those behind the first are parked as another follower asks for them.
    const other = connection.follower(stream, { prefetch: 1, name: "other" });
    void other.getMessages().next().catch(() => {});
    await bench.publisher.sendMessage(BODY, { key: "one" });
  },
  operations: [...SENDING, ...LOOKING, ...REMOVING, ...RULING, OVERFLOW, ...PURGING, ...ENDING],
};

/** Messages of all priorities, of which most are too many at once. */
export const LIMITED: Case = {
  name: "a limit falls",
  open: async (bench) => {
    await bench.cursor.createStream(bench.stream);
    await fill(bench, (index) => ({ priority: index % 10 }));
  },
  operations: [
    {
      name: "updateStream, nine of ten are dropped",
      run: ({ cursor, stream, count }) =>
        cursor.updateStream(stream, {
          maxMessages: Math.ceil(count / 10),
          overflow: "drop-oldest",
        }),
      isOnce: true,
    },
    ...ENDING,
  ],
};

/** Messages that a stream has when it is deleted. */
export const FULL: Case = {
  name: "full",
  open: async (bench) => {
    await bench.cursor.createStream(bench.stream);
    await fill(bench, (index) => ({ key: `key-${index}`, lane: `lane-${index % 1000}` }));
  },
  operations: ENDING,
};
