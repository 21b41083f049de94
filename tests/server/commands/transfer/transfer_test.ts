// `export` and `import`: what is exported is imported as it was, and what cannot be is told of.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { MessageBody, SendOptions } from "../../../../client.ts";
import { formatLines, LineChoice } from "../../../../src/server/commands/transfer/line_choice.ts";
import { Random } from "../../../support/random.ts";
import { comparable, TransferBroker } from "./brokers.ts";

const HOUR_MS = 3_600_000;

Deno.test("export and import: every field of a message is there again", async () => {
  await using one = await TransferBroker.start();
  await using two = await TransferBroker.start();
  const { cursor, connection } = one;
  await cursor.createStream("a", { maxDeliveries: 3, backoffMs: [60_000], maxMessages: 50 });
  await cursor.createStream("paused");
  await cursor.pauseStream("paused");
  const publisher = connection.publisher("a");
  await publisher.sendMessages(["rejected", "failed", "held"]);
  const bodies: MessageBody[] = [
    "text\n",
    { x: [1, null] },
    new Uint8Array([0, 255]),
    null,
    5.5,
    "",
  ];
  await publisher.sendMessages(bodies);
  await publisher.sendMessage("all", {
    key: "k",
    priority: 9,
    headers: { traceparent: "00-1", ü: "ß" },
    dedupId: "d",
    ttlMs: HOUR_MS,
    delayMs: HOUR_MS,
  });
  const messages = connection.follower("a", { name: "f", prefetch: 3 }).getMessages();
  // Held, failed and rejected, in this order of priority.
  for await (const message of messages) {
    if (message.body === "rejected") await message.reject("no", { confirm: true });
    else if (message.body === "failed") await message.nack({ reason: "later", confirm: true });
    else break;
  }
  const { text, outcome } = await one.export();
  assertEquals([outcome.code, outcome.lines], [0, ["wrote 10 messages of 3 streams"]]);
  const found = await two.import(text);
  assertEquals([found.code, found.lines], [0, []]);
  assertEquals(found.stdout, "imported 10 messages, 3 streams created\n");
  const again = await two.export();
  // What has failed goes on waiting.
  const imported = comparable(again.text).map(({ deliverAt, ...line }) => ({
    ...line,
    ...line.body !== "failed" && deliverAt !== undefined && { deliverAt },
  }));
  assertEquals(imported, comparable(text));
  const [all] = (await two.cursor.peek("a")).slice(-1);
  assertEquals([all!.key, all!.priority, all!.dedupId, all!.state], ["k", 9, "d", "delayed"]);
  const before = (await cursor.peek("a")).at(-1)!;
  assert(Math.abs(all!.expiresAt! - before.expiresAt!) < 2000);
  assertEquals((await two.cursor.getStream("paused")).isPaused, true);
  assertEquals((await two.cursor.getStream("a")).options.maxMessages, 50);
  assertEquals(await two.cursor.redrive("a"), { count: 1, skipped: 0 });
});

Deno.test("export and import: JSON keeps its digits, and strings in JSON stay JSON", async () => {
  await using one = await TransferBroker.start();
  const lines = [
    '{"stream":"a","kind":"json","body":{"big":12345678901234567890123,"small":0.1000000000000000055}}',
    '{"stream":"a","kind":"json","body":"text"}',
    '{"stream":"a","kind":"json","body":1e400}',
    '{"stream":"a","body":"text"}',
    '{"stream":"a","kind":"bytes","body":"AP8="}',
  ];
  await one.cursor.createStream("a");
  const { code } = await one.import(lines.join("\n"));
  assertEquals(code, 0);
  const { text } = await one.export("a");
  assertStringIncludes(
    text,
    '"body":{"big":12345678901234567890123,"small":0.1000000000000000055}',
  );
  assertStringIncludes(text, '"kind":"json","body":"text"');
  assertStringIncludes(text, '"body":1e400');
  assertStringIncludes(text, '"kind":"text","body":"text"');
  await using two = await TransferBroker.start();
  await two.import(text);
  assertEquals(comparable((await two.export()).text), comparable(text));
});

Deno.test("export and import: random messages come out as they went in (random)", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  const random = new Random(seed);
  const word = () => random.pick(["", "a", "ü\u0000", '"', "\\", "\n", "😀", "long ".repeat(300)]);
  const body = (): MessageBody =>
    random.pick<MessageBody>([
      word(),
      { [word()]: word(), list: [random.below(1000), null, word()] },
      new Uint8Array(random.below(40)).fill(random.below(256)),
      random.below(10) - 5,
      true,
    ]);
  const options = (): SendOptions => ({
    ...random.chance(0.5) && { key: `k${random.below(3)}` },
    ...random.chance(0.5) && { priority: random.below(10) },
    ...random.chance(0.3) && { headers: { h: word(), i: "1" } },
    ...random.chance(0.1) && { dedupId: `d${random.below(1e9)}` },
    ...random.chance(0.2) && { deliverAt: Date.now() + random.below(HOUR_MS) },
  });
  await using one = await TransferBroker.start();
  const streams = ["a", "b", "c"];
  for (const stream of streams) await one.cursor.createStream(stream);
  const sent = Array.from(
    { length: 1500 },
    () => one.connection.publisher(random.pick(streams)).sendMessage(body(), options()),
  );
  await Promise.all(sent);
  const { text } = await one.export();
  await using two = await TransferBroker.start();
  const { code, lines } = await two.import(text);
  assertEquals([code, lines], [0, []], `seed ${seed}`);
  assertEquals(comparable((await two.export()).text), comparable(text), `seed ${seed}`);
});

Deno.test("export: a stream, a pattern, and their dead letters; what is stored meanwhile is left out", async () => {
  await using one = await TransferBroker.start();
  for (const name of ["orders", "orders.dead", "mail.in", "mail.out"]) {
    await one.cursor.createStream(name);
    await one.connection.publisher(name).sendMessages(["one", "two"]);
  }
  const streamsOf = (text: string) =>
    comparable(text).filter(({ type }) => type === "stream").map(({ stream }) => stream);
  assertEquals(streamsOf((await one.export("orders")).text), ["orders", "orders.dead"]);
  assertEquals(streamsOf((await one.export("orders", "--no-dead")).text), ["orders"]);
  assertEquals(streamsOf((await one.export("orders.dead")).text), ["orders.dead"]);
  assertEquals(streamsOf((await one.export("/^mail/")).text), ["mail.in", "mail.out"]);
  assertEquals(streamsOf((await one.export()).text).length, 4);
  const { text, outcome } = await one.export("orders", "order");
  assertEquals([text, outcome.code], ["", 7]);
  assertStringIncludes(outcome.lines.join(), 'Cannot export "order": there is no such stream');
});

Deno.test("import: a bad line is named, what is before it is done, and it can go on", async () => {
  await using one = await TransferBroker.start();
  await one.cursor.createStream("a");
  const lines = [1, 2, 3, 4].map((body) => JSON.stringify({ stream: "a", body }));
  const bad: readonly [line: string, ...found: string[]][] = [
    ["{", "it is no JSON"],
    ["[]", "found a list, allowed is a JSON object"],
    ['{"stream":1}', "stream: found 1", "body: found none"],
    ['{"stream":"a/b","body":1,"key":2}', "stream: ", "key: found 2, allowed a text"],
    ['{"stream":"a","body":1,"kind":"bytes"}', "body: found 1, allowed base64"],
    ['{"type":"export","version":2}', "found version 2 of exports"],
    ['{"type":"stream","stream":"b","options":{"ttlMs":-1}}', "options: "],
  ];
  for (const [line, ...found] of bad) {
    const text = [...lines.slice(0, 2), line, ...lines.slice(2)].join("\n");
    const { code, lines: told } = await one.import(text);
    assertEquals(code, 1);
    for (const part of found) assertStringIncludes(told.join("\n"), part);
    assert(told.slice(0, -1).every((one) => one.startsWith("line 3: ")));
    assertStringIncludes(told.at(-1)!, "imported 2 messages");
    assertStringIncludes(told.at(-1)!, "--from-line 3");
    assertEquals(await one.bodies("a"), [1, 2]);
    const rest = [...lines.slice(0, 2), "", ...lines.slice(2)].join("\n");
    assertEquals((await one.import(rest, "--from-line", "3")).code, 0);
    assertEquals(await one.bodies("a"), [1, 2, 3, 4]);
    await one.cursor.purgeStream("a");
    const dry = await one.import(text, "--dry-run");
    assertEquals([dry.code, await one.bodies("a")], [2, []]);
    for (const part of found) assertStringIncludes(dry.lines.join("\n"), part);
  }
});

Deno.test("import: lines that the broker refuses are named, all others are stored", async () => {
  await using one = await TransferBroker.start();
  await one.cursor.createStream("a");
  const bodies = Array.from({ length: 1200 }, (_, index) => index + 1);
  const lines = bodies.map((body) => JSON.stringify({ stream: "a", body }));
  lines[6] = '{"stream":"missing","body":7}';
  lines[7] = '{"stream":"a","body":8,"priority":77}';
  const { code, lines: told } = await one.import(lines.join("\n"));
  assertEquals(code, 1);
  assertStringIncludes(told[0]!, "line 7: ");
  assertStringIncludes(told[0]!, "(STREAM_NOT_FOUND)");
  assertStringIncludes(told[1]!, "line 8: ");
  assertStringIncludes(told.at(-1)!, "go on with --lines 7-8,501-");
  assertEquals((await one.cursor.getStream("a")).ready, 498);
  await one.cursor.createStream("missing");
  lines[7] = '{"stream":"a","body":8}';
  assertEquals((await one.import(lines.join("\n"), "--lines", "7-8,501-")).code, 0);
  assertEquals((await one.cursor.getStream("a")).ready, 1199);
});

Deno.test("import: the same again stores nothing twice, with --dedup", async () => {
  await using one = await TransferBroker.start();
  await one.cursor.createStream("a");
  await one.connection.publisher("a").sendMessages([1, 2, 3]);
  const { text } = await one.export();
  await using two = await TransferBroker.start();
  await two.import(text, "--dedup");
  const again = await two.import(text, "--dedup");
  assertEquals(again.stdout, "imported 0 messages, 3 were there already\n");
  assertEquals(await two.bodies("a"), [1, 2, 3]);
});

Deno.test("import: other names, with the dead letters, into streams that are there", async () => {
  await using one = await TransferBroker.start();
  for (const name of ["a", "a.dead"]) {
    await one.cursor.createStream(name, { maxMessages: 7 });
    await one.connection.publisher(name).sendMessage(name);
  }
  const { text } = await one.export();
  await one.cursor.createStream("b", { maxMessages: 9 });
  const { code, lines } = await one.import(text, "--stream", "a=b");
  assertEquals(code, 0);
  assertEquals(lines, [
    'warning: stream "b" is there with other options, which stay: maxMessages',
  ]);
  assertEquals([await one.bodies("b"), await one.bodies("b.dead")], [["a"], ["a.dead"]]);
  assertEquals((await one.import(text, "--stream", "a")).code, 2);
});

Deno.test("import: what is newer is left out and named, what has expired is counted, an end is missed", async () => {
  await using one = await TransferBroker.start();
  const lines = [
    '{"type":"export","version":1,"at":"2026-11-30T00:00:00.000Z","mood":"good"}',
    '{"type":"lane","stream":"a"}',
    '{"type":"stream","stream":"a"}',
    '{"type":"message","stream":"a","body":1,"lane":"x"}',
    '{"type":"message","stream":"a","body":2,"lane":"y","expiresAt":1000}',
  ];
  const { code, lines: told, stdout } = await one.import(lines.join("\n"));
  assertEquals(stdout, "imported 1 message, 1 stream created, 1 has expired\n");
  assertEquals(told.slice(0, 3), [
    "warning: this version does not know export.mood; it is left out",
    'warning: this version does not know type "lane"; it is left out',
    "warning: this version does not know message.lane; it is left out",
  ]);
  assertStringIncludes(told[3]!, "the export has no end line");
  assertEquals([told.length, code], [4, 1]);
});

Deno.test("LineChoice reads lists of lines, and formatLines writes them", () => {
  const choice = LineChoice.read("3, 7-9,12-");
  const chosen = Array.from({ length: 14 }, (_, index) => index + 1).filter((line) =>
    choice.has(line)
  );
  assertEquals(chosen, [3, 7, 8, 9, 12, 13, 14]);
  assertEquals(formatLines([3, 7, 8, 9], 12), "3,7-9,12-");
  assertEquals(formatLines([4]), "4");
});
