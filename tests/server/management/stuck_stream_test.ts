import { assertEquals } from "@std/assert";
import { serve } from "../../../server.ts";
import { findCures } from "../../../src/server/management/stuck_stream.ts";

Deno.test("a stream that nobody takes from leads to the connections, also if a follower hangs", async () => {
  await using broker = await serve({ port: 0, storage: { engine: "memory" } });
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("mails");
  await connection.publisher("mails").sendMessage("one");
  const waiting = await cursor.getStream("mails");
  const find = (changes: Partial<typeof waiting>) =>
    findCures({ stream: { ...waiting, ...changes }, dead: undefined, holders: [] })
      .map(({ kind, about }) => [kind, about]);
  const start = ["connections", "see which programs are here, and start the one that follows"];
  const end = ["connections", "see which programs follow, and end the one that hangs"];
  const resume = ["resume", "go on with deliveries"];
  assertEquals(find({}), [start]);
  assertEquals(find({ isPaused: true }), [resume, start]);
  assertEquals(find({ followers: 1 }), [end]);
  assertEquals(find({ followers: 1, isPaused: true }), [resume]);
  assertEquals(find({ followers: 1, ready: 0 }), []);
});
