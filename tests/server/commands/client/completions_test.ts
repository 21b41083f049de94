/**
 * Completions, as shells take them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../../../src/server/commands/command_table.ts";
import { runTyped } from "../../../support/commands/typed.ts";

async function script(shell: string): Promise<string> {
  const { code, stdout } = await runTyped(["completions", shell]);
  assertEquals(code, 0);
  return stdout;
}

/** What bash offers for the last of these words. */
async function complete(lines: readonly string[]): Promise<string[][]> {
  const calls = lines.map((line) => {
    const words = line.split(" ");
    const quoted = words.map((word) => `'${word}'`).join(" ");
    return `COMP_WORDS=(${quoted}); COMP_CWORD=${
      words.length - 1
    }; _simplemq; echo "\${COMPREPLY[@]}"`;
  });
  const text = `${await script("bash")}\n${calls.join("\n")}\n`;
  const process = new Deno.Command("bash", { args: ["--norc"], stdin: "piped", stdout: "piped" })
    .spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { stdout, success } = await process.output();
  assert(success);
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1)
    .map((line) => line.split(" ").filter((word) => word !== ""));
}

Deno.test({
  name: "completions: bash offers commands, flags and values",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const [first, group, flags, value, help, word] = await complete([
      "simplemq st",
      "simplemq stream ",
      "simplemq stream add orders --max-",
      "simplemq dead redrive orders --cause ",
      "simplemq help pel ",
      "simplemq peek --f",
    ]);
    assertEquals(first, ["stream"]);
    assertEquals(group, ["ls", "add", "info", "set", "pause", "resume", "purge", "rm", "apply"]);
    assertEquals(flags, ["--max-deliveries", "--max-messages", "--max-bytes", "--max-pending"]);
    assertEquals(value, ["rejected", "maxDeliveries", "expired", "cancelled"]);
    assertEquals(help, ["ls", "release"]);
    assertEquals(word, ["--from"]);
  },
});

Deno.test("completions: each shell knows all commands and flags", async () => {
  const scripts = await Promise.all(["bash", "zsh", "fish"].map(script));
  for (const { name, load } of COMMANDS) {
    for (const text of scripts) {
      for (const word of name.split(" ")) assertStringIncludes(text, word);
      for (const flag of (await load()).flags) {
        assertMatch(text, new RegExp(`(--|-l )${flag.name}\\b`));
      }
    }
  }
  const { code, lines } = await runTyped(["completions", "powershell"]);
  assertEquals(code, 2);
  assertMatch(lines[0]!, /found "powershell", allowed bash, zsh, fish/);
});
