/**
 * The bench of the peers: what it must notice and what it must refuse. No peer has to be installed, no
 * package of theirs is loaded, and nothing here depends on how fast anything is.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { makeAgenda } from "../bench/peers/agenda.ts";
import { readChoice } from "../bench/peers/choice.ts";
import type { Findings } from "../bench/peers/report/findings.ts";
import type { Peer } from "../bench/peers/peer.ts";
import { DOCUMENTS, replacePart } from "../bench/peers/report/documents.ts";
import { formatReport } from "../bench/peers/report/report.ts";
import { summariseFactors, summariseRates } from "../bench/peers/report/summary.ts";
import { measureRounds } from "../bench/peers/rounds.ts";
import { findTargets } from "../bench/peers/report/target.ts";
import { listFiles, runBench } from "./support/benches/run_bench.ts";
import { Child } from "../bench/harness/process/child.ts";
import { CpuMeter } from "../bench/harness/process/cpu_meter.ts";
import {
  readCpuSeconds,
  readSharedBytes,
  readTreeBytes,
  readTreeCpuSeconds,
} from "../bench/harness/process/process_meter.ts";
import { DebianPackages } from "../bench/peers/servers/debian.ts";
import { TestDirectory } from "./support/disk/journals.ts";

/** A peer without a server. */
function makePeer(name: string): Peer {
  return {
    name,
    title: name.toUpperCase(),
    durability: "nothing",
    flushed: "never",
    settings: ["None."],
    client: new URL("./support/wire/mistaken_client.ts", import.meta.url),
    readVersion: () => Promise.resolve("1"),
    start: () => {
      return Promise.resolve({
        port: 1,
        pid: Deno.pid,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
  };
}

const PEERS = ["simplemq", "redis-everysec", "bare"].map(makePeer);

/** What a run has shown in which SimpleMQ has ten times the rate of Redis and a tenth of its memory. */
function makeFindings(): Findings {
  const measure = (peer: string, work: string, rate: number, backlogBytes: number) => ({
    round: 1,
    peer,
    work,
    result: { count: 1_000, rate, backlogBytes, fillSeconds: 1, startSeconds: 1 },
  });
  return {
    facts: [["Machine", "a small one"]],
    rounds: 1,
    peers: PEERS.map(({ name, title, durability, flushed, settings }) => {
      return { name, title, durability, flushed, settings, version: "1.2.3" };
    }),
    absent: [{
      name: "bullmq",
      title: "BullMQ",
      reason: "there is no root",
    }],
    agenda: makeAgenda(false),
    measurements: [
      measure("simplemq", "throughput-100", 600_000, 0),
      measure("simplemq", "throughput-100", 500_000, 0),
      measure("simplemq", "throughput-100", 100, 0),
      measure("redis-everysec", "throughput-100", 50_000, 0),
      measure("simplemq", "throughput-1k", 100_000, 0),
      measure("bare", "throughput-1k", 400_000, 0),
      measure("simplemq", "backlog-10m", 0, 1e8),
      measure("redis-everysec", "backlog-10m", 0, 1e9),
    ],
  };
}

Deno.test("the bench of the peers says in a line what is wrong with its arguments", async () => {
  const { code, stdout, stderr } = await runBench("peers", "--peers", "simplemq,kafka");
  assertEquals(code, 1);
  assertEquals(stdout, "");
  const said = stderr.trim().split("\n").filter((line) => !line.includes("deno.json"));
  assertEquals(said.length, 1, stderr);
  assertStringIncludes(stderr, '--peers has "kafka"; allowed are simplemq, simplemq-memory, ');
});

Deno.test("a client that loses a message fails the bench", async () => {
  await using directory = await TestDirectory.create();
  const agenda = makeAgenda(true).filter(({ id }) => id === "throughput-100");
  const plan = {
    rounds: 1,
    peers: [makePeer("careless")],
    agenda,
    parent: directory.path,
    servers: undefined,
  };
  const error = await assertRejects(() => measureRounds(plan).next(), Error);
  assertStringIncludes(error.message, "CARELESS has failed in throughput-100");
  const { message } = error.cause as Error;
  assertStringIncludes(message, "does not add up: sum of the numbers taken: ");
  assertEquals(await listFiles(directory.path), []);
});

Deno.test("readChoice() names what is allowed", () => {
  const read = (...args: string[]) => readChoice(args, PEERS);
  const refuse = (args: string[], complaint: string) => {
    assertStringIncludes(assertThrows(() => read(...args), RangeError).message, complaint);
  };
  refuse(["--peers", "bare,rebbit"], '"rebbit"; allowed are simplemq, redis-everysec, bare');
  refuse(["--works", "througput"], '--works has "througput"; allowed are throughput-100, ');
  refuse(["--rounds", "0"], '--rounds is "0"; allowed are whole numbers above 0');
  refuse(["--qick"], "--qick");
  refuse(["--peers=bare", "--works=idle"], "--works idle are not done by --peers bare");
  refuse(["--output="], "--output is empty");
});

Deno.test("readChoice() keeps the order of the catalogue", () => {
  const { peers, agenda, rounds } = readChoice(
    ["--peers", "bare,simplemq", "--works", "steady-10k,throughput-1k", "--rounds=2"],
    PEERS,
  );
  assertEquals(peers.map(({ name }) => name), ["simplemq", "bare"]);
  assertEquals(agenda.map(({ id }) => id), ["throughput-1k", "steady-10k"]);
  assertEquals(rounds, 2);
});

Deno.test("findTargets() compares medians, and says what was not measured", () => {
  const targets = findTargets(makeFindings());
  const find = (what: string) => targets.find((target) => target.what.startsWith(what))!;
  const redis = find("throughput, 100 B: SimpleMQ to redis-everysec");
  assertEquals([redis.reached, redis.isReached], ["10", true]);
  const bare = find("throughput, 1 KiB: SimpleMQ to the bare program");
  assertEquals([bare.reached, bare.isReached], ["0.250", false]);
  const memory = find("memory of the long backlog");
  assertEquals([memory.reached, memory.isReached], ["0.100", true]);
  const bullmq = find("throughput, 100 B: SimpleMQ to bullmq");
  assertEquals([bullmq.reached, bullmq.isReached], [undefined, undefined]);
});

Deno.test("formatReport() has a table for each work that was done, and names who was left out", () => {
  const page = formatReport(makeFindings());
  assertStringIncludes(page, "- Machine: a small one\n");
  assertStringIncludes(
    page,
    "BullMQ is left out: there is no root.",
  );
  assertStringIncludes(page, "Accounted for: 8,000 messages in 8 measurements");
  const [, table = ""] = page.split("## Throughput, 100 B, one publisher");
  const row = table.split("\n").find((line) => line.startsWith("| REDIS-EVERYSEC"))!;
  assertEquals(row.split("|").slice(3).map((cell) => cell.trim()), [
    ...["50,000", "50,000", "50,000", "5.0", "10.0", "", "", ""],
  ]);
  assert(!page.includes("idle connections, and"), page);
  assertStringIncludes(page, "### SIMPLEMQ, version 1.2.3");
});

Deno.test("the short tables have a row for each peer that was measured, and the factors of the medians", () => {
  const { head, rows } = summariseRates(makeFindings());
  assertEquals(head.slice(0, 4), ["broker", "flushes to disk", "100 B", "1 KiB"]);
  assertEquals(rows.map((cells) => cells.slice(0, 4)), [
    ["SIMPLEMQ", "never", "500,000", "100,000"],
    ["REDIS-EVERYSEC", "never", "50,000", ""],
    ["a bare program, for reference", "never", "", "400,000"],
  ]);
  const factors = summariseFactors(makeFindings());
  assertEquals(factors.map(({ peer, factors }) => [peer.name, ...factors]), [
    ["redis-everysec", "10×", ""],
  ]);
});

Deno.test("replacePart() changes the lines of a table, and refuses a document without it", () => {
  const text = "a\n\n| b | c |\n| - | - |\n| 1 | 2 |\n\nd\n";
  assertEquals(replacePart(text, /^\| b /, "new", "page"), "a\n\nnew\n\nd\n");
  assertThrows(() => replacePart(text, /^\| e /, "new", "page"), Error, "page has no line");
});

Deno.test("the documents have all tables that a run writes into them", async () => {
  for (const [path, parts] of DOCUMENTS) {
    const text = await Deno.readTextFile(new URL(`../${path}`, import.meta.url));
    for (const [begin] of parts) replacePart(text, begin, "", path);
  }
});

Deno.test("the servers of the peers come from a mirror that this system's apt knows", async () => {
  await using directory = await TestDirectory.create();
  const debian = new DebianPackages(directory.path, "forky");
  const none = { sources: [`${directory.path}/none`] };
  await assertRejects(() => debian.bring(["nats-server"], none), Error, "no mirror of Debian in");
  // What is there is not fetched again.
  await Deno.mkdir(`${directory.path}/forky`, { recursive: true });
  await Deno.writeTextFile(`${directory.path}/forky/nats-server.is-here`, "");
  await debian.bring(["nats-server"], none);
});

Deno.test("the processor time of clients is without that of a broker which they have started", async () => {
  const script =
    "read line; i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done; echo done; read line";
  const child = new Child({ program: "/bin/sh", args: ["-c", script], output: "stdout" });
  try {
    const meter = new CpuMeter(child.pid);
    // However much this process has to do meanwhile.
    const before = readCpuSeconds(Deno.pid)!;
    meter.start();
    await child.tell("go");
    await child.findLine(/^done$/);
    meter.stop();
    const own = readCpuSeconds(Deno.pid)! - before;
    const { broker, clients } = meter.taken!;
    assert(broker > 0.02 && clients < own + broker / 2, `${broker} s, ${clients} s of ${own} s`);
  } finally {
    await child.finish();
  }
});

Deno.test("the memory and the processor time of a process are those of all below it", async () => {
  const script = "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo done; read line";
  const child = new Child({
    program: "/bin/sh",
    args: ["-c", `/bin/sh -c '${script}'; read line`],
    output: "stdout",
  });
  try {
    await child.findLine(/^done$/);
    const alone = readCpuSeconds(child.pid)!;
    assert(readTreeCpuSeconds(child.pid)! > alone);
    assert(readTreeBytes(child.pid, readSharedBytes())! > 0);
    assertEquals(readTreeCpuSeconds(2 ** 30), undefined);
  } finally {
    await child.finish();
  }
});
