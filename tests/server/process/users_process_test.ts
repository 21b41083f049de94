/**
 * A broker as a program, with a file of users: which one it reads, and where it does not start.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BrokerProcess, type ProcessOptions } from "../../support/broker/broker_process.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

const MEMORY = ["--storage-engine", "memory"];

/** A file that is there before the broker starts. */
function withFile(path: string, text: string, mode = "600"): ProcessOptions {
  return { before: `printf '%s' '${text}' > ${path}; chmod ${mode} ${path}` };
}

async function expectRefusal(
  args: readonly string[],
  options: ProcessOptions,
  ...mistakes: readonly RegExp[]
): Promise<void> {
  const { code, lines } = await BrokerProcess.run(["--port", "0", ...MEMORY, ...args], options);
  assertEquals([code, lines.length], [2, mistakes.length], lines.join("\n"));
  mistakes.forEach((mistake, index) => assertMatch(lines[index]!, mistake));
}

/** The warnings of a broker that has started, and has answered somebody. */
async function warningsOf(args: readonly string[], options: ProcessOptions): Promise<string[]> {
  await using broker = await BrokerProcess.listen([...MEMORY, ...args], options);
  await using stranger = await RawClient.connect(broker.port);
  await stranger.send(new TextEncoder().encode("GET / HTTP/1.1"));
  await stranger.expectFatalError("BAD_MAGIC");
  return broker.lines.filter((line) => line.includes(" warning ") && !line.includes("BAD_MAGIC"));
}

Deno.test("refusal: a file of users that is named and missing, or wrong", async () => {
  await expectRefusal(
    ["--users", "team.yaml"],
    {},
    /error setting "users" from --users: found "team.yaml", which does not exist, allowed a file/,
  );
  await expectRefusal(
    [],
    withFile("users.yaml", "users: { a: 1, b: { certificate: 2 } }"),
    /error "users\.a" in "\.\/users\.yaml": found 1, allowed a group of tokens/,
    /error "users\.b\.certificate" in "\.\/users\.yaml": found 2, allowed a text/,
  );
  await expectRefusal(
    [],
    withFile("users.yaml", ""),
    /error file "\.\/users\.yaml": found nothing, allowed users: with names/,
  );
  await expectRefusal(
    [],
    { before: "mkdir users.yaml" },
    /error setting "users" by default: found "\.\/users\.yaml", a file that cannot be read: /,
  );
});

Deno.test("refusal: users without TLS where other machines connect, unless that is meant", async () => {
  const options = withFile("users.yaml", "users: {}");
  await expectRefusal(
    ["--host", "0.0.0.0"],
    options,
    /"host" from --host: found "0\.0\.0\.0", where other machines can read tokens and messages/,
  );
  const [warning, ...others] = await warningsOf(["--host", "0.0.0.0", "--insecure"], options);
  assertStringIncludes(warning!, "the broker is not safe at 0.0.0.0: other machines can read");
  assertEquals(others, []);
  const [none] = await warningsOf(["--host", "0.0.0.0", "--insecure"], {});
  assertStringIncludes(none!, "other machines can connect without authentication");
  assertEquals(await warningsOf([], options), []);
  const [open] = await warningsOf([], withFile("users.yaml", "users: {}", "644"));
  assertStringIncludes(open!, 'file "./users.yaml" has mode 644');
});

Deno.test("start: the users are those beside the settings", async () => {
  const before = "mkdir etc; echo 'users: {}' > etc/users.yaml; chmod 600 etc/users.yaml; " +
    "echo 'log_level: info' > etc/settings.yaml";
  const args = [...MEMORY, "--settings", "etc/settings.yaml"];
  await using broker = await BrokerProcess.listen(args, { before });
  await using client = await RawClient.connect(broker.port);
  await client.hello();
  await client.expectFatalError("UNAUTHORIZED");
  assertStringIncludes(
    await broker.waitForLine("logins have failed"),
    'failures=1 addresses=1 last=127.0.0.1 reason="no token or certificate was shown"',
  );
});
