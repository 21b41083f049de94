/**
 * What one client does to the others: however much it asks for at once, others are served within a few
 * thousand steps of work. Steps are counted, not time.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import {
  type Page,
  type PendingEntryList,
  type StreamInfo,
  writeControlFrame,
  writeQuery,
} from "../../../protocol.ts";
import { WorkTurn } from "../../../src/server/flow/work_turn.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { BrokerError, connect } from "../../../client.ts";
import { startBroker, turn, until } from "../../support/broker/broker.ts";
import { giveMeLine, LineClient } from "../../support/wire/line_client.ts";
import { bindOf, bytesOf, type RawClient } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

/** More steps than this are never done while somebody waits for an answer: four turns. */
const STEPS_MAX = 40_000;

const STREAMS = 3000;

/** The streams of one page of the list. */
const PAGE_STREAMS = 500;

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

Deno.test("WorkTurn lets so much be done in a turn, and says what is waited for", async () => {
  let steps = 0;
  const work = new WorkTurn(() => steps);
  // A little work is not worth knowing when the turn is over.
  assertEquals([work.note(), work.awaited, work.count], [undefined, undefined, 0]);
  assertEquals([work.note(300), work.awaited, work.count], [undefined, undefined, 1]);
  steps += 7700;
  assertEquals(work.note(100), undefined);
  const over = work.note(100);
  assert(over instanceof Promise);
  assertEquals([work.awaited === over, work.note() === over, work.count], [true, true, 1]);
  await over;
  assertEquals([work.note(300), work.awaited, work.count], [undefined, undefined, 2]);
  await turn();
  assertEquals([work.note(300), work.count], [undefined, 3]);
  await turn();
});

Deno.test("a client that opens a hundred followers by pattern does not keep others waiting", async () => {
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
  assertLess(sessions.engine.steps - beforeAgain, STREAMS);
});

Deno.test("a client that opens many followers of few streams does not keep others waiting", async () => {
  await using sessions = new Sessions({ logLevel: "warning" });
  await sessions.engine.createStream("stream.1");
  await using other = await sessions.open();
  await using many = await sessions.open();
  await many.send(followerFrames(1000, (index) => new RegExp(index < 999 ? `^${index}` : "1$")));
  const countFollowers = async () => (await sessions.engine.getStream("stream.1")).followers;
  const answers = await askUntil(sessions, other, async () => await countFollowers() === 1);
  assert(answers > 3, `${answers} answers`);
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

Deno.test("a client that leaves many attachments behind does not keep others waiting", async () => {
  await using sessions = await openSessions();
  await using other = await sessions.open();
  await using many = await sessions.open();
  await many.send(followerFrames(20, () => /stream/));
  // The last one that each of them is attached to.
  const last = `stream.${STREAMS - 1}`;
  const countFollowers = async () => (await sessions.engine.getStream(last)).followers;
  await until("all are there", async () => await countFollowers() === 20);
  many.close();
  const answers = await askUntil(sessions, other, () => sessions.table.count === 1);
  assert(answers > 1, `${answers} answers`);
  assertEquals(await countFollowers(), 0);
});

Deno.test("a client that sends many small frames at once does not keep others waiting", async () => {
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

Deno.test("a client that asks for many things at once does not keep others waiting", async () => {
  await using sessions = await openSessions();
  await using other = await sessions.open();
  await using many = await sessions.open();
  const COUNT = 2000;
  const requests = bytesOf((writer) => {
    for (let query = 1; query <= COUNT; query++) {
      writeQuery(writer, { query: query, operation: "createStream", name: `more.${query}` });
    }
  });
  const sent = many.send(requests);
  let answered = 0;
  const answers = (async () => {
    for (; answered < COUNT; answered++) await many.expect("response");
  })();
  let before = 0;
  let most = 0;
  await askUntil(sessions, other, () => {
    most = Math.max(most, answered - before);
    before = answered;
    return answered === COUNT;
  });
  assertLess(most, 500, "streams are created while somebody waits for an answer");
  await Promise.all([sent, answers]);
});

Deno.test("a stream that is created where there are very many patterns keeps nobody from being served", async () => {
  await using sessions = new Sessions({ logLevel: "warning" });
  await sessions.engine.createStream("stream.1");
  await using other = await sessions.open();
  await using many = await sessions.open();
  // Each match is some fifty steps.
  await many.send(
    followerFrames(1000, (index) => new RegExp(`(ab|cd|ef|gh){1,25}${index}$`)),
  );
  await many.ask("getStream", "stream.1");
  const before = sessions.engine.steps;
  await many.query(1, "createStream", "abab.77");
  let isCreated = false;
  const created = many.expect("response").then(() => isCreated = true);
  const answers = await askUntil(sessions, other, () => isCreated);
  await created;
  assertLess(STEPS_MAX, sessions.engine.steps - before);
  assert(answers > 1, `${answers} answers`);
  assertEquals((await sessions.engine.getStream("abab.77")).followers, 0);
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

Deno.test("a list of very many streams comes in pages", async () => {
  await using sessions = new Sessions({ logLevel: "warning" });
  const backoffMs = Array.from({ length: 32 }, (_, index) => 1_000_000_000 + index);
  const nameOf = (index: number) => `${index}`.padStart(6, "0").padEnd(128, "x");
  const COUNT = 11_000;
  for (let index = 0; index < COUNT; index++) {
    await sessions.engine.createStream(nameOf(COUNT - 1 - index), { backoffMs });
  }
  await using client = await sessions.open();
  const names: string[] = [];
  let next: number | undefined = 0;
  let pages = 0;
  for (; next !== undefined; pages++) {
    const page = await client.ask("getStreams", "", { after: next }) as Page<StreamInfo>;
    assertLess(JSON.stringify(page).length, 1024 * 1024);
    names.push(...page.items.map(({ name }) => name));
    next = page.next;
    // What is created and deleted meanwhile hides nothing else.
    if (pages === 1) await client.ask("deleteStream", nameOf(COUNT - 1));
    if (pages === 2) await client.ask("createStream", "late");
  }
  assertEquals([pages, names.length, names.at(-1)], [COUNT / 500 + 1, COUNT + 1, "late"]);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("pending entry lists come in pages, follower by follower", async () => {
  await using sessions = new Sessions();
  await using client = await sessions.open();
  await client.ask("createStream", "a");
  await client.openPublisher(1, "a");
  for (let batch = 0; batch < 5; batch++) {
    await client.publish(1, 1 + 1000 * batch, Array.from({ length: 1000 }, () => "x"));
  }
  await client.expect("stream");
  for (let batch = 0; batch < 5; batch++) await client.expect("confirm");
  await using other = await sessions.open();
  for (let number = 0; number < 6; number++) {
    const name = number === 5 ? "idle" : `follower ${number % 2}`;
    await other.openFollower(number, "a", { name, messages: 1000 });
  }
  await until("all are held", async () => (await sessions.engine.getStream("a")).pending === 5000);
  const ask = async (operation: "getPels" | "getPel", name: string) => {
    const pages: [string, number, number][][] = [];
    for (let next: number | undefined = 0; next !== undefined;) {
      const page = await client.ask(operation, name, { after: next }) as Page<PendingEntryList>;
      pages.push(
        page.items.map(({ follower, count, entries }) => [follower, count, entries.length]),
      );
      next = page.next;
    }
    return pages;
  };
  const [zero, one] = [["follower 0", 1000, 1000], ["follower 1", 1000, 1000]];
  assertEquals(await ask("getPels", ""), [[zero, one], [zero, one], [zero, ["idle", 0, 0]]]);
  assertEquals(await ask("getPel", "follower 0"), [[zero, zero], [zero]]);
  assertEquals(await ask("getPel", "idle"), [[["idle", 0, 0]]]);
  await client.query(9, "getPel", "nobody", { after: 0 });
  await client.expectError("FOLLOWER_NOT_FOUND");
  await client.query(9, "getPels", "", { after: -1 });
  await client.expectError("BAD_REQUEST");
});

Deno.test("a cursor gathers the pages of long lists", async () => {
  await using broker = await startBroker();
  await using connection = await connect({ port: broker.port });
  const cursor = connection.cursor();
  const names = Array.from({ length: 1200 }, (_, index) => `stream.${2000 - index}`);
  await Promise.all(names.map((name) => cursor.createStream(name)));
  assertEquals((await cursor.getStreams()).map(({ name }) => name), names.toSorted());
  assertEquals(await cursor.getPels(), []);
  await assertRejects(() => cursor.getPel("nobody"), BrokerError, "nobody");
  const follower = connection.follower("stream.2000", { name: "one", prefetch: 2 });
  await connection.publisher("stream.2000").sendMessages([1, 2]);
  for await (const message of follower.getMessages()) {
    assertEquals((await cursor.getPel("one")).map(({ id }) => id), [1, 2]);
    assertEquals((await cursor.getPels()).map(({ count }) => count), [2]);
    await message.ack();
    break;
  }
});

Deno.test("a page of many streams, and a batch for many, count as the work that they are", async () => {
  await using sessions = await openSessions();
  const { engine } = sessions;
  await using client = await sessions.open();
  const before = engine.steps;
  await client.ask("getStreams");
  assertLess(PAGE_STREAMS / 20, engine.steps - before);
  await client.openPublisher(1, /stream/);
  await client.ask("getStream", "stream.1");
  const beforeBatch = engine.steps;
  await client.publish(1, 1, ["to all of them"]);
  await until("it is stored", async () => (await engine.getStream("stream.1")).ready === 1);
  assertLess(STREAMS / 10, engine.steps - beforeBatch);
});

Deno.test("an explanation of a stream with many followers counts as the work that it is", async () => {
  await using sessions = await openSessions();
  await using client = await sessions.open();
  const count = 3200;
  await client.send(bytesOf((writer) => {
    const bind = bindOf("stream.1");
    for (let follower = 1; follower <= count; follower++) {
      writeControlFrame(writer, "openFollower", {
        follower,
        bind,
        name: "one of many",
        messages: 1,
        bytes: 1,
      });
    }
  }));
  await client.ask("getStream", "stream.1");
  const before = sessions.engine.steps;
  await client.ask("explain", "stream.1");
  assertLess(count / 20, sessions.engine.steps - before);
});
