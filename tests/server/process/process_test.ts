/**
 * The broker as a process: what it says when it starts, what ends it, and what it says when it cannot
 * start.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import manifest from "../../../deno.json" with { type: "json" };
import { connect, type Message, type Receipt } from "../../../client.ts";
import { BrokerProcess, type EndedProcess } from "../../support/broker/broker_process.ts";
import { runTyped } from "../../support/commands/typed.ts";
import { turn, until } from "../../support/broker/broker.ts";
import { connectOver } from "../../support/broker/connect_over.ts";
import { RawClient } from "../../support/wire/raw_client.ts";

/** A line of the log without its time. */
function withoutTime(line: string): string {
  return line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /, "");
}

/** A port that nobody listens at. */
function findFreePort(): number {
  using listener = Deno.listen({ hostname: "localhost", port: 0 });
  return listener.addr.port;
}

/** Sends messages and takes them again. */
async function exchange(port: number) {
  await using connection = await connect({ port, waitForBroker: true });
  await connection.cursor().createStream("a");
  await connection.publisher("a").sendMessages(["one", "two"]);
  const bodies: unknown[] = [];
  for await (const message of connection.follower("a").getMessages({ autoAck: true })) {
    if (bodies.push(message.body) === 2) break;
  }
  assertEquals(bodies, ["one", "two"]);
}

// Starting.

Deno.test("start: one line tells address, engine and durability, on standard error", async () => {
  const start = performance.now();
  await using broker = await BrokerProcess.listen([]);
  // deno-lint-ignore no-console
  console.log(`ready to accept after ${Math.round(performance.now() - start)} ms`);
  await exchange(broker.port);
  assertEquals(
    withoutTime(broker.lines[0] ?? ""),
    `info SimpleMQ ${manifest.version} is listening address=localhost:${broker.port} ` +
      "engine=journal durability=always",
  );
  broker.kill("SIGTERM");
  const { stdout } = await broker.waitForEnd();
  assertEquals(stdout, "", "standard output is left to what a command is asked for");
});

Deno.test("start: settings come from the file, the environment and the flags, in that order", async () => {
  const port = findFreePort();
  await using broker = await BrokerProcess.listen(["--limits-connections", "3"], {
    settings: `port: 1\nlimits:\n  connections: 1\n  message_bytes: 1KiB\nlog_level: debug\n`,
    env: {
      SIMPLEMQ_PORT: "tcp://10.0.0.1:9090",
      SIMPLEMQ_LIMITS_CONNECTIONS: "2",
      SIMPLEMQ_LOG_LEVEL: "info",
      SIMPLEMQ_PROT: "2",
    },
  });
  const warnings = broker.lines.filter((line) => line.includes(" warning "));
  assertEquals(warnings.length, 2);
  assertStringIncludes(warnings[0]!, 'SIMPLEMQ_PORT is "tcp://10.0.0.1:9090", which Kubernetes');
  assertStringIncludes(warnings[1]!, "no variable SIMPLEMQ_PROT, the nearest known one is");
  assert(broker.port > 2 && broker.port !== port);
  const clients = [];
  for (let count = 0; count < 3; count++) clients.push(await RawClient.connect(broker.port));
  const [first] = clients;
  assertEquals((await first!.shakeHands()).limits.bodyBytes, 1024);
  await using fourth = await RawClient.connect(broker.port);
  await fourth.expectFatalError("TOO_MANY_CONNECTIONS");
  for (const client of clients) await client[Symbol.asyncDispose]();
  assert(!broker.lines.some((line) => line.includes("debug")));
});

for (const flag of ["--help", "-h"]) {
  Deno.test(`start: ${flag} shows the commands and ends, behind serve all flags`, async () => {
    const all = await BrokerProcess.run([flag]);
    assertEquals([all.code, all.lines], [0, []]);
    const names = ["serve", "stream ls", "--version"];
    for (const name of names) assertStringIncludes(all.stdout, `  ${name}`);
    const { code, stdout, lines } = await runTyped(["serve", flag]);
    assertEquals([code, lines], [0, []]);
    for (const name of ["--port", "--settings", "--storage-engine"]) {
      assertStringIncludes(stdout, `  ${name}`);
    }
  });
}

Deno.test("start: --version shows the version and ends", async () => {
  const ended = await BrokerProcess.run(["--version"]);
  assertEquals(ended, { code: 0, stdout: `simplemq ${manifest.version}\n`, lines: [] });
});

// Not starting.

/** A broker that could not start says why, a line to a mistake, and nothing else. */
function expectRefusal(ended: EndedProcess, mistakes: readonly (string | RegExp)[]) {
  assertEquals(ended.code, 2, ended.lines.join("\n"));
  assertEquals(ended.stdout, "");
  assertEquals(ended.lines.length, mistakes.length, ended.lines.join("\n"));
  mistakes.forEach((mistake, index) => {
    const line = withoutTime(ended.lines[index] ?? "");
    assertMatch(line, /^error /);
    if (typeof mistake === "string") assertStringIncludes(line, mistake);
    else assertMatch(line, mistake);
  });
}

Deno.test("refusal: a second broker on the same port tells so in one line", async () => {
  await using broker = await BrokerProcess.listen([]);
  const { port } = broker;
  expectRefusal(await BrokerProcess.run(["--port", String(port)]), [
    `error Cannot listen at localhost:${port}: the port is taken; is a broker running already? ` +
    "Choose another one: --port, or port of serve",
  ]);
  await exchange(port);
});

Deno.test("refusal: an address that is not to be had is told in one line", async () => {
  const ended = await BrokerProcess.run(["--host", "203.0.113.1", "--port", "0", "--insecure"]);
  expectRefusal(ended, [
    /^error Cannot listen at 203\.0\.113\.1:0: .*assign requested address/,
  ]);
});

Deno.test("refusal: a host that does not exist is told in one line", async () => {
  const ended = await BrokerProcess.run(["--host", "nowhere.invalid", "--insecure"]);
  expectRefusal(ended, [/^error Cannot listen at nowhere\.invalid:9090: /]);
});

Deno.test("refusal: other machines without authentication are let in on demand only", async () => {
  expectRefusal(await BrokerProcess.run(["--host", "0.0.0.0", "--port", "0"]), [
    'setting "host" from --host: found "0.0.0.0", where other machines can connect ' +
    'without authentication as there is no "./users.yaml", allowed localhost, any with users and ' +
    "tls.certificate, or any with insecure: true",
  ]);
  await using broker = await BrokerProcess.listen(["--host", "0.0.0.0", "--insecure"]);
  assertStringIncludes(broker.lines[0] ?? "", "address=0.0.0.0:");
});

Deno.test("refusal: all mistakes of all sources are listed, each with its place", async () => {
  const ended = await BrokerProcess.run(["--heartbeat-ms", "soon", "--prot=1", "serve"], {
    settings: "port: 99999\nlimits:\n  connection: 5\nhost: [localhost]\n",
    env: { SIMPLEMQ_STORAGE_ENGINE: "jetstream" },
  });
  expectRefusal(ended, [
    /"--prot.*"--port/,
    /argument .*"serve/,
    /"port.* in .*settings\.yaml.*: found 99999, allowed 0 to 65535/,
    /"limits\.connection.*nearest known one is .*"limits\.connections/,
    /"host.*: found a list/,
    /"storage\.engine.* from SIMPLEMQ_STORAGE_ENGINE: found .*"jetstream.*, allowed journal, memory, cluster/,
    /"heartbeat_ms.* from --heartbeat-ms: found .*"soon/,
  ]);
});

Deno.test("refusal: a settings file that is not there, not readable or no YAML", async () => {
  expectRefusal(await BrokerProcess.run(["--settings", "elsewhere.yaml"]), [
    'file "elsewhere.yaml": found no such file',
  ]);
  expectRefusal(await BrokerProcess.run(["--settings", "."]), [/file .*"\..*: cannot be read/]);
  expectRefusal(await BrokerProcess.run([], { settings: "port: [\n" }), [/found no valid YAML/]);
});

// Stopping.

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal}: what is under way is confirmed, clients are told, and come back`, async () => {
    await using first = await BrokerProcess.listen([]);
    const { port } = first;
    let canDial = Promise.withResolvers<void>();
    canDial.resolve();
    await using connection = await connectOver(async (signal) => {
      await canDial.promise;
      return await Deno.connect({ hostname: "localhost", port, signal });
    }, { name: "stays" });
    let isClosed = false;
    connection.closed.then(() => isClosed = true);
    await connection.cursor().createStream("a");
    const publisher = connection.publisher("a");
    let confirmedCount = 0;
    let isOver = false;
    const sent: Promise<Receipt>[] = [];
    const sending = (async () => {
      for (; !isOver; await turn()) {
        for (let count = 0; count < 100; count++) {
          const receipt = publisher.sendMessage(`message ${sent.length}`);
          receipt.then(() => confirmedCount++);
          sent.push(receipt);
        }
      }
    })();
    await until("some are confirmed", () => confirmedCount > 1000);
    canDial = Promise.withResolvers<void>();
    first.kill(signal);
    const { code, lines } = await first.waitForEnd();
    isOver = true;
    await sending;
    assertEquals(code, 0);
    assert(lines.some((line) => line.endsWith(`info stopping signal=${signal}`)));
    assertMatch(lines.at(-1) ?? "", / info stopped$/);
    assertEquals(isClosed, false);

    // A new broker at the old place, without any memory of the first one.
    await using second = await BrokerProcess.listen(["--port", String(port)]);
    const before = confirmedCount;
    assert(before < sent.length, "some were under way, and some came too late");
    {
      await using other = await connect({ port: second.port });
      await other.cursor().createStream("a");
    }
    canDial.resolve();
    const receipts = await deadline(Promise.all(sent), 20_000);
    const ids = receipts.map(({ streams }) => streams[0]?.id);
    const expected = sent.map((_, index) => index < before ? index + 1 : index - before + 1);
    assertEquals(ids, expected);
    assert(receipts.every(({ duplicate }) => !duplicate));
    await publisher.sendMessage("the last one");
    let last: unknown;
    for await (const { body } of connection.follower("a").getMessages({ autoAck: true })) {
      last = body;
      if (body === "the last one") break;
    }
    assertEquals([last, isClosed], ["the last one", false]);
  });
}

Deno.test("SIGTERM: a client that does not leave is not waited for longer than is set", async () => {
  await using broker = await BrokerProcess.listen(["--shutdown-timeout-ms", "50"]);
  await using client = await RawClient.open(broker.port);
  broker.kill("SIGTERM");
  assertEquals((await client.expect("goodbye")).code, "SHUTTING_DOWN");
  await client.expectEnd();
  assertEquals((await broker.waitForEnd()).code, 0);
});

Deno.test("SIGTERM: a second signal ends a broker that still waits, with code 1", async () => {
  await using broker = await BrokerProcess.listen(["--shutdown-timeout-ms", "60000"]);
  await using client = await RawClient.open(broker.port);
  broker.kill("SIGTERM");
  await client.expect("goodbye");
  broker.kill("SIGINT");
  assertEquals((await broker.waitForEnd()).code, 1);
});

Deno.test("SIGINT twice at once is one wish: a task runner passes on what the terminal sends", async () => {
  await using broker = await BrokerProcess.listen(["--shutdown-timeout-ms", "60000"]);
  await using client = await RawClient.open(broker.port);
  broker.kill("SIGINT");
  await client.expect("goodbye");
  broker.kill("SIGINT");
  client.close();
  assertEquals((await broker.waitForEnd()).code, 0);
});

// The log.

Deno.test("log: each level shows what is its own and more serious", async () => {
  for (const level of ["debug", "info", "warning", "error"] as const) {
    const port = findFreePort();
    const args = ["--port", String(port), "--log-level", level];
    await using broker = await BrokerProcess.start(args);
    await exchange(port);
    await using client = await RawClient.connect(port);
    await client.send(new Uint8Array([1, 2, 3, 4]));
    await client.expectFatalError("BAD_MAGIC");
    client.close();
    broker.kill("SIGTERM");
    const { lines } = await broker.waitForEnd();
    const shown = new Set(lines.map((line) => withoutTime(line).split(" ")[0]));
    const levels = ["debug", "info", "warning"].slice(["debug", "info", "warning"].indexOf(level));
    assertEquals([...shown].sort(), level === "error" ? [] : levels);
  }
});

for (const redirection of ["2>/dev/full", "2>&-"]) {
  Deno.test({
    name: `log: an output that is ${redirection} disturbs nothing`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const port = findFreePort();
      const args = ["--port", String(port), "--log-level", "debug"];
      await using broker = await BrokerProcess.start(args, { redirection });
      await exchange(port);
      broker.kill("SIGTERM");
      assertEquals((await broker.waitForEnd()).code, 0);
    },
  });
}

Deno.test("log: a pipe that nobody reads any more disturbs nothing", async () => {
  await using broker = await BrokerProcess.listen(["--log-level", "debug"]);
  const { port } = broker;
  await broker.closeStandardError();
  for (let round = 0; round < 3; round++) await exchange(port);
  await turn();
  broker.kill("SIGTERM");
  assertEquals((await broker.waitForEnd()).code, 0);
});

// Descriptors.

Deno.test({
  name: "descriptors: the connections of a process are fewer than its descriptors",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using broker = await BrokerProcess.listen([], { before: "ulimit -n 266" });
    const clients: RawClient[] = [];
    for (let count = 0; count < 10; count++) clients.push(await RawClient.open(broker.port));
    await using late = await RawClient.connect(broker.port);
    const { message } = await late.expectFatalError("TOO_MANY_CONNECTIONS");
    assertStringIncludes(message, "connection limit of 10");
    for (const client of clients) await client[Symbol.asyncDispose]();
  },
});

/** Opens and closes connections as fast as it can, until its standard input ends. */
const STORM = `
  const port = Number(Deno.args[0]);
  let isOver = false;
  Deno.stdin.read(new Uint8Array(1)).then(() => isOver = true);
  while (!isOver) {
    const calls = Array.from({ length: 150 }, () => Deno.connect({ hostname: "localhost", port }));
    for (const call of await Promise.allSettled(calls)) call.value?.close();
  }
`;

Deno.test({
  name: "descriptors: a storm of connections leaves those that the journal needs",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using broker = await BrokerProcess.listen([], {
      before: "echo process $$ >&2; ulimit -n 300",
    });
    const [, id] = (await broker.waitForLine("process ")).split(" ");
    const countDescriptors = () => [...Deno.readDirSync(`/proc/${id}/fd`)].length;
    await using connection = await connect({ port: broker.port });
    await connection.cursor().createStream("a");
    const publisher = connection.publisher("a");
    await publisher.sendMessage("before the storm");
    const before = countDescriptors();
    const storms = Array.from({ length: 3 }, () =>
      new Deno.Command(Deno.execPath(), {
        args: ["eval", "--no-lock", STORM, String(broker.port)],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      }).spawn());
    await broker.waitForLine("turned away");
    let most = 0;
    for (let id = 2; id <= 200; id++) {
      assertEquals((await publisher.sendMessage("in the storm")).streams, [{ stream: "a", id }]);
      most = Math.max(most, countDescriptors());
    }
    for (const storm of storms) await storm.stdin.close();
    await Promise.all(storms.map(({ status }) => status));
    // 44 connections are allowed, and their descriptors may outlive them for a turn; 32 are told that
    // they are too many; 16 are accepted in a turn.
    assert(most <= before + 2 * 44 + 32 + 16, `${most} descriptors, ${before} before`);
    assert(!broker.lines.some((line) => line.includes("cannot accept")), broker.lines.join("\n"));
  },
});

// Standing still.

Deno.test("a broker that was stopped for a while counts what came meanwhile before it judges", async () => {
  await using broker = await BrokerProcess.listen([]);
  await using connection = await connect({ port: broker.port, drainMs: 0 });
  await using others = await connect({ port: broker.port, drainMs: 0 });
  // On a busy machine it takes long until all messages are there and the broker is stopped.
  const ackTimeoutMs = 1500;
  await connection.cursor().createStream("work", { ackTimeoutMs, backoffMs: [0] });
  await connection.publisher("work").sendMessages(Array.from({ length: 200 }, (_, id) => id));
  const taking = connection.follower("work", { prefetch: 200 }).getMessages();
  const messages: Message[] = [];
  while (messages.length < 200) messages.push((await taking.next()).value!);
  // It gets whatever is taken back.
  const waiting = others.follower("work").getMessages().next();
  await others.cursor().getStreams();
  broker.kill("SIGSTOP");
  const acks = messages.map((message) => message.ack({ confirm: true }));
  const end = performance.now() + 1.2 * ackTimeoutMs;
  while (performance.now() < end) await turn();
  broker.kill("SIGCONT");
  await Promise.all(acks);
  const { ready, pending, delayed } = await connection.cursor().getStream("work");
  assertEquals([ready, pending, delayed], [0, 0, 0]);
  await others.close();
  assertEquals((await waiting).done, true);
});
