import { Bind } from "@simplemq/simplemq";
import { BODY, type Case, CONFIRMED, type Operation, takeOne } from "../operation.ts";
import { SENDING } from "./common.ts";
import { PAGE_OF_STREAMS } from "./page.ts";

/** Streams that are created at a time. */
const CREATED_TOGETHER = 256;

/** A broker has at most 100,000; some more come and go. */
const COUNT_MAX = 99_900;

/** Patterns that match streams, beside those of the operations. */
const PATTERN_COUNT = 32;

const SHARED: readonly Operation[] = [
  {
    name: "createStream",
    run: ({ cursor, turn, count }) => cursor.createStream(`new-${count}-${turn}`),
  },
  {
    name: "deleteStream",
    prepare: ({ cursor, turn, count }) => cursor.createStream(`old-${count}-${turn}`),
    run: ({ cursor, turn, count }) => cursor.deleteStream(`old-${count}-${turn}`),
  },
  {
    name: "open a follower by a pattern of few",
    run: async ({ connection, publisher }) => {
      await publisher.sendMessage(BODY);
      await using follower = connection.follower(Bind.regex("^hot$"), { prefetch: 1 });
      for await (const message of follower.getMessages()) return await message.ack(CONFIRMED);
    },
  },
  {
    name: "open a publisher by a new pattern of few, send",
    run: async ({ connection, turn, count }) => {
      await using publisher = connection.publisher(Bind.regex(`^hot$|^none-${count}-${turn}$`));
      await publisher.sendMessage(BODY);
    },
  },
  {
    name: "open a follower of all streams",
    run: ({ connection }) =>
      takeOne({ connection, stream: Bind.regex(".") }, (one) => one.release(CONFIRMED)),
  },
  { name: "getStreams", run: ({ cursor }) => cursor.getStreams() },
  { name: "getPels", run: ({ cursor }) => cursor.getPels() },
  { name: "getBroker", run: ({ cursor }) => cursor.getBroker() },
  { name: "getConnections", run: ({ cursor }) => cursor.getConnections() },
  { name: "getEvents", run: ({ cursor }) => cursor.getEvents() },
  { name: "getLimits", run: ({ cursor }) => cursor.getLimits() },
  { name: "getSchedules", run: ({ cursor }) => cursor.getSchedules() },
  {
    name: "putSchedule, pause, resume, delete",
    run: async ({ cursor, turn }) => {
      const name = `schedule-${turn}`;
      await cursor.putSchedule(name, { stream: "hot", body: 1, everyMs: 86_400_000 });
      await cursor.pauseSchedule(name);
      await cursor.resumeSchedule(name);
      await cursor.deleteSchedule(name);
    },
  },
  { name: "setLogLevel", run: ({ cursor }) => cursor.setLogLevel("warning") },
  {
    name: "metrics over HTTP",
    run: async ({ broker }) => {
      const answer = await fetch(`http://127.0.0.1:${broker.httpPort}/metrics`);
      await answer.text();
      if (!answer.ok) throw new Error(`No metrics: ${answer.status}`);
    },
  },
  {
    name: "connect",
    run: async ({ broker }) => {
      await using _ = await broker.connect();
    },
  },
  {
    name: "updateStream",
    run: ({ cursor, turn }) => cursor.updateStream("hot", { maxPending: 1000 + turn }),
  },
  { name: "getStream", run: ({ cursor }) => cursor.getStream("hot") },
  { name: "explain", run: ({ cursor }) => cursor.explain("hot") },
  {
    name: "take one, ack",
    prepare: ({ publisher }) => publisher.sendMessage(BODY),
    run: ({ connection }) => takeOne({ connection, stream: "hot" }, (one) => one.ack(CONFIRMED)),
  },
  {
    name: "backup, open and close",
    run: async ({ cursor, broker }) => {
      if (broker.engine === "memory") return;
      const { backup, files } = await cursor.openBackup();
      await cursor.readBackup({ backup, file: files[0]!.name, offset: 0 });
      await cursor.closeBackup(backup);
    },
  },
];

/** Streams without messages, patterns, and one stream that is used. */
export const STREAMS: Case = {
  name: "streams",
  countMax: COUNT_MAX,
  isShared: true,
  open: async ({ cursor, connection, count }) => {
    await cursor.createStream("hot");
    for (let made = 1; made < count;) {
      const creating: Promise<unknown>[] = [];
      for (let index = 0; index < CREATED_TOGETHER && made < count; index++, made++) {
        creating.push(cursor.createStream(`stream-${made}`));
      }
      await Promise.all(creating);
    }
    for (let index = 0; index < PATTERN_COUNT; index++) {
      const follower = connection.follower(Bind.regex(`^(events|orders)-${index}-.+$`));
      void follower.getMessages().next().catch(() => {});
    }
  },
  operations: [
    ...SENDING,
    ...SHARED,
    ...PAGE_OF_STREAMS,
    {
      name: "deleteStream of 1,000",
      isOnce: true,
      run: async ({ cursor, count }) => {
        const names = Array.from(
          { length: Math.min(1000, count - 1) },
          (_, index) => `stream-${count - 1 - index}`,
        );
        await Promise.all(names.map((name) => cursor.deleteStream(name)));
      },
    },
  ],
};
