/**
 * The reader of documents notices what is wrong in them.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { isLong } from "../support/length.ts";
import { Page } from "./page.ts";
import { Reader } from "./reader.ts";
import { checkOutput, readCommands } from "./session.ts";

/** A block of a page. */
function fenced(language: string, ...lines: readonly string[]): string {
  return `\`\`\`${language}\n${lines.join("\n")}\n\`\`\`\n\n`;
}

async function read(...blocks: readonly string[]): Promise<void> {
  await using reader = await Reader.open(new Page("page.md", blocks.join("")));
  await reader.readAll();
}

const HEAD = [
  'import { connect } from "@simplemq/simplemq";',
  "await using connection = await connect();",
  'await connection.cursor().createStream("things");',
];

const WORKER = fenced(
  "ts",
  "// worker.ts",
  ...HEAD,
  'console.log("waiting");',
  'for await (const message of connection.follower("things").getMessages()) {',
  "  console.log(Deno.args[0], message.body);",
  "  await message.ack();",
  "}",
);

const PUBLISHER = fenced(
  "ts",
  "// publisher.ts",
  ...HEAD,
  'await connection.publisher("things").sendMessage({ pizza: 1 });',
);

function testPage(name: string, run: () => Promise<unknown>): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => void await run(),
  });
}

/** The same, only where tests have their full length. */
const testLong = isLong ? testPage : () => {};

testPage("a program that is left running prints what comes later", async () => {
  const shown = ["$ deno run -A worker.ts took", "waiting", "took { pizza: 1 }", "^C"];
  await read(WORKER, fenced("console", ...shown), PUBLISHER);
});

testPage("a program that is stopped in its block takes no more", async () => {
  const first = ["$ deno run -A worker.ts first", "waiting", "^C"];
  const second = ["$ deno run -A worker.ts second", "waiting", "second { pizza: 1 }", "^C"];
  await read(WORKER, fenced("console", ...first, ...second), PUBLISHER);
});

testPage("output that is not shown is a mistake", async () => {
  const shown = fenced("console", "$ deno run -A worker.ts took", "waiting", "^C");
  await assertRejects(() => read(WORKER, PUBLISHER, shown), Error, "pizza");
  await assertRejects(() => read(fenced("ts", "// a.ts", "console.log(1);")), Error, "1");
});

testPage("output that does not come is a mistake", async () => {
  const program = fenced("ts", "// a.ts", "console.log(1);");
  const shown = fenced("console", "$ deno run -A a.ts", "1", "2");
  await assertRejects(() => read(program, shown), Error, "page.md:6");
});

testPage("a program that fails is a mistake", async () => {
  await assertRejects(() => read(fenced("ts", "// a.ts", "throw new Error('no');")), Error, "no");
});

testPage("programs import each other, are tested, and hear of Ctrl-C", async () => {
  await read(
    fenced("ts", "// words.ts", "export const word = 'yes';"),
    fenced(
      "ts",
      "// words_test.ts",
      "import { word } from './words.ts';".replaceAll("'", '"'),
      'Deno.test("a word", () => void word.length);',
    ),
    fenced(
      "console",
      "$ deno test -A words_test.ts",
      "running 1 test from ./words_test.ts",
      "a word ... ok (12ms)",
      "",
      "ok | 1 passed | 0 failed (34ms)",
    ),
    fenced(
      "ts",
      "// stop.ts",
      "const { promise, resolve } = Promise.withResolvers<void>();",
      'Deno.addSignalListener("SIGINT", () => resolve());',
      'console.log("begins");',
      "await promise;",
      'console.log("stopped");',
    ),
    fenced("console", "$ deno run -A stop.ts", "begins", "^C", "stopped"),
  );
});

testPage("the broker's first line and a session with nc are as they are shown", async () => {
  const broker = [
    "$ deno run -A server.ts",
    "2026-01-01T08:00:00.000Z info SimpleMQ 0.1.0 is listening address=localhost:9090 " +
    "http=localhost:9190 engine=journal durability=always",
    "^C",
  ];
  const session = [
    "$ nc localhost 9090",
    '{"sender_type":"CURSOR","request_type":"GET_STREAMS"}',
    '{"sender_type":"SERVER","request_type":"NEW_MESSAGE_TO_FOLLOWER","message_body":{},"id":0}',
  ];
  await read(fenced("console", ...broker), fenced("console", ...session));
  const wrong = session.with(2, session[2]!.replace("{}", "[]"));
  await assertRejects(() => read(fenced("console", ...wrong)));
});

// It starts six processes, and docs/production.md does so as well.
testLong("users, their broker and their programs share a directory", async () => {
  const add = ["$ deno run -A server.ts user add ann --publish a", "…", "smq_…", "…"];
  const start = [
    "$ deno run -A server.ts",
    "2026-01-01T08:00:00.000Z info SimpleMQ 0.1.0 is listening address=localhost:9090 " +
    "http=localhost:9190 engine=journal durability=always",
    "^C",
  ];
  const program = fenced(
    "ts",
    "// who.ts",
    HEAD[0]!,
    HEAD[1]!,
    "console.log(connection.broker.user);",
  );
  const run = ["$ SIMPLEMQ_TOKEN=smq_… deno run -A who.ts", "ann"];
  const talk = ["$ nc localhost 9090", '{"token":"smq_…"}'];
  await read(fenced("console", ...add, ...start), program, fenced("console", ...run, ...talk));
  const begin = fenced("console", ...add, ...start);
  await assertRejects(() => read(begin, program, fenced("console", run[0]!, "bob")), Error, "ann");
  const unseen = fenced("console", ...add.with(1, "…").with(2, "smq_"));
  await assertRejects(() => read(unseen), Error, "may publish to a");
  const failed = fenced("console", "$ deno run -A server.ts user rm bob", "…");
  await assertRejects(() => read(failed), Error, "there is no user");
});

Deno.test("a program without a name, and two of one name, are mistakes", async () => {
  assertThrows(() => new Page("page.md", fenced("ts", "let a;")).programs, Error, "page.md:1");
  const program = fenced("ts", "// a.ts", "export {};");
  await assertRejects(() => read(program, program), Error, "a name of its own");
});

Deno.test("times of this machine's clock may differ, others may not", () => {
  const now = new Date().toISOString();
  checkOutput([`at ${now}`], ["at 2026-01-01T…Z"], "now");
  checkOutput(["at 2026-01-02T08:00:00.000Z"], ["at 2026-01-02T08:00:00.000Z"], "virtual");
  const wrong = [["at 2026-01-02T08:00:01.000Z"], [`on ${now}`], []];
  for (const printed of wrong) {
    assertThrows(() => checkOutput(printed, ["at 2026-01-02T08:00:00.000Z"], "wrong"));
  }
});

Deno.test("a terminal is read command by command", () => {
  const text = "$ one\n1\n\n2\n^C\nend\n$ two\n";
  assertEquals(readCommands({ language: "console", text, line: 1 }), [
    { line: "one", output: ["1", "", "2"], outputAfterStop: ["end"] },
    { line: "two", output: [], outputAfterStop: undefined },
  ]);
});

testPage("commands of simplemq are run: what they print, and their exit codes", async () => {
  const add = ["$ simplemq stream add things", 'Stream "things" is created.'];
  const publish = [
    "$ echo a thing | simplemq publish things -",
    "Confirmed: 1 message.",
    "things 1",
  ];
  const get = ["$ simplemq get things 1 --raw", "a thing", "$ echo $?", "0"];
  await read(fenced("console", ...add, ...publish, ...get));
  // Times, spans of time and the width of columns are never the same.
  const peek = ["ID    AGE  STATE  DELIVERIES  KEY  BODY", " 1  99.9s  ready  0  a thing"];
  await read(fenced("console", ...add, ...publish, "$ simplemq peek things", ...peek));
  const wrong = fenced("console", ...add, ...publish.slice(0, 2), "things 2");
  await assertRejects(() => read(wrong), Error, "things 1");
  const silent = fenced("console", "$ simplemq stream rm nothing");
  await assertRejects(() => read(silent), Error, "STREAM_NOT_FOUND");
  const shell = fenced("console", "$ simplemq stream ls > file");
  await assertRejects(() => read(shell), Error, "nobody has looked whether this works");
});
