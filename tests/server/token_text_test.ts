// Whole tokens that stand at wrong places are in no error and in no line of the log.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { createToken } from "../../src/server/access/users/token.ts";
import { CommandError } from "../../src/server/commands/command.ts";
import { Log } from "../../src/server/log.ts";
import { StartError } from "../../src/server/process/start_error.ts";
import { SettingsError } from "../../src/server/settings/settings.ts";
import { hasWholeToken, hideWholeTokens } from "../../src/server/token_text.ts";
import { startBroker } from "../support/broker/broker.ts";

const TOKEN = createToken();

Deno.test("hideWholeTokens() leaves the beginning of tokens, and what only begins like one", () => {
  const text = `/x${TOKEN}.pem, "${TOKEN}${TOKEN}" and /var/smq_data/smq_`;
  assertEquals(hideWholeTokens(text), '/xsmq_….pem, "smq_…" and /var/smq_data/smq_');
  assertEquals([hasWholeToken(text), hasWholeToken("smq_data")], [true, false]);
});

Deno.test("errors of starts, settings and commands show no token, nor do their causes", () => {
  const why = `Cannot open ${TOKEN}`;
  const cause = new Error("outer", { cause: new Error(why) });
  const errors = [
    new StartError(why, { cause }),
    new SettingsError([why]),
    new SettingsError([why, why]),
    new CommandError(why, { cause }),
  ];
  for (const error of errors) {
    assertStringIncludes(error.message, "Cannot open smq_…");
    assertEquals(hasWholeToken(Deno.inspect(error)), false, Deno.inspect(error));
  }
  const good = new Error("good");
  assertEquals(new StartError("x", { cause: good, exitCode: 4 }).cause, good);
});

Deno.test("the log shows no token, in messages, values, errors and what is cut", () => {
  const lines: string[] = [];
  const log = new Log({ level: "debug", write: (line) => lines.push(line) });
  const cause = new Error(TOKEN);
  log.error(TOKEN, { a: TOKEN, b: { c: TOKEN }, error: new Error("x", { cause }) });
  log.info("cut", { long: "x".repeat(4070) + TOKEN });
  assertEquals(lines.join("").match(/smq_[\w-]*/g), Array(5).fill("smq_"));
});

for (
  const [what, settings] of [
    ["tls.certificate", { tls: { certificate: TOKEN, key: `/tmp/${TOKEN}` } }],
    ["storage.directory", { storage: { engine: "journal", directory: `/dev/null/${TOKEN}` } }],
    ["users", { users: TOKEN }],
    ["a name", { [TOKEN]: 1 }],
  ] as const
) {
  Deno.test(`serve() shows no token that stands as ${what}`, async () => {
    const error = await startBroker(settings).then(() => "it started", Deno.inspect);
    assertStringIncludes(error, "smq_…");
    assertEquals(hasWholeToken(error), false, error);
  });
}
