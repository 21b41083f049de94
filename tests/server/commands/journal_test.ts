/**
 * The commands that look at a journal and repair it, as an operator runs them.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { connect } from "../../../client.ts";
import { readArguments } from "../../../src/server/commands/arguments.ts";
import { CommandError } from "../../../src/server/commands/command.ts";
import { repair, verify } from "../../../src/server/commands/journal/journal.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { journalProgram, testContext } from "../../support/commands/command_context.ts";
import { runTyped } from "../../support/commands/typed.ts";
import { TestDirectory } from "../../support/disk/journals.ts";

const REPORT = { lines: ["fine"], isUsable: true };

/** Runs a command on a journal that only tells what it was asked for. */
async function ask(args: readonly string[]): Promise<unknown[][]> {
  const calls: unknown[][] = [];
  const note = (name: string) => (...args: unknown[]) => {
    calls.push([name, ...args]);
    return Promise.resolve(REPORT);
  };
  const tool = { verify: note("verify"), repair: note("repair") };
  const [name, ...rest] = args;
  const body = name === "verify" ? verify : repair;
  const found = readArguments(rest, body);
  if ("mistakes" in found) throw new CommandError(found.mistakes);
  const printed: string[] = [];
  const code = await body.run(
    found,
    testContext({ ...journalProgram(tool), print: (x) => printed.push(x) }),
  );
  assertEquals([code, printed], [0, ["fine\n"]]);
  return calls;
}

Deno.test("verify and repair: what they do not understand is refused, and nothing is done", async () => {
  for (
    const args of [
      ["verify", "a", "b"],
      ["verify", "--cut"],
      ["repair", "--skip-damaged", "--cut"],
      ["repair", "--skip"],
      ["repair", "a", "b", "--cut"],
    ]
  ) {
    await assertRejects(() => ask(args), CommandError);
  }
});

Deno.test("verify and repair: directories and ways are understood", async () => {
  assertEquals(await ask(["verify"]), [["verify", "./data"]]);
  assertEquals(await ask(["verify", "/data"]), [["verify", "/data"]]);
  assertEquals(await ask(["repair", "/data"]), [["repair", "/data", undefined]]);
  assertEquals(await ask(["repair", "/data", "--skip-damaged"]), [
    ["repair", "/data", "skip-damaged"],
  ]);
  assertEquals(await ask(["repair", "--cut"]), [["repair", "./data", "cut"]]);
});

/** Fills a journal with three messages, and has its broker closed. */
async function fill(directory: string): Promise<void> {
  await using broker = await startBroker({ storage: { engine: "journal", directory } });
  await using connection = await connect({ port: broker.port });
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher("orders");
  for (const text of ["first", "second", "third"]) await publisher.sendMessage(`the ${text} one`);
  await connection.close();
}

/** Damages the second message. */
async function damage(directory: string): Promise<string> {
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".journal")) continue;
    const path = `${directory}/${name}`;
    const bytes = await Deno.readFile(path);
    const at = new TextDecoder("latin1").decode(bytes).indexOf("the second one");
    if (at < 0) continue;
    bytes[at] = 0x54;
    await Deno.writeFile(path, bytes);
    return path;
  }
  throw new Error("the message is nowhere");
}

Deno.test("a damaged journal is served as far as it can be, verified and repaired", async () => {
  await using directory = await TestDirectory.create();
  const { path } = directory;
  await fill(path);
  const fine = await runTyped(["verify", path]);
  assertEquals([fine.code, fine.stdout.split("\n").at(-2)], [0, "everything is in order"]);
  const segment = await damage(path);

  await using broker = await BrokerProcess.listen(["--storage-directory", path]);
  const line = await broker.waitForLine("a stream is not served");
  assertStringIncludes(line, `message 2 in ${segment} at offset `);
  await using connection = await connect({ port: broker.port });
  await connection.cursor().createStream("others");
  await connection.publisher("others").sendMessage("goes on");
  const publishing = connection.publisher("orders").sendMessage("refused");
  const error = await assertRejects(() => publishing, Error, `"repair ${path} --skip-damaged"`);
  assertEquals((error as { code?: string }).code, "STREAM_DAMAGED");
  // While a broker uses it, it can be verified, and the report says so; it cannot be repaired.
  const busy = await runTyped(["verify", path]);
  assertEquals([busy.code, busy.lines], [4, []]);
  assertMatch(
    busy.stdout,
    /^another broker \(process \d+\) is using .*: this is its recent state/,
  );
  assertStringIncludes(busy.stdout, '(message 2 of stream "orders")');
  const other = await runTyped(["repair", path, "--cut"]);
  assertEquals([other.code, other.stdout], [2, ""]);
  assertMatch(other.lines.join(), /another broker \(process \d+\) uses it; stop that one first/);
  assertEquals(other.lines.join().includes("--storage-directory"), false);
  await connection.close();
  broker.kill("SIGTERM");
  await broker.waitForEnd();

  const found = await BrokerProcess.run(["verify", path]);
  assertEquals(found.code, 4);
  assertStringIncludes(found.stdout, '(message 2 of stream "orders")');
  const asked = await runTyped(["repair", path]);
  assertEquals(asked.code, 4);
  assertStringIncludes(asked.stdout, "nothing was changed");
  const repaired = await BrokerProcess.run(["repair", path, "--skip-damaged"]);
  assertEquals([repaired.code, repaired.lines], [0, []]);
  assertStringIncludes(repaired.stdout, `kept ${segment}.removed-`);

  await using again = await BrokerProcess.listen(["--storage-directory", path]);
  await using client = await connect({ port: again.port });
  const bodies: unknown[] = [];
  for await (const message of client.follower("orders").getMessages()) {
    bodies.push([message.id, message.body]);
    await message.ack();
    if (message.id === 3) break;
  }
  assertEquals(bodies, [[1, "the first one"], [3, "the third one"]]);
});

Deno.test("the commands tell in a line what they cannot look at", async () => {
  for (
    const [args, complaint] of [
      [["verify", "/nowhere"], "Cannot look at /nowhere: there is no such directory"],
      [["repair", "--cuts"], 'Cannot run "repair": found an unknown flag "--cuts", the nearest'],
    ] as const
  ) {
    const { code, lines, stdout } = await runTyped(args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(lines[0]!, complaint);
  }
});

Deno.test("two brokers on one directory: the second one ends, the first one goes on", async () => {
  await using directory = await TestDirectory.create();
  const flags = ["--storage-directory", directory.path];
  await using first = await BrokerProcess.listen(flags);
  const second = await BrokerProcess.run(["--port", "0", ...flags]);
  assertEquals(second.code, 2);
  assertStringIncludes(
    second.lines.join(),
    `Cannot use ${directory.path}: another broker (process`,
  );
  await using connection = await connect({ port: first.port });
  assertEquals(await connection.cursor().createStream("orders"), { created: true, differs: [] });
});

Deno.test({
  name: "a copy of a journal that nobody can write to is verified",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using directory = await TestDirectory.create();
    const { path } = directory;
    await fill(path);
    await Deno.remove(`${path}/LOCK`);
    for await (const { name } of Deno.readDir(path)) await Deno.chmod(`${path}/${name}`, 0o400);
    await Deno.chmod(path, 0o500);
    // Root may write all the same, but is not asked for the permission to.
    const found = await BrokerProcess.run(["verify", path], { permissions: ["--allow-read"] });
    await Deno.chmod(path, 0o700);
    assertEquals([found.code, found.lines], [0, []]);
    assertEquals(found.stdout.split("\n").at(-2), "everything is in order");
  },
});
