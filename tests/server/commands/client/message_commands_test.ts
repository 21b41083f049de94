/**
 * The commands that send, receive and show messages.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BrokerUse } from "../../../support/commands/broker_use.ts";
import { until } from "../../../support/broker/broker.ts";

Deno.test("publish: mistakes are told all at once, and nothing is sent", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  for (
    const [line, ...says] of [
      ["publish", /found 0 words, allowed at least 1: <stream> is missing/],
      ["stream foo", /"stream ls", .*"stream purge"/],
      [
        "publish orders x --priority 10 --delay never --count 0 --header x",
        /--priority: found "10", allowed a whole number, 0 to 9/,
        /--delay: found "never"/,
        /--count: found "0"/,
        /--header: found "x", allowed name=value/,
      ],
      ["publish orders x --file y", /found a body and --file/],
      ["publish orders x --ndjson", /found a body, and flags for lines/],
      [
        "publish orders - --count 2 --dedup-id a",
        /--count: allowed only with one body/,
        /--dedup-id: allowed only with one body/,
      ],
      ["publish orders x --count 2 --dedup-id a", /--dedup-id: allowed only without --count/],
      ["publish orders {x --as json", /the body: found no JSON/],
      ["publish orders --file /nowhere", /Cannot read \/nowhere/],
      ["publish orders --file /nowhere --lines", /Cannot read \/nowhere/],
      ["publish /(/ x", /BAD_PATTERN/],
      ["publish // x", /found "\/\/"/],
      ["follow orders --ack some", /--ack: found "some", allowed auto, none/],
      ["follow orders --jsonl --raw", /one of --jsonl and --raw/],
      ["follow orders --ack none --limit 5000", /--limit: found "5000".* 1 to 4096/],
      ["peek orders --limit 0", /--limit: found "0"/],
      ["get orders x", /found "x", allowed the id of a message/],
      ["bench --size 1ZB --time 1h", /--size: found "1ZB"/, /--time: allowed 10ms to 10m/],
    ] as [string, ...RegExp[]][]
  ) {
    const { code, stdout, lines } = await use.run(line.split(" "));
    assertEquals(stdout, "", line);
    assert(code === 2 || code === 1 && line.startsWith("publish /(/"), line);
    for (const rule of says) assertMatch(lines.join("\n"), rule, line);
  }
  assertEquals((await use.cursor.getStream("orders")).nextId, 1);
});

Deno.test("publish: a body with everything that a message can have", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  const flags = "--key ann --priority 7 --ttl 1h --delay 1m --header a=b --header c=d,e=f";
  assertEquals(await use.print(`publish orders hello ${flags} --dedup-id x`), "orders 1\n");
  const again = await use.run(["publish", "orders", "hello", "--dedup-id", "x", "--json"]);
  assertEquals(JSON.parse(again.stdout), {
    count: 1,
    duplicates: 1,
    streams: [{ stream: "orders", firstId: 1, lastId: 1 }],
  });
  assertMatch(again.lines.join("\n"), /Not stored again/);
  const message = await use.cursor.getMessage("orders", 1);
  assertEquals([message.body, message.key, message.priority], ["hello", "ann", 7]);
  assertEquals(message.headers, { a: "b", c: "d,e=f" });
  assertEquals([message.dedupId, message.state], ["x", "delayed"]);
  assertEquals(message.expiresAt! - message.deliverAt!, 3_600_000);
  // A body may begin with a dash, or be empty.
  assertEquals(await use.print("publish orders -- -1"), "orders 2\n");
  assertEquals((await use.run(["publish", "orders", ""])).stdout, "orders 3\n");
  assertEquals((await use.cursor.getMessage("orders", 3)).body, "");
});

Deno.test("publish: text, JSON and bytes, of a file and again and again", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, new Uint8Array([0, 255, 10]));
    await use.print(`publish orders --file ${file} --as bytes`);
    await Deno.writeTextFile(file, '{"a":\n1}\n');
    await use.print(`publish orders --file ${file} --as json`);
    await use.print(`publish orders --file ${file}`);
    await Deno.writeTextFile(file, "one\r\ntwo\n\nlast");
    assertEquals(await use.print(`publish orders --file ${file} --lines`), "orders 4-7\n");
    assertEquals(await use.print("publish orders x --count 5000"), "orders 8-5007\n");
  } finally {
    await Deno.remove(file);
  }
  const bodies = (await use.cursor.peek("orders", { limit: 8 })).map(({ body }) => body);
  assertEquals(bodies, [
    new Uint8Array([0, 255, 10]),
    { a: 1 },
    '{"a":\n1}\n',
    "one",
    "two",
    "",
    "last",
    "x",
  ]);
});

Deno.test("publish: lines of standard input as they come, in JSON on demand", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  await use.fill("orders.b");
  assertEquals(
    await use.print("publish /^orders/ -", { input: "a\nb\n" }),
    "orders 1-2\norders.b 1-2\n",
  );
  assertEquals(await use.print("publish orders -", { input: "" }), "");
  const none = await use.run(["publish", "orders"], { input: "" });
  assertEquals([none.code, none.stdout], [2, ""]);
  assertMatch(none.lines.join("\n"), /found no body and an empty standard input/);
  const input = '{"n":1}\n[2]\n"three"\n';
  assertEquals(await use.print("publish orders --ndjson", { input }), "orders 3-5\n");
  const bodies = (await use.cursor.peek("orders", { from: 3 })).map(({ body }) => body);
  assertEquals(bodies, [{ n: 1 }, [2], "three"]);
  const { code, lines } = await use.run(["publish", "orders", "--ndjson"], { input: "1\n{\n3\n" });
  assertEquals(code, 2);
  assertMatch(lines.join("\n"), /Confirmed: 0 messages\.\nCannot send line 2: found no JSON/);
  // Each line is sent before the next one is there.
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const terminal = { readInput: () => readable };
  const running = use.run(["publish", "orders", "-"], { terminal });
  await writer.write(new TextEncoder().encode("typed\nha"));
  await until(
    "the line is stored",
    async () => (await use.cursor.getStream("orders")).nextId === 7,
  );
  await writer.close();
  assertEquals((await running).stdout, "orders 6-7\n");
});

Deno.test("publish: what the broker refuses has exit code 1, and the code is told", async () => {
  await using use = await BrokerUse.start();
  await use.cursor.createStream("small", { maxMessages: 1 });
  await use.print("publish small x");
  assertMatch(await use.fail(1, "publish small x"), /\(STREAM_FULL\)$/);
  assertMatch(await use.fail(7, "publish /none/ x"), /\(NO_MATCHING_STREAM\)$/);
  // Lines wait for room, as long as they may.
  const { code, lines } = await use.run(["publish", "small", "-", "--timeout", "50ms"], {
    input: "y\n",
  });
  assertEquals(code, 124);
  assertMatch(lines.join("\n"), /The time is over: .* 50ms/);
});

Deno.test("follow: messages are printed and acknowledged, up to a limit", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders", "one", "two\nlines", "three \u001b[2J", "four");
  await use.fill("mails", "hi");
  assertEquals(await use.print("follow orders --limit 2"), "orders 1 one\norders 2 two\\nlines\n");
  await until(
    "the others are back",
    async () => (await use.cursor.getStream("orders")).ready === 2,
  );
  // A terminal is not told what to do by a message.
  const shown = await use.print("follow orders --limit 1", { terminal: { isTerminal: true } });
  assertEquals(shown, "orders 3 three \\u001b[2J\n");
  const lines = (await use.print("follow /orders|mails/ --limit 2 --jsonl")).trim().split("\n");
  const found = lines.map((line) => JSON.parse(line));
  assertEquals(found.map(({ stream, body }) => [stream, body]).sort(), [["mails", "hi"], [
    "orders",
    "four",
  ]]);
  assertEquals(found[0].attempts, 1);
  assertEquals((await use.cursor.getStreams()).map(({ ready, pending }) => [ready, pending]), [[
    0,
    0,
  ], [0, 0]]);
});

Deno.test("follow: with --ack none messages come back, and no attempt counts", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders", "one", "two", "three");
  const printed = await use.print("follow orders --ack none --limit 3 --name looker --raw");
  assertEquals(printed, "one\ntwo\nthree\n");
  await until("they are back", async () => (await use.cursor.getStream("orders")).ready === 3);
  const messages = await use.cursor.peek("orders");
  assertEquals(messages.map(({ attempts }) => attempts), [0, 0, 0]);
});

Deno.test("follow: Ctrl-C ends it with 130, its time with 124, and a missing stream is told", async () => {
  await using use = await BrokerUse.start();
  const stop = new AbortController();
  let said = "";
  const terminal = { note: (line: string) => void (said += `${line}\n`) };
  const running = use.run(["follow", "later"], { signal: stop.signal, terminal });
  await until("it waits", () => said.includes('no stream "later" yet'));
  stop.abort();
  assertEquals(await running.then(({ code }) => code), 130);
  assertMatch(await use.fail(124, "follow later --timeout 20ms"), /The time is over/);
});

Deno.test("a reader that has seen enough ends a command quietly", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders", "one", "two");
  const print = () => {
    throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  };
  for (const line of ["follow orders", "peek orders", "stream ls", "help"]) {
    const { code, lines } = await use.run(line.split(" "), { terminal: { print } });
    assertEquals([code, lines], [0, []], line);
  }
});

Deno.test("peek and get: messages in any state, cut for people and whole for programs", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders", "x".repeat(100), "漢字\u202e", "last");
  const table = (await use.print("peek orders")).split("\n");
  assertMatch(table[0]!, /^ID +AGE +STATE +DELIVERIES +KEY +BODY$/);
  assertStringIncludes(table[1]!, `${"x".repeat(59)}…`);
  assertStringIncludes(table[2]!, "漢字\\u202e");
  const lines = (await use.print("peek orders --from 2 --limit 1 --jsonl")).trim().split("\n");
  assertEquals(lines.length, 1);
  const { id, state, body, storedAt } = JSON.parse(lines[0]!);
  assert(Math.abs(Date.now() - storedAt) < 60_000);
  assertEquals([id, state, body], [2, "ready", "漢字\u202e"]);
  assertEquals((await use.tell("peek orders --from 9"))[0], "There is no message from 9 on.");
  assertEquals(await use.print("get orders 1 --raw"), `${"x".repeat(100)}\n`);
  assertEquals(JSON.parse(await use.print("get orders 3 --json")).body, "last");
  assertMatch(
    await use.print("get orders 3"),
    /^stream +orders\nid +3\nstate +ready\nstored at +20/,
  );
  assertMatch(await use.fail(7, "get orders 99"), /MESSAGE_NOT_FOUND/);
  await use.connection.publisher("orders").sendMessage(new Uint8Array([1, 2, 255]));
  assertStringIncludes(await use.print("get orders 4"), "3 bytes: AQL/");
  await use.print("publish orders five --lane acme");
  const withLane = await use.print("peek orders --from 4");
  assertMatch(withLane, / KEY +LANE +BODY\n 4 .*AQL\/\n 5 .* acme +five\n$/);
});

Deno.test("publish --coalesce: of one id, the last one waits", async () => {
  await using use = await BrokerUse.start();
  await use.fill("index");
  assertEquals(await use.print("publish index one --coalesce doc-7 --quiet 1h"), "index 1\n");
  assertEquals(await use.tell("publish index two --coalesce doc-7 --quiet 1h --at-most 2h"), [
    "It takes the place of an older one that waited.",
  ]);
  const told = JSON.parse(
    await use.print("publish index three --coalesce doc-7 --quiet 1h --json"),
  );
  assertEquals([told.count, told.replaced], [1, 1]);
  await use.print("publish index other --coalesce doc-8");
  const lines = (await use.print("peek index --jsonl")).trim().split("\n");
  assertEquals(lines.map((line) => JSON.parse(line)).map(({ body, state }) => [body, state]), [
    ["three", "delayed"],
    ["other", "ready"],
  ]);
  assertMatch(await use.fail(2, "publish index a --quiet 1s"), /--quiet: allowed only with --coal/);
  assertMatch(await use.fail(2, "publish index a --coalesce b --count 2"), /only without --count/);
  assertMatch(
    await use.fail(2, "publish index - --coalesce b"),
    /--coalesce: allowed only with one/,
  );
});

Deno.test("messages for programs: bytes, text and JSON that look alike are told apart", async () => {
  await using use = await BrokerUse.start();
  await use.fill("all", new Uint8Array([0, 1, 255]), { base64: "AAH/" }, "AAH/", "1", 1);
  const alike = [["bytes", "AAH/"], ["json", { base64: "AAH/" }], ["text", "AAH/"], ["text", "1"], [
    "json",
    1,
  ]];
  const read = (line: string) => {
    const { kind, body } = JSON.parse(line);
    return [kind, body];
  };
  const readAll = async (command: string) =>
    (await use.print(command)).trim().split("\n").map(read);
  assertEquals(await readAll("peek all --jsonl"), alike);
  for (const [index, one] of alike.entries()) {
    assertEquals(read(await use.print(`get all ${index + 1} --json`)), one);
  }
  // An export has the same fields, and what each line is.
  const peeked = (await use.print("peek all --jsonl")).trim().split("\n");
  const exported = (await use.print("export all")).trim().split("\n").slice(2, -1);
  assertEquals(exported, peeked.map((line) => `{"type":"message",${line.slice(1)}`));
  assertEquals(await readAll("follow all --limit 5 --jsonl"), alike);
});

Deno.test("bench: it measures, and leaves nothing behind", async () => {
  await using use = await BrokerUse.start();
  const found = JSON.parse(await use.print("bench --time 50ms --size 10 --json"));
  assertEquals(found.bodyBytes, 10);
  assert(found.publishedPerSecond > 0 && found.deliveredPerSecond >= 0 && found.confirmMs.max > 0);
  assertEquals(await use.cursor.getStreams(), []);
});
