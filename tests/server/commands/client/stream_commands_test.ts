/**
 * The commands about streams: what they refuse, what they do, and what programs get from them.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { OPTION_ROWS } from "../../../../src/server/commands/streams/stream_option_flags.ts";
import { STREAM_OPTIONS_DEFAULT } from "../../../../src/protocol/messages/stream_options.ts";
import { BrokerUse } from "../../../support/commands/broker_use.ts";

Deno.test("stream: mistakes are told all at once, and nothing is done", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders");
  for (
    const [line, ...says] of [
      ["stream add", /found 0 words, allowed at least 1/],
      ["stream add or/ders", /found "or\/ders"/],
      [
        "stream add a --ttl soon --max-messages many --overflow burst",
        /--ttl: found "soon"/,
        /--max-messages: found "many", allowed a whole number/,
        /--overflow: found "burst", allowed reject, drop-oldest/,
      ],
      ["stream add a --backoff 1s,x", /--backoff: found "x"/],
      ["stream add a --ack-timeout 1ms", /ackTimeoutMs/],
      ["stream set orders", /found no option, allowed --ack-timeout/],
      ["stream ls --sort size", /--sort: found "size", allowed name, ready/],
      ["stream ls /(/", /allowed a regular expression/],
      ["stream ls --timeout 0", /--timeout: found "0"/],
      ["stream ls --server a:1 --context b", /one of --server and --context/],
      ["stream ls --server smqs://secret@host", /found a token in --server/],
      ["stream apply nowhere.yaml", /Cannot apply nowhere.yaml/],
    ] as [string, ...RegExp[]][]
  ) {
    const said = await use.fail(2, line);
    for (const rule of says) assertMatch(said, rule, line);
  }
  assertEquals((await use.cursor.getStreams()).map(({ name }) => name), ["orders"]);
});

Deno.test("stream: what is not there has exit code 7, and the next step is named", async () => {
  await using use = await BrokerUse.start();
  for (
    const line of [
      "stream info x",
      "stream set x --ttl 1s",
      "stream pause x",
      "stream resume x",
      "stream purge x --yes",
      "stream rm x --yes",
      "explain x",
      "peek x",
      "get x 1",
      "dead ls x",
      "dead redrive x",
      "dead redrive x --dry-run",
      "publish x y",
    ]
  ) {
    assertMatch(await use.fail(7, line), /STREAM_NOT_FOUND\)\n"simplemq stream ls" lists/, line);
  }
});

Deno.test("stream add and set: every option has a flag, and is written as it is read", async () => {
  assertEquals(
    OPTION_ROWS.map(({ option }) => option).sort(),
    Object.keys(STREAM_OPTIONS_DEFAULT).sort(),
  );
  await using use = await BrokerUse.start();
  const flags = "--ack-timeout 90s --max-deliveries 5 --backoff 1s,2m --dead-letter false " +
    "--dead-letter-expired true --ttl 1.5h --dedup-window 0ms --max-messages 10 --max-bytes 1MiB " +
    "--overflow drop-oldest --max-pending 7 --rate 10/s --priority-across true " +
    "--lane-limits max-pending=2,rate=600/1m --shared-limit calls --priority-aging 1m " +
    "--breaker failures=5,within=20s,share=0.25,open=1m,of=lane";
  assertEquals(await use.tell(`stream add a ${flags}`), ['Stream "a" is created.']);
  assertEquals((await use.cursor.getStream("a")).options, {
    ackTimeoutMs: 90_000,
    maxDeliveries: 5,
    backoffMs: [1000, 120_000],
    deadLetter: false,
    deadLetterExpired: true,
    ttlMs: 5_400_000,
    dedupWindowMs: 0,
    maxMessages: 10,
    maxBytes: 1024 * 1024,
    overflow: "drop-oldest",
    maxPending: 7,
    rate: { count: 10, perMs: 1000 },
    laneLimits: { maxPending: 2, rate: { count: 600, perMs: 60_000 } },
    priorityAcross: true,
    sharedLimit: "calls",
    priorityAgingMs: 60_000,
    breaker: { failures: 5, withinMs: 20_000, share: 0.25, openMs: 60_000, of: "lane" },
  });
  assertEquals(await use.tell(`stream add a ${flags}`), ['Stream "a" is there already.']);
  assertMatch(await use.fail(1, "stream add a --ttl none"), /ttlMs is 5400000.*STREAM_DIFFERS/);
  assertEquals(await use.tell("stream add a --ttl none --update"), [
    'Stream "a" was there; changed: ttlMs.',
  ]);
  assertEquals(await use.tell("stream set a --max-bytes none --ttl 1h"), [
    'Stream "a": ttl was none, and is 1h.',
    'Stream "a": max-bytes was 1.0 MiB, and is none.',
  ]);
  assertEquals(await use.tell("stream set a --ttl 60m"), ['Stream "a" is as it was.']);
  assertEquals(await use.tell("stream set a --breaker 3 --lane-limits none --rate 5/1h"), [
    'Stream "a": rate was 10/1s, and is 5/1h.',
    'Stream "a": lane-limits was max-pending=2,rate=600/1m, and is none.',
    'Stream "a": breaker was failures=5,within=20s,share=0.25,open=1m,of=lane, and is failures=3.',
  ]);
  for (
    const flags of [
      "--rate 10",
      "--rate x/1s",
      "--breaker within=1s",
      "--breaker failures=1,failures=2",
      "--breaker failures=1,x=2",
      "--breaker failures=1,share=2",
      "--lane-limits max-pending=many",
      "--lane-limits __proto__=1",
    ]
  ) {
    assertMatch(await use.fail(2, `stream set a ${flags}`), /: found ".*", allowed /, flags);
  }
});

Deno.test("stream ls and info: tables for people, JSON for programs", async () => {
  await using use = await BrokerUse.start();
  assertMatch((await use.tell("stream ls"))[0]!, /There are no streams/);
  assertEquals(await use.print("stream ls --json"), "[]\n");
  await use.fill("orders", "one", "two");
  await use.fill("orders.old", "x".repeat(2000));
  await use.fill("mails");
  await use.cursor.pauseStream("mails");
  const table = (await use.print("stream ls --sort ready")).split("\n");
  assertMatch(
    table[0]!,
    /^STREAM +READY +OLDEST +PARKED +PENDING +DELAYED +FOLLOWERS +SIZE +STATE$/,
  );
  assertMatch(table[1]!, /^orders +2 .* \d+ B$/);
  assertMatch(table[2]!, /^orders\.old +1 .* 2\.0 KiB$/);
  assertMatch(table[3]!, /^mails +0 .* 0 B +paused$/);
  assertMatch(await use.print("stream ls orders.* --bytes"), /^STREAM.*\norders\.old .* 20\d\d\n$/);
  const names = (await use.print("stream ls /^orders/ --jsonl")).trim().split("\n")
    .map((line) => JSON.parse(line).name);
  assertEquals(names, ["orders", "orders.old"]);
  assertEquals((await use.tell("stream ls none*"))[0], "No stream matches, of 3.");
  const found = JSON.parse(await use.print("stream info orders --json"));
  assertEquals([found.name, found.ready, found.options.maxDeliveries], ["orders", 2, 20]);
  const shown = await use.print("stream info mails");
  assertMatch(shown, /^stream +mails\nstate +paused\nready +0\n/);
  assertMatch(shown, /\n {2}backoff +1s, 5s, 30s, 2m, 10m\n/);
});

Deno.test("stream pause and resume: deliveries stop and go on", async () => {
  await using use = await BrokerUse.start();
  await use.fill("a");
  await use.fill("b");
  assertMatch((await use.tell("stream pause a b"))[0]!, /"simplemq stream resume a" goes on/);
  const isPaused = async () => (await use.cursor.getStreams()).map(({ isPaused }) => isPaused);
  assertEquals(await isPaused(), [true, true]);
  await use.tell("stream resume a");
  assertEquals(await isPaused(), [false, true]);
});

Deno.test("what destroys asks, or needs --yes; a dry run counts, and a no is a no", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders", "one", "two", "three");
  for (const command of ["purge", "rm"]) {
    assertMatch(
      await use.fail(2, `stream ${command} orders`),
      /3 messages.*there is nobody to ask; allowed --yes, or --dry-run/,
    );
    assertMatch(await use.print(`stream ${command} orders --dry-run`), /^This would .*3 messages/);
    assertEquals(
      JSON.parse(await use.print(`stream ${command} orders --dry-run --json`)),
      { dryRun: true, count: 3 },
    );
    for (const answer of ["", "n", "yess"]) {
      assertMatch(
        await use.fail(1, `stream ${command} orders`, { answers: [answer] }),
        /Go on\? \[y\/N\]\nNothing was done\.$/,
      );
    }
    // Ctrl-D at the question.
    assertStringIncludes(
      await use.fail(1, `stream ${command} orders`, { answers: [] }),
      "Nothing was done.",
    );
  }
  assertEquals((await use.cursor.getStream("orders")).ready, 3);
  assertEquals(
    (await use.tell("stream purge orders", { answers: ["y"] })).at(-1),
    'Removed 3 messages from "orders".',
  );
  // There is nothing to ask about.
  assertEquals(await use.print("stream purge orders --json"), '{"removed":0}\n');
  // A stream without messages is more than nothing.
  assertMatch(await use.fail(2, "stream rm orders"), /with 0 messages.*nobody to ask/);
  await use.fill("orders", "four");
  assertEquals(
    await use.print("stream rm orders --yes --json"),
    '{"deleted":"orders","messages":1}\n',
  );
  assertEquals(await use.cursor.getStreams(), []);
});

/** Runs `stream apply` with a declaration on standard input. */
async function apply(use: BrokerUse, input: string, flags = ""): Promise<string> {
  const { code, stdout, lines } = await use.run(`stream apply - ${flags}`.trim().split(" "), {
    input,
  });
  assertEquals(code, 0, lines.join("\n"));
  return stdout + lines.map((line) => `${line}\n`).join("");
}

Deno.test("stream apply: a declaration that cannot be is refused, with all mistakes", async () => {
  await using use = await BrokerUse.start();
  for (
    const [input, ...says] of [
      ["", /found nothing, allowed "streams:"/],
      ["[]", /found a list/],
      ["streams: 1", /found 1 as streams/],
      ["streams: {a: {}}\nstream: {}", /unknown name "stream"/],
      [
        "streams: {a: {ttl: 1}, 'b c': {}, d: {maxDeliveries: 0}}",
        /stream "a".*no option "ttl"/,
        /stream "b c"/,
        /stream "d".*maxDeliveries/,
      ],
      ["streams: {a: [1", /found no valid YAML/],
    ] as [string, ...RegExp[]][]
  ) {
    const { code, stdout, lines } = await use.run(["stream", "apply", "-"], { input });
    assertEquals([code, stdout], [2, ""], input);
    for (const rule of says) assertMatch(lines.join("\n"), rule, input);
  }
  assertEquals(await use.cursor.getStreams(), []);
});

Deno.test("stream apply: a dry run shows the difference, and only --prune deletes", async () => {
  await using use = await BrokerUse.start();
  await use.cursor.createStream("orders", { maxDeliveries: 3, ttlMs: 1000 });
  await use.fill("orders.dead");
  await use.fill("old", "one");
  const input = "streams:\n  orders: { maxDeliveries: 5, ttlMs: 1000 }\n  mails:\n";
  const shown = "+ mails\n~ orders: maxDeliveries 3 → 5\n";
  const count = "1 new, 1 changed, 0 as declared, 1 not declared and kept.\n";
  assertEquals(await apply(use, input, "--dry-run"), shown + count);
  const nothing = await use.cursor.getStreams();
  assertEquals(nothing.map(({ name }) => name), ["old", "orders", "orders.dead"]);
  assertEquals(await apply(use, input), shown + count);
  assertEquals((await use.cursor.getStream("orders")).options.maxDeliveries, 5);
  assertEquals((await use.cursor.getStream("orders")).options.ttlMs, 1000);
  assertEquals(JSON.parse(await apply(use, input, "--json")), {
    added: [],
    changed: [],
    same: 2,
    deleted: [],
    notDeclared: ["old"],
  });
  const refused = await use.run(["stream", "apply", "-", "--prune"], { input });
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.lines.join("\n"), "delete 1 stream with 1 message");
  assertStringIncludes(await apply(use, input, "--prune --dry-run"), "- old: 1 message\n");
  assertEquals((await use.cursor.getStreams()).length, 4);
  await apply(use, input, "--prune --yes");
  // The dead letters of a declared stream stay.
  const left = await use.cursor.getStreams();
  assertEquals(left.map(({ name }) => name), ["mails", "orders", "orders.dead"]);
});
