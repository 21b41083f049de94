/**
 * `info`, `log-level`, `connection` and `top`, on real brokers.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../../../client.ts";
import type { BrokerServer } from "../../../../server.ts";
import { createToken, hashToken } from "../../../../src/server/access/users/token.ts";
import { startBroker, until } from "../../../support/broker/broker.ts";
import type { CommandOutcome } from "../../../support/commands/command_use.ts";
import { runTyped, type Surroundings } from "../../../support/commands/typed.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";

function run(
  { port }: BrokerServer,
  args: readonly string[],
  surroundings: Surroundings = {},
): Promise<CommandOutcome> {
  const env = { SIMPLEMQ_SERVER: `localhost:${port}`, ...surroundings.env };
  return runTyped(args, { ...surroundings, env });
}

Deno.test("info: describes a broker, for people and for programs", async () => {
  await using broker = await startBroker({ logLevel: "warning" });
  const { code, stdout } = await run(broker, ["info"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^engine +memory$/m);
  assertMatch(stdout, /^log level +warning$/m);
  assertMatch(stdout, /^state +ready$/m);
  assertMatch(stdout, /^connections +1$/m);
  const json = JSON.parse((await run(broker, ["info", "--json"])).stdout);
  assertEquals([json.user, json.problems, json.tls], ["local", [], false]);
  assert(json.uptimeMs >= 0 && json.uptimeMs < 60_000);
});

Deno.test("log-level: is told, set, and refused where it is none", async () => {
  await using broker = await startBroker();
  assertEquals((await run(broker, ["log-level"])).stdout, "error\n");
  const { code, stdout, lines } = await run(broker, ["log-level", "warning"]);
  assertEquals([code, stdout, lines], [0, "warning\n", ["The level of the log was error."]]);
  assertEquals((await run(broker, ["log-level"])).stdout, "warning\n");
  const wrong = await run(broker, ["log-level", "loud"]);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.lines.join(), /found "loud", allowed debug, info, warning, error/);
});

Deno.test("connection ls: lists connections, of one user or client only", async () => {
  await using broker = await startBroker();
  await using _worker = await connect({ port: broker.port, name: "worker" });
  const { stdout } = await run(broker, ["connection", "ls"]);
  assertMatch(stdout, /^ID +CLIENT +USER +ADDRESS/);
  assertEquals(stdout.trimEnd().split("\n").length, 3);
  const list = async (...args: string[]) =>
    (await run(broker, ["connection", "ls", "--jsonl", ...args])).stdout.trimEnd().split("\n")
      .filter((line) => line !== "").map((line) => JSON.parse(line).client);
  assertEquals(await list(), ["worker", "simplemq-cli"]);
  assertEquals(await list("--client", "worker"), ["worker"]);
  assertEquals(await list("--user", "nobody"), []);
});

Deno.test("connection close: asks, counts, tells why, and does not close itself", async () => {
  await using broker = await startBroker();
  await using worker = await connect({ port: broker.port, name: "worker" });
  await using other = await connect({ port: broker.port, name: "worker" });
  const select = ["connection", "close", "--client", "worker"];
  const alone = await run(broker, select);
  assertEquals(alone.code, 2);
  assertMatch(alone.lines.join(), /would close 2 connections: 1 \(worker\), 2 \(worker\)/);
  const dry = await run(broker, [...select, "--dry-run", "--json"]);
  assertEquals([dry.code, JSON.parse(dry.stdout)], [0, { dryRun: true, count: 2 }]);
  assertEquals((await run(broker, select, { answers: ["n"] })).code, 1);
  const closed = await run(broker, [...select, "--reason", "maintenance"], { answers: ["y"] });
  assertEquals([closed.code, closed.stdout, closed.lines.at(-1)], [0, "", "Closed 2 connections."]);
  for (const connection of [worker, other]) {
    for await (const status of connection.status()) {
      if (status.type !== "lost") continue;
      assertEquals(status.error?.message, "maintenance");
      break;
    }
  }
  const all = await run(broker, ["connection", "close", "--user", "local", "--yes", "--json"]);
  assertEquals(all.code, 0);
  const missing = await run(broker, ["connection", "close", "98", "99", "--yes"]);
  assertEquals(missing.code, 7);
});

Deno.test("connection close: takes ids or a selection, and only what is one", async () => {
  await using broker = await startBroker();
  for (const args of [[], ["7", "--user", "a"], ["x"], ["0"], ["-1"], ["1.5"]]) {
    const { code } = await run(broker, ["connection", "close", "--yes", ...args]);
    assertEquals(code, 2, args.join(" "));
  }
  await using worker = await connect({ port: broker.port, name: "worker" });
  const some = await run(broker, ["connection", "close", "7", "7", "8", "--yes"]);
  assertEquals(some.code, 7);
  const [{ id } = { id: 0 }] = await worker.cursor().getConnections();
  const one = await run(broker, ["connection", "close", `${id}`, "99", "--yes"]);
  assertEquals([one.code, one.stdout, one.lines], [7, "", [
    "Closed 1 connection.",
    "Not found: 99.",
  ]]);
});

Deno.test("who is no administrator is refused with exit code 6", async () => {
  await using directory = await TestDirectory.create();
  const token = createToken();
  const users = `${directory.path}/users.yaml`;
  const text = `users: { app: { tokens: [sha256: "${hashToken(token)}"] } }`;
  await Deno.writeTextFile(users, text, { mode: 0o600 });
  await using broker = await startBroker({ users });
  const env = { SIMPLEMQ_TOKEN: token };
  const level = await run(broker, ["log-level", "debug"], { env });
  assertEquals(level.code, 6);
  assertMatch(level.lines.join(), /no permission to administer the broker \(FORBIDDEN\)/);
  assertEquals((await run(broker, ["log-level"], { env })).stdout, "error\n");
  const { stdout } = await run(broker, ["info"], { env });
  assertEquals(stdout.includes("connections"), false);
  assertEquals((await run(broker, ["connection", "ls"], { env })).code, 0);
  assertEquals((await run(broker, ["info"])).code, 6);
});

Deno.test("top: a line for each look, or JSON", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  await connection.publisher("orders").sendMessages(["a", "b"]);
  const often = ["--interval", "100ms", "--count", "2"];
  const { code, stdout } = await run(broker, ["top", ...often]);
  assertEquals(code, 0);
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.length, 2);
  assertMatch(lines[0]!, /^\S+Z streams=1 in=\S+ out=0 ready=2 pending=0 .* problems=0$/);
  const json = await run(broker, ["top", "--jsonl", ...often]);
  const looks = json.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(looks.map(({ ready, streams }) => [ready, streams]), [[2, 1], [2, 1]]);
  const none = await run(broker, ["top", "--match", "nothing", ...often]);
  assertMatch(none.stdout, /streams=0/);
  const wrong = await run(broker, ["top", "--sort", "x", "--interval", "1ms", "--count", "0"]);
  assertEquals([wrong.code, wrong.lines.length], [2, 3]);
});

Deno.test("top: draws on a terminal, sorts anew, and leaves it as it was", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const printed: string[] = [];
  let press: ((key: string) => void) | undefined;
  let isWatched = false;
  const terminal = {
    isTerminal: true,
    print: (text: string) => void printed.push(text),
    watchKeys: (onKey: (key: string) => void) => {
      press = onKey;
      isWatched = true;
      return { [Symbol.dispose]: () => void (isWatched = false) };
    },
  };
  const running = run(broker, ["top", "--interval", "100ms"], { terminal });
  const shows = (text: string) => () => printed.some((one) => one.includes(text));
  await until("it is drawn", shows("orders"));
  assertEquals(printed[0], "\u001b[?1049h\u001b[?25l");
  press!("s");
  await until("it is sorted", shows("(in)"));
  press!("x");
  press!("q");
  assertEquals((await running).code, 0);
  assertEquals([printed.at(-1), isWatched], ["\u001b[?25h\u001b[?1049l", false]);
  await broker.close();
});
