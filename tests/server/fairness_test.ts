/**
 * What one client does to the others: however much it asks for at once, others are served within a few
 * thousand steps of work. Steps are counted, not time.
 *
 * @module
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import { writeControlFrame } from "../../protocol.ts";
import { createPipe } from "../../src/transport/duplex.ts";
import { until } from "../support/broker.ts";
import { giveMeLine, LineClient } from "../support/line_client.ts";
import { bindOf, bytesOf, type RawClient } from "../support/raw_client.ts";
import { Sessions } from "../support/sessions.ts";

/** More steps than this are never done while somebody waits for an answer: four turns. */
const STEPS_MAX = 40_000;

const STREAMS = 3000;

/** Sessions with many streams. */
async function openSessions(): Promise<Sessions> {
  const sessions = new Sessions({ logLevel: "warning" });
  for (let index = 0; index < STREAMS; index++) {
    await sessions.engine.createStream(`stream.${index}`);
  }
  return sessions;
}

/** Asks again and again until something is true, and counts the steps that each answer has taken. */
async function askUntil(
  sessions: Sessions,
  client: RawClient,
  isTrue: () => boolean | Promise<boolean>,
): Promise<number> {
  let answers = 0;
  await until("all is done", async () => {
    const before = sessions.engine.steps;
    await client.ask("getStream", "stream.1");
    assertLess(sessions.engine.steps - before, STEPS_MAX);
    answers++;
    return await isTrue();
  });
  return answers;
}

/** Frames that open followers, by number. */
function followerFrames(count: number, patternOf: (index: number) => RegExp): Uint8Array {
  return bytesOf((writer) => {
    for (let index = 0; index < count; index++) {
      const bind = bindOf(patternOf(index));
      const rest = { name: "many", messages: 1, bytes: 1 };
      writeControlFrame(writer, "openFollower", { follower: index, bind, ...rest });
    }
  });
}

Deno.test("who opens a hundred followers by pattern keeps nobody from being served", async () => {
  await using sessions = await openSessions();
  await using other = await sessions.open();
  await using many = await sessions.open();
  const before = sessions.engine.steps;
  await many.send(followerFrames(100, (index) => new RegExp(`\\.${index}$`)));
  const countFollowers = async () => (await sessions.engine.getStream("stream.99")).followers;
  const answers = await askUntil(sessions, other, async () => await countFollowers() === 1);
  // All those matches were made, and others were heard in between.
  const steps = sessions.engine.steps - before;
  assert(
    steps > 100 * STREAMS && answers > steps / STEPS_MAX,
    `${answers} answers, ${steps} steps`,
  );

  // Coming back costs nothing that was done before, nor do more followers of the same patterns.
  many.close();
  await until("it has left", () => sessions.table.count === 1);
  await using again = await sessions.open();
  const beforeAgain = sessions.engine.steps;
  await again.send(followerFrames(1000, (index) => new RegExp(`\\.${50 + index % 50}$`)));
  await until("all are there", async () => await countFollowers() === 20);
  assertLess(sessions.engine.steps - beforeAgain, 2000);
});

Deno.test("one pattern that takes long is matched in slices, for followers and for publishers", async () => {
  await using sessions = await openSessions();
  await using other = await sessions.open();
  await using heavy = await sessions.open();
  // Each match is some fifty steps.
  const pattern = /(a|b|c|d|e|f|g|h|i|j){1,35}.*7$/;
  await heavy.openPublisher(1, pattern);
  await heavy.publish(1, 1, ["to many"]);
  await heavy.openFollower(1, pattern);
  let seen: string | undefined;
  const next = heavy.next().then((frame) => seen = frame?.name);
  const answers = await askUntil(sessions, other, () => seen !== undefined);
  await next;
  assertEquals(seen, "stream", "it was published to all that match");
  assert(answers > 3, `${answers} answers`);
  assertEquals((await sessions.engine.getStream("stream.7")).nextId, 2);
  assertEquals((await sessions.engine.getStream("stream.8")).nextId, 1);
});

Deno.test("who leaves many attachments behind keeps nobody from being served", async () => {
  await using sessions = await openSessions();
  await using other = await sessions.open();
  await using many = await sessions.open();
  await many.send(followerFrames(20, () => /stream/));
  const countFollowers = async () => (await sessions.engine.getStream("stream.99")).followers;
  await until("all are there", async () => await countFollowers() === 20);
  many.close();
  const answers = await askUntil(sessions, other, () => sessions.table.count === 1);
  assert(answers > 1, `${answers} answers`);
  assertEquals(await countFollowers(), 0);
});

Deno.test("who sends many small frames at once keeps nobody from being served", async () => {
  await using sessions = await openSessions();
  await using other = await sessions.open();
  await using many = await sessions.open();
  await many.openFollower(1, "stream.1");
  const turnsBefore = sessions.turn.count;
  const credits = bytesOf((writer) => {
    for (let count = 0; count < 40_000; count++) {
      writer.begin(0x32);
      writer.u32(1);
      writer.u32(count % 7);
      writer.u32(1000);
      writer.end();
    }
  });
  const sent = many.send(credits);
  await askUntil(sessions, other, () => true);
  await sent;
  await many.ask("getStream", "stream.1");
  assert(sessions.turn.count - turnsBefore >= 4, `${sessions.turn.count - turnsBefore} turns`);
});

Deno.test("JSON lines: who asks by many patterns keeps nobody from being served", async () => {
  await using sessions = await openSessions();
  await using other = await sessions.open();
  const [here, there] = createPipe();
  sessions.take(there);
  await using many = new LineClient(here);
  const lines = Array.from({ length: 50 }, (_, index) => giveMeLine(new RegExp(`\\.${index}$`)));
  await many.send(...lines);
  const countFollowers = async () => (await sessions.engine.getStream("stream.49")).followers;
  const answers = await askUntil(sessions, other, async () => await countFollowers() === 1);
  assert(answers > 50 * STREAMS / STEPS_MAX, `${answers} answers`);
});
