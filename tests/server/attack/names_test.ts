/**
 * Names and patterns that nobody should choose: none becomes a path, forges a line of the log or stops the
 * broker for others.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { BrokerError, FrameType, MAGIC, writeControlFrame } from "../../../protocol.ts";
import { checkStreamName } from "../../../src/broker/state/router.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestDirectory } from "../../support/disk/journals.ts";
import { bytesOf } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";
import { Arsenal } from "./arsenal.ts";

const seed = Number(Deno.env.get("ATTACK_SEED") ?? Math.floor(Math.random() * 2 ** 32));

/** All files in a directory and below, by their paths. */
async function listFiles(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) found.push(...await listFiles(`${directory}/${name}`));
    else found.push(`${directory}/${name}`);
  }
  return found.sort();
}

Deno.test("a hundred thousand hostile names: those that are allowed mean nothing anywhere", () => {
  const arsenal = new Arsenal(seed, new Uint8Array(0));
  let allowedCount = 0;
  for (let count = 0; count < 100_000; count++) {
    const name = arsenal.name();
    try {
      checkStreamName(name);
    } catch (error) {
      const isRefused = error instanceof BrokerError && error.code === "BAD_STREAM_NAME";
      assert(isRefused && error.message.length < 400, `ATTACK_SEED=${seed}`);
      continue;
    }
    allowedCount++;
    assert(/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && name.length <= 128, JSON.stringify(name));
  }
  assertGreater(allowedCount, 1000);
});

Deno.test("hostile names of streams, followers and clients become no files and no lines of the log", async () => {
  await using parent = await TestDirectory.create();
  const directory = `${parent.path}/data`;
  const storage = { engine: "journal", directory } as const;
  const arsenal = new Arsenal(seed, new Uint8Array(0));
  const created = new Set<string>();
  {
    await using broker = await startBroker({ storage });
    const before = await listFiles(parent.path);
    await using connection = await broker.connect();
    const cursor = connection.cursor();
    for (let count = 0; count < 300; count++) {
      const name = arsenal.name();
      await cursor.createStream(name).then(() => created.add(name), () => {});
      const follower = attempt(() => connection.follower("131072", { name: arsenal.name() }));
      await follower?.close();
    }
    const isSegment = (path: string) => /\/data\/[0-9a-f]{16}\.journal$/.test(path);
    const others = (await listFiles(parent.path)).filter((path) => !isSegment(path));
    assertEquals(others, before.filter((path) => !isSegment(path)));
  }
  await using broker = await startBroker({ storage });
  await using connection = await broker.connect();
  const names = (await connection.cursor().getStreams()).map(({ name }) => name);
  assertEquals(names.toSorted(), [...created].sort(), `ATTACK_SEED=${seed}`);
});

/** Does something that may be refused at once. */
function attempt<Result>(act: () => Result): Result | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

Deno.test("whatever a client is called, each line of the log is one", async () => {
  const arsenal = new Arsenal(seed, new Uint8Array(0));
  await using sessions = new Sessions();
  let openedCount = 0;
  for (let count = 0; count < 300; count++) {
    const client = sessions.connect();
    const name = arsenal.name().slice(0, 128);
    await client.hello(name);
    const frame = await client.next();
    if (frame?.name === "welcome") openedCount++;
    client.close();
  }
  await until("they are gone", () => sessions.table.count === 0);
  assertGreater(openedCount, 100);
  const head = /^\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warning) [ -~]/;
  // deno-lint-ignore no-control-regex
  const hidden = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2028\u2029]/;
  for (const line of sessions.lines) {
    assert(head.test(line) && line.indexOf("\n") === line.length - 1, JSON.stringify(line));
    assert(!hidden.test(line), JSON.stringify(line));
  }
});

Deno.test("patterns that take long to refuse do not keep others waiting", async () => {
  await using sessions = new Sessions();
  await using attacker = await sessions.open("attacker");
  await using good = await sessions.open("good");
  const count = 100;
  for (let number = 1; number <= count; number++) {
    const pattern = `((a?){50}){20}(\\pL{0,1000}){3}${number}`;
    await attacker.openFollower(number, new RegExp(pattern));
  }
  let refusedCount = 0;
  const refusing = (async () => {
    for (; refusedCount < count; refusedCount++) await attacker.expectError("BAD_PATTERN");
  })();
  const asked = 5;
  for (let number = 0; number < asked; number++) await good.ask("getStreams");
  // One of them at a time: each takes as long as thousands of usual frames.
  assertLess(refusedCount, 3 * asked);
  await refusing;
});

Deno.test("frames whose JSON has very many strings are refused, before they are parsed", async () => {
  await using sessions = new Sessions();
  const many = Array.from({ length: 257 }, (_, index) => `${index}`);
  await using early = sessions.connect();
  await early.send(bytesOf((writer) => {
    writer.bytes(MAGIC);
    writeControlFrame(writer, "hello", { client: "early", capabilities: many });
  }));
  await early.expectFatalError("BAD_FRAME");
  await using late = await sessions.open("late");
  await late.sendFrame(FrameType.openPublisher, (writer) => {
    writer.text(JSON.stringify(Object.fromEntries(many.map((name) => [name, 0]))));
  });
  await late.expectFatalError("BAD_FRAME");
});
