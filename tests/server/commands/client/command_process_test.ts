/**
 * Commands as processes: signals, pipes, and the same command line behind `server.ts`.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BrokerUse } from "../../../support/commands/broker_use.ts";

const ROOT = new URL("../../../../", import.meta.url);

const ignore = Deno.build.os === "windows";

/** Starts a command line in bash, in which `$CLI` is the program. */
function start(use: BrokerUse, line: string): Deno.ChildProcess {
  return new Deno.Command("bash", {
    args: ["-c", line],
    cwd: ROOT,
    env: {
      CLI: `${Deno.execPath()} run -A --no-check --no-lock cli.ts`,
      SIMPLEMQ_SERVER: use.server,
      NO_COLOR: "1",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function finish(process: Deno.ChildProcess) {
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test({
  name: "a pipe that ends early is no fault, and what nobody has seen is not acknowledged",
  ignore,
  fn: async () => {
    await using use = await BrokerUse.start();
    // More than a pipe holds.
    await use.fill("orders", ...Array.from({ length: 100 }, () => "x".repeat(4096)));
    const line = "$CLI follow orders | head -c 1; echo ${PIPESTATUS[0]}";
    const { stdout, stderr } = await finish(start(use, line));
    assertMatch(stdout, /^o0\n$/);
    assertEquals(stderr, "");
    const { ready, pending } = await use.cursor.getStream("orders");
    assertEquals(ready + pending > 80, true, `${ready} ready, ${pending} pending`);
  },
});

Deno.test({
  name: "Ctrl-C ends a command in order, with 130",
  ignore,
  fn: async () => {
    await using use = await BrokerUse.start();
    await use.fill("orders", "one");
    const process = start(use, "exec $CLI follow orders");
    const reader = process.stdout.getReader();
    const { value } = await reader.read();
    assertEquals(new TextDecoder().decode(value), "orders 1 one\n");
    reader.releaseLock();
    process.kill("SIGINT");
    const { code, stderr } = await finish(process);
    assertEquals([code, stderr], [130, ""]);
    assertEquals((await use.cursor.getStream("orders")).ready, 0);
  },
});

Deno.test({
  name: "server.ts runs the same commands, and nobody is asked without a terminal",
  ignore,
  fn: async () => {
    await using use = await BrokerUse.start();
    await use.fill("orders", "one");
    const line = "${CLI/cli.ts/server.ts} stream purge orders";
    const { code, stdout, stderr } = await finish(start(use, line));
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, "there is nobody to ask");
  },
});
