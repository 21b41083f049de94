/**
 * Real nodes that a log must not be on: old ones, those that answer before they flush, a stream that is another
 * one. And what replicas are told to differ in.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type {
  JetStreamLog,
  JetStreamOptions,
} from "../../../../src/engine/replicated/jetstream/jetstream_log.ts";
import {
  LogWatch,
  type LogWatchOptions,
} from "../../../../src/engine/replicated/jetstream/log_watch.ts";
import { NatsRefusal } from "../../../../src/engine/replicated/jetstream/nats_nodes.ts";
import { NatsCluster, type NatsClusterOptions } from "../../../support/nats/nats_cluster.ts";
import { fetchNatsServer } from "../../../support/nats/nats_program.ts";
import {
  nameCluster,
  openLog,
  tellMissing,
  useNatsServer,
} from "../../../support/nats/nats_use.ts";

const { program = "", missing } = await useNatsServer();
const ignore = missing !== undefined;

function startNode(options: Partial<NatsClusterOptions> = {}): Promise<NatsCluster> {
  return NatsCluster.start({ program, nodes: 1, ...options });
}

/** Opens a log and looks at its nodes; closes it after use. */
async function watch(
  nodes: NatsCluster,
  options: Partial<LogWatchOptions>,
  use: (watch: LogWatch, log: JetStreamLog) => void | Promise<void> = () => {},
): Promise<void> {
  const { replicas = 1 } = options;
  const log = await openLog(nodes.addresses, { replicas });
  let looking: LogWatch | undefined;
  try {
    const { monitoring } = nodes;
    const report = () => {};
    looking = await LogWatch.open({
      log,
      replicas,
      monitoring,
      requireSync: true,
      report,
      ...options,
    });
    await use(looking, log);
  } finally {
    await log.close();
    await looking?.ended;
  }
}

Deno.test({ name: "a log is not put on nodes that are too old", ignore }, async () => {
  const old = await fetchNatsServer("own");
  tellMissing(old);
  if (old.program === undefined) return;
  // It knows no other way to flush.
  await using node = await startNode({ program: old.program, sync: undefined });
  const error = await assertRejects(() => openLog(node.addresses), NatsRefusal);
  assertStringIncludes(error.message, "Cannot use the node of NATS at 127.0.0.1:");
  assertStringIncludes(error.message, "its version is 2.");
  assertStringIncludes(error.message, "allowed 2.14 or later");
});

Deno.test({ name: "a log is not put on nodes that answer before they flush", ignore }, async () => {
  await using node = await startNode({ sync: undefined });
  const error = await assertRejects(() => watch(node, {}), NatsRefusal);
  assertEquals(
    error.message,
    "Cannot use the log: nodes of NATS answer before they flush: n1; allowed " +
      '"sync_interval: always" among their settings of jetstream, or "cluster.require_sync" false ' +
      "here",
  );
  await watch(node, { requireSync: false }, ({ durability, problems }) => {
    assertEquals([durability, ...problems], ["replicated, not flushed"]);
  });
});

Deno.test({ name: "what a log on nodes that flush promises is said", ignore }, async () => {
  await using node = await startNode();
  await watch(node, {}, ({ durability }) => assertEquals(durability, "replicated"));
  const unknown = { requireSync: false, monitoring: [] };
  await watch(node, unknown, ({ durability }) => {
    assertEquals(durability, "replicated, not flushed");
  });
});

const others: [what: string, options: Partial<JetStreamOptions>, difference: string][] = [
  ["bounds", { bytesMax: 1_000_000 }, "max_bytes is -1, allowed 1000000"],
  ["replicas", { replicas: 3 }, "num_replicas is 1, allowed 3"],
];

for (const [what, options, difference] of others) {
  Deno.test({ name: `a log does not use a stream with other ${what}`, ignore }, async () => {
    await using node = await startNode();
    const cluster = nameCluster();
    await (await openLog(node.addresses, { cluster })).close();
    const open = () => openLog(node.addresses, { cluster, ...options });
    const error = await assertRejects(open, NatsRefusal);
    assertEquals(
      error.message,
      `Cannot use the stream SMQ_${cluster}_0 of NATS: ${difference}; change the settings of ` +
        `"cluster", or the stream with "nats stream edit"`,
    );
  });
}

Deno.test(
  { name: "a log waits for nodes that are not there yet, and says so", ignore },
  async () => {
    await using node = NatsCluster.prepare({ program, nodes: 1 });
    const said = Promise.withResolvers<string>();
    const opening = openLog(node.addresses, { report: (_, message) => said.resolve(message) });
    assertStringIncludes(await said.promise, "no node of NATS can be used, trying on");
    await node.startAll();
    const log = await opening;
    assertEquals(await log.append(0, new Uint8Array(10)), 1);
    await log.close();
  },
);

Deno.test({ name: "opening a log can be given up", ignore }, async () => {
  await using node = NatsCluster.prepare({ program, nodes: 1 });
  const ending = new AbortController();
  const report = () => ending.abort();
  const opening = openLog(node.addresses, { report, signal: ending.signal });
  await assertRejects(() => opening, Error, "closed");
});

Deno.test(
  { name: "replicas that are alike are not told of, one that is missing is", ignore },
  async () => {
    await using nodes = await NatsCluster.start({ program });
    await watch(nodes, { replicas: 3, betweenMs: 10 }, async (looking, log) => {
      for (let last = 0; last < 20; last++) await log.append(last, new Uint8Array(100));
      await log.trim(5);
      await nodes.waitUntilHealthy();
      await looking.compare();
      assertEquals(looking.problems, []);
      const lost = nodes.nodes.find(({ name }) => name !== log.node)!;
      await lost.kill();
      await looking.compare();
      assertEquals(looking.problems, [
        `of the nodes of NATS that keep the log, ${lost.name} cannot be looked at: ` +
        '"cluster.monitoring" is to have the addresses of all of them, and they are to answer',
      ]);
    });
  },
);
