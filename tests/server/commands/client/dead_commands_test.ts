/**
 * The commands about dead letters, and the ones that tell why nothing moves.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { quoteWord } from "../../../../src/server/commands/output/shell_word.ts";
import { BrokerUse } from "../../../support/commands/broker_use.ts";

/** A broker with five dead letters of `orders`: three of one reason, two of another one. */
async function startWithDead(): Promise<BrokerUse> {
  const use = await BrokerUse.start();
  await use.fill("orders", "a", "b", "c", "d", "e");
  await use.reject("orders", "Connection refused", 3);
  await use.reject("orders", "no such article", 2);
  return use;
}

Deno.test("dead: mistakes are told all at once, and nothing is done", async () => {
  await using use = await startWithDead();
  for (
    const [line, ...says] of [
      ["dead ls --cause rejected", /flags that select need a stream/],
      [
        "dead ls orders --cause tired --from 0",
        /--cause: found "tired", allowed rejected/,
        /--from: found "0"/,
      ],
      ["dead ls orders --from 5 --to 4", /--to: found 4, allowed 5 or more/],
      ["dead show orders", /found 1 word, allowed at least 2: <id> is missing/],
      ["dead show orders 0", /allowed the id of a message/],
      ["dead redrive orders --rate fast", /--rate: found "fast"/],
      ["dead drop orders", /found nothing that selects, allowed --cause.*or --all/],
      ["dead drop orders --all --cause rejected", /found --all and flags that select/],
      ["dead drop orders --all", /5 dead letters.*nobody to ask/],
    ] as [string, ...RegExp[]][]
  ) {
    const said = await use.fail(2, line);
    for (const rule of says) assertMatch(said, rule, line);
  }
  assertEquals((await use.cursor.getStream("orders.dead")).ready, 5);
});

Deno.test("dead ls and show: which there are, and their stories", async () => {
  await using use = await startWithDead();
  await use.fill("mails");
  assertMatch(await use.print("dead ls"), /^STREAM +DEAD LETTERS .*\norders +5 /);
  assertEquals((await use.tell("dead ls mails"))[0], 'Stream "mails" has no dead letters.');
  const table = (await use.print("dead ls orders")).split("\n");
  assertMatch(
    table[0]!,
    /^ID +WAS ID +CAUSE +SINCE +DELIVERIES +SENT BACK +FOLLOWER +LAST REASON$/,
  );
  assertMatch(table[1]!, /^ 1 +1 +rejected +20\S+Z +1 +0 +judge +Connection refused$/);
  assertEquals(
    (await use.print("dead ls orders.dead --reason refused --jsonl")).split("\n").length,
    4,
  );
  assertMatch((await use.tell("dead ls orders --limit 2"))[0]!, /There are more; .* --from 3/);
  const story = await use.print("dead show orders 4");
  assertMatch(story, /^dead letter +orders\.dead 4\nwas +orders 4\ncause +rejected\n/);
  assertMatch(story, /\nreasons +no such article\n[^]*\nbody +d\n$/);
  const found = JSON.parse(await use.print("dead show orders 4 --json"));
  assertEquals([found.deadLetter.reasons, found.body], [["no such article"], "d"]);
});

Deno.test("dead show tells the trace that a message came in, if it came in one", async () => {
  await using use = await startWithDead();
  assert(!(await use.print("dead show orders 4")).includes("trace"));
  const trace = "0af7651916cd43dd8448eb211c80319c";
  await use.fill("mails");
  const headers = `--header traceparent=00-${trace}-b7ad6b7169203331-01`;
  await use.print(`publish mails x ${headers}`);
  await use.reject("mails", "nobody there", 1);
  assertMatch(await use.print("dead show mails 1"), new RegExp(`\\ntrace +${trace}\\n`));
});

Deno.test("dead redrive: a dry run counts what goes back, and filters choose", async () => {
  await using use = await startWithDead();
  assertEquals(
    await use.print("dead redrive orders --dry-run"),
    'This would send 5 dead letters back to "orders".\n',
  );
  const some = "dead redrive orders --reason REFUSED --to 2";
  assertEquals(JSON.parse(await use.print(`${some} --dry-run --json`)), { dryRun: true, count: 2 });
  assertEquals((await use.cursor.getStream("orders")).ready, 0);
  assertEquals(await use.tell(some), ["Sent 2 dead letters back."]);
  assertEquals((await use.cursor.peek("orders")).map(({ body }) => body), ["a", "b"]);
  assertEquals(JSON.parse(await use.print("dead redrive orders --limit 1 --json")), {
    count: 1,
    skipped: 0,
  });
  assertEquals((await use.cursor.peek("orders.dead")).map(({ body }) => body), ["d", "e"]);
  await use.fill("mails");
  assertEquals(
    await use.print("dead redrive mails --dry-run"),
    'This would send 0 dead letters back to "mails".\n',
  );
});

Deno.test("a dead letter that was sent back and failed again is known, and explain proposes to remove it", async () => {
  await using use = await startWithDead();
  assertMatch(await use.print("explain orders"), /simplemq dead redrive orders --dry-run/);
  assert(!(await use.print("dead show orders 4")).includes("sent back"));
  assertEquals(await use.tell("dead redrive orders --from 4 --to 4 --yes"), [
    "Sent 1 dead letter back.",
  ]);
  await use.reject("orders", "no such article", 1);
  const table = (await use.print("dead ls orders --from 6")).split("\n");
  assertMatch(table[1]!, /^ 6 +6 +rejected +20\S+Z +1 +1 +judge/);
  assertMatch(
    await use.print("dead show orders 6"),
    /\nwas +orders 6\nsent back +1 time; first it was number 4, which failed at 20\S+Z\n/,
  );
  const { deadLetter } = JSON.parse(await use.print("dead show orders 6 --json"));
  assertEquals([deadLetter.redrives.count, deadLetter.redrives.firstId], [1, 4]);
  const shown = await use.print("explain orders");
  assertMatch(shown, /Dead letter 6, at first message 4, was sent back once and failed again\./);
  assertMatch(shown, /simplemq dead drop orders --from 6 --to 6 +# /);
  assert(!shown.includes("dead redrive"));
});

Deno.test("dead drop: what is chosen is gone, and nothing else", async () => {
  await using use = await startWithDead();
  const some = "dead drop orders --reason article";
  assertMatch(await use.print(`${some} --dry-run`), /^This would remove 2 dead letters/);
  assertEquals((await use.tell(some, { answers: ["yes"] })).at(-1), "Removed 2 dead letters.");
  assertEquals((await use.cursor.peek("orders.dead")).map(({ body }) => body), ["a", "b", "c"]);
  assertEquals(JSON.parse(await use.print("dead drop orders --all --yes --json")), {
    count: 3,
    skipped: 0,
  });
  assertEquals((await use.cursor.peek("orders.dead")).length, 0);
});

Deno.test("explain: it names who holds messages, for how long, and what mends it", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders", "one", "two");
  const alone = await use.print("explain orders");
  assertMatch(alone, /^There is no follower: 2 messages wait\.\n/);
  assertMatch(alone, /\n\nWhat mends it:\n {2}simplemq connection ls {2}# /);
  const follower = use.connection.follower("orders", { name: "worker one", prefetch: 1 });
  const messages = follower.getMessages();
  await messages.next();
  await use.cursor.pauseStream("orders");
  await use.fill("orders.dead", "x");
  const shown = await use.print("explain orders");
  assertMatch(shown, /^The stream is paused: 1 message waits until it is resumed\.\n/);
  assertMatch(
    shown,
    /\nFollower "worker one", at simplemq-client, in-process, connection 1, has held 1 message, number 1 for \S+: it is taken back in (30m|29m \d+s)\.\n/,
  );
  assertMatch(shown, /\n\nWhat mends it:\n {2}simplemq stream resume orders +# /);
  assertMatch(shown, /\n {2}simplemq pel release 'worker one' +# take back 1 message/);
  assertMatch(shown, /\n {2}simplemq connection close 1 +# /);
  assertMatch(shown, /\n {2}simplemq dead ls orders +# /);
  const { holders, remedies, sentences } = JSON.parse(await use.print("explain orders --json"));
  assertEquals([holders[0].follower, holders[0].count, holders[0].id], ["worker one", 1, 1]);
  const [connection] = JSON.parse(await use.print("connection ls --follower worker --json"));
  assertEquals(connection, undefined);
  assertEquals(remedies[0].command, "stream resume orders");
  assertEquals(sentences.length > 0, true);
  await follower.close({ drainMs: 0 });
});

Deno.test("pel: what followers hold, of one and of all, and taken back", async () => {
  await using use = await BrokerUse.start();
  await use.fill("orders", "one", "two");
  await use.fill("mails", "hi");
  assertEquals((await use.tell("pel ls"))[0], "No follower holds a message.");
  const followers = ["orders", "mails"].map((stream) =>
    use.connection.follower(stream, { name: "worker", prefetch: 2 })
  );
  for (const follower of followers) await follower.getMessages().next();
  const table = await use.print("pel ls");
  assertMatch(
    table,
    /^FOLLOWER +STREAM +PENDING +OLDEST ID +HELD FOR +DELIVERIES +TAKEN BACK AT\n/,
  );
  assertMatch(table, /\nworker +orders +[12] +1 /);
  assertMatch(table, /\nworker +mails +1 +1 /);
  // The name of the list may be left out.
  assertEquals((await use.print("pel --stream mails --jsonl")).split("\n").length, 2);
  assertStringIncludes(await use.print("pel ls worker"), "mails ");
  assertMatch(await use.fail(7, "pel ls nobody"), /FOLLOWER_NOT_FOUND\)\n"simplemq pel ls" lists/);
  assertMatch(await use.fail(7, "pel ls mails"), /a stream of that name: "pel ls --stream mails"/);
  assertMatch(await use.fail(2, "pel release worker"), /take back \d messages .*nobody to ask/);
  assertMatch(await use.print("pel release worker --dry-run"), /^This would take back/);
  const { released } = JSON.parse(await use.print("pel release worker --yes --json"));
  assertEquals(released >= 2, true);
  for (const follower of followers) await follower.close({ drainMs: 0 });
});

Deno.test("words are quoted for a shell where they need it", () => {
  const words = ["worker-1", "a b", "it's", "$(rm)", ""];
  assertEquals(words.map(quoteWord), ["worker-1", "'a b'", "'it'\\''s'", "'$(rm)'", "''"]);
});
