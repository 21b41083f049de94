/**
 * The commands that alerts tell people to type at night.
 *
 * @module
 */

import { assertEquals, assertGreater } from "@std/assert";
import { parse } from "@std/yaml/parse";
import { readArguments } from "../../../src/server/commands/arguments.ts";
import { matchCommand } from "../../../src/server/commands/command_table.ts";

const ALERTS = new URL("../../../ops/prometheus/alerts.yaml", import.meta.url);

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly annotations: Readonly<Record<string, string>> }[];
  }[];
}

/** What is wrong with a command line without the name of the program. */
async function findMistakes(line: string): Promise<readonly string[]> {
  const args = line.split(" ");
  const match = matchCommand(args);
  if (match === undefined) return [`there is no command "${line}"`];
  const found = readArguments(args.slice(match.count), await match.command.load());
  return "mistakes" in found ? found.mistakes.map((mistake) => `${line}: ${mistake}`) : [];
}

Deno.test("alerts name commands that the table has, with the words that these need", async () => {
  const { groups } = parse(await Deno.readTextFile(ALERTS), { schema: "core" }) as Rules;
  const texts = groups.flatMap(({ rules }) => rules)
    .flatMap(({ annotations }) => Object.values(annotations))
    .map((text) => text.replaceAll(/\{\{ .*? \}\}/g, "orders"));
  const lines: string[] = [];
  for (const text of texts) {
    const found = [...text.matchAll(/`simplemq ([^`]+)`/g)].map(([, line = ""]) => line);
    assertEquals(
      text.split("simplemq ").length - 1,
      found.length,
      `a command without quotes: ${text}`,
    );
    lines.push(...found);
  }
  assertGreater(lines.length, 0);
  assertEquals((await Promise.all(lines.map(findMistakes))).flat(), []);
  // What the alerts said once, and what nobody can type.
  assertEquals(await findMistakes("dead show orders"), [
    "dead show orders: found 1 word, allowed at least 2",
  ]);
  assertEquals(await findMistakes("dead list-all"), ['there is no command "dead list-all"']);
});
