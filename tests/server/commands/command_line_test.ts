/**
 * Commands as they are typed: which one is meant, what it is told, and what is refused.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Arguments, readArguments } from "../../../src/server/commands/arguments.ts";
import { COMMANDS, matchCommand } from "../../../src/server/commands/command_table.ts";
import { commandHelp } from "../../../src/server/commands/help_text.ts";
import { BrokerProcess, type EndedProcess } from "../../support/broker/broker_process.ts";
import { runTyped } from "../../support/commands/typed.ts";

const FORM = {
  flags: [
    { name: "cut", about: "Cuts" },
    { name: "publish", value: "<patterns>", isList: true, about: "Publishes" },
    { name: "label", value: "<text>", about: "Labels" },
  ],
  words: [1, 2],
} as const;

const TOKEN = `smq_${"A".repeat(43)}`;
const TOKEN_REFUSED =
  "found a token behind --label: others can read what is typed here, and no flag takes one";

const TOKEN_WORD_REFUSED =
  "found a token: others can read what is typed here, and no command takes one";

/** What is found, or the mistakes. */
function read(...args: string[]): Arguments | readonly string[] {
  const found = readArguments(args, FORM);
  return "mistakes" in found ? found.mistakes : found;
}

for (
  const [args, mistakes] of [
    [[], ["found 0 words, allowed at least 1"]],
    [["a", "b", "c"], ["found 3 words, allowed at most 2"]],
    [["a", "--lable", "b"], [
      'found an unknown flag "--lable", the nearest known one is "--label"',
    ]],
    // Its value is no word.
    [["a", "b", "--lable", "c"], [
      'found an unknown flag "--lable", the nearest known one is "--label"',
    ]],
    [["a", "-c"], ['found an unknown flag "-c", allowed --cut, --publish, --label']],
    [["a", "--cut=yes"], ["found a value of --cut, allowed none"]],
    [["a", "--cut", "--cut"], ["found --cut twice, allowed once"]],
    [["a", "--label"], ["found nothing behind --label, allowed <text>"]],
    [["a", "--label="], ["found nothing behind --label, allowed <text>"]],
    [["a", "--label", "--cut"], ["found nothing behind --label, allowed <text>"]],
    [["a", "--label=b", "--label=c"], ["found --label twice, allowed once"]],
    [["a", `--label=${TOKEN}`], [TOKEN_REFUSED]],
    [["a", "--label", TOKEN], [TOKEN_REFUSED]],
    [[TOKEN], [TOKEN_WORD_REFUSED]],
    [["--", "a", `/x/${TOKEN}.pem`], [TOKEN_WORD_REFUSED]],
    [["a", `--${TOKEN}`], ['found an unknown flag "--smq_…", allowed --cut, --publish, --label']],
    [["a", "--secret=smq_x"], [
      'found an unknown flag "--secret", allowed --cut, --publish, --label',
    ]],
    [
      ["--cuts", "--labels=a\nb"],
      [
        'found an unknown flag "--cuts", the nearest known one is "--cut"',
        'found an unknown flag "--labels", the nearest known one is "--label"',
        "found 0 words, allowed at least 1",
      ],
    ],
  ] as const
) {
  Deno.test(`arguments: ${JSON.stringify(args)} are refused`, () => {
    assertEquals(read(...args), mistakes);
  });
}

Deno.test("arguments: words, flags with values in both forms, and lists are found", () => {
  const found = read(
    "a",
    "--publish",
    "x, y*",
    "--cut",
    "--publish=z",
    "--label",
    "-1",
    "--",
    "--b",
  );
  assert(found instanceof Arguments);
  assertEquals(found.words, ["a", "--b"]);
  assertEquals(found.list("publish"), ["x", "y*", "z"]);
  assertEquals([found.has("cut"), found.find("label")], [true, "-1"]);
  const bare = read("a");
  assert(bare instanceof Arguments);
  assertEquals([bare.has("cut"), bare.find("label"), bare.list("publish")], [false, undefined, []]);
});

Deno.test("the table: names differ, none hides another, and each command loads", async () => {
  assertEquals(new Set(COMMANDS.map(({ name }) => name)).size, COMMANDS.length);
  for (const command of COMMANDS) {
    assertEquals(matchCommand([...command.name.split(" "), "x"])?.command, command);
    assertMatch(command.about, /^[a-z].*[^.]$/);
    const help = commandHelp(command, await command.load());
    assertStringIncludes(help, `Usage: simplemq ${command.name}`);
    for (const line of help.split("\n")) assert(line.length <= 100, line);
  }
});

// As they are typed.

/** Runs a command in this process, as one of its own would. */
async function run(...args: string[]): Promise<EndedProcess> {
  return await runTyped(args);
}

/** Runs a command that is refused; returns what it says. */
async function refused(...args: string[]): Promise<string> {
  // Flags are the broker's own.
  const isCommand = !args[0]!.startsWith("-");
  const { code, stdout, lines } = await (isCommand ? run(...args) : BrokerProcess.run(args));
  assertEquals([code, stdout], [2, ""]);
  return lines.join("\n");
}

Deno.test("an unknown command is refused, and the nearest one is named", async () => {
  assertStringIncludes(
    await refused("verfy", "./data"),
    'Cannot run "verfy": found an unknown command, the nearest known one is "verify"',
  );
  assertMatch(
    await refused("x\u001b[2J"),
    /"x\\u001b\[2J": found an unknown command, and none is near it/,
  );
  for (const args of [["smq_secret"], ["user", "smq_secret"], ["help", "smq_secret"]]) {
    assertMatch(await refused(...args), /^Cannot run "(user )?smq_…": found an unknown command/);
  }
  assertMatch(await refused("--port", "0", "smq_secret"), /argument "smq_…": found no flag/);
  assertStringIncludes(await refused("help", "repare"), 'the nearest known one is "repair"');
});

Deno.test("mistakes in a command's arguments are told all at once, with its usage", async () => {
  assertEquals(
    await refused("repair", "--cuts", "--skip-damaged=a", "b"),
    [
      'Cannot run "repair": found an unknown flag "--cuts", the nearest known one is "--cut"',
      'Cannot run "repair": found a value of --skip-damaged, allowed none',
      "Usage: simplemq repair [directory] [--skip-damaged | --cut]",
    ].join("\n"),
  );
});

Deno.test("help: of everything, and of one command in both forms", async () => {
  const all = await BrokerProcess.run(["--help"]);
  assertEquals([all.code, all.lines], [0, []]);
  assertEquals(all, await run("help"));
  const one = await run("help", "repair");
  assertEquals([one.code, one.lines], [0, []]);
  assertStringIncludes(one.stdout, "  --skip-damaged\n      Gives up what cannot be read");
  assertEquals(await run("repair", "/nowhere", "--help"), one);
  assertEquals(await run("repair", "--mistake", "-h"), one);
});
