/**
 * The bench's ways to watch: what it makes of V8's profiles and traces, and that a follower's round
 * with any prefetch adds up. Nothing here depends on how fast anything is.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { measureFast } from "../bench/prefetch/main.ts";
import { CollectionLog } from "../bench/profile/collections.ts";
import { readCpuProfile } from "../bench/profile/cpu_profile.ts";
import { readLoad } from "../bench/profile/load.ts";
import { startBroker } from "./support/broker/broker.ts";

/** A profile of 100 ms: 40 of them idle, 45 in one function, 15 in another file. */
const PROFILE = {
  nodes: [
    { id: 1, callFrame: { functionName: "(idle)", url: "" } },
    { id: 2, callFrame: { functionName: "publish", url: "file:///src/broker/broker.ts" } },
    { id: 3, callFrame: { functionName: "", url: "file:///src/broker/slab.ts" } },
    { id: 4, callFrame: { functionName: "publish", url: "file:///src/broker/broker.ts" } },
  ],
  samples: [1, 2, 4, 3],
  timeDeltas: [40_000, 30_000, 15_000, 15_000],
};

Deno.test("readCpuProfile() tells which part of the busy time each function took by itself", () => {
  const { busyShare, functions, files } = readCpuProfile(JSON.stringify(PROFILE));
  assertEquals(busyShare, 0.6);
  assertEquals(functions.map(({ name }) => name), [
    "publish broker/broker.ts",
    "(anonymous) broker/slab.ts",
  ]);
  assertEquals(files.map(({ name }) => name), ["broker/broker.ts", "broker/slab.ts"]);
  assertEquals(functions[0]!.share, 0.75);
  assertEquals(files[1]!.share, 0.25);
});

Deno.test("readCpuProfile() refuses what is no profile", () => {
  assertThrows(() => readCpuProfile("no"), SyntaxError);
});

Deno.test("readCpuProfile() of a process that did nothing divides nothing by nothing", () => {
  const { busyShare, functions } = readCpuProfile('{"nodes":[],"samples":[],"timeDeltas":[]}');
  assertEquals(busyShare, 0);
  assertEquals(functions, []);
});

Deno.test("CollectionLog reads pauses out of a trace, in pieces of any size", () => {
  const log = new CollectionLog();
  const trace = [
    "[12:0x7f]  51 ms: Scavenge 3.4 (4.4) -> 3.0 (5.2) MB, pooled: 0.0 MB, 5.47 / 0.00 ms (…) x;",
    "something else 1.0 / 2.0 ms",
    "[12:0x7f]  99 ms: Mark-Compact 8.1 (21.5) -> 5.7 (21.5) MB, 1.38 / 0.25 ms (+ 5.0 ms in 10 …)",
    "",
  ].join("\n");
  for (let at = 0; at < trace.length; at += 7) log.take(trace.slice(at, at + 7));
  assertEquals(log.pauses, [5.47, 1.38]);
  log.clear();
  assertEquals(log.pauses, []);
});

for (
  const [args, complaint] of [
    [["--work", "all"], 'Argument --work is "all"; allowed are batch, single, four'],
    [["--engine", "disk"], 'Argument --engine is "disk"; allowed are journal, memory'],
    [["--bytes", "4"], 'Argument --bytes is "4"; the least is 5'],
    [["--seconds", "0"], 'Argument --seconds is "0"; allowed are whole numbers above 0'],
    [["--fast"], 'Unknown argument "--fast"; allowed are --engine'],
  ] as const
) {
  Deno.test(`readLoad() refuses ${args.join(" ")}`, () => {
    assertThrows(() => readLoad(args), RangeError, complaint);
  });
}

Deno.test("readLoad() takes a batch of 1 KiB with the journal if nothing is said", () => {
  const { engine, work } = readLoad([]);
  assertEquals(engine, "journal");
  assert(work.kind === "throughput" && work.way === "batch" && work.bodyBytes === 1024);
});

for (const prefetch of ["auto", 1, 256] as const) {
  Deno.test(`a round of a follower with prefetch ${prefetch} adds up`, async () => {
    await using broker = await startBroker();
    await using connection = await broker.connect();
    assert(await measureFast(connection, prefetch, 100) > 0);
  });
}
