/**
 * The commands that work on the log of a cluster: what they are asked for, and what they say.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readArguments } from "../../../../src/server/commands/arguments.ts";
import {
  type ClusterComparison,
  type ClusterTools,
  CommandError,
} from "../../../../src/server/commands/command.ts";
import { matchCommand } from "../../../../src/server/commands/command_table.ts";
import { SettingsError } from "../../../../src/server/settings/settings.ts";
import { clusterProgram, testContext } from "../../../support/commands/command_context.ts";

const FILE = `
storage: { engine: cluster, directory: /data }
cluster:
  name: main
  id: a
  address: a:9090
  nats: n1:4222, n2:4222
  require_sync: false
`;

/** Runs a command line with settings, on tools that only tell what they were asked for. */
async function run(
  line: string,
  tools: Partial<ClusterTools>,
  file = FILE,
): Promise<{ code: number; text: string }> {
  const args = line.split(" ");
  const { command, count } = matchCommand(args)!;
  const body = await command.load();
  const found = readArguments(args.slice(count), body);
  if ("mistakes" in found) throw new CommandError(found.mistakes);
  let text = "";
  const code = await body.run(
    found,
    testContext({
      ...clusterProgram(tools),
      print: (more) => text += more,
      now: () => 0,
      sources: {
        env: () => undefined,
        readTextFile: () => Promise.resolve(file),
        defaultFile: "settings.yaml",
      },
    }),
  );
  return { code, text };
}

Deno.test("cluster import and export say what was copied, with the broker's own settings", async () => {
  const { code, text } = await run("cluster import /old", {
    import: (directory, { settings: { storage, cluster } }) => {
      assertEquals([directory, cluster.name, storage.engine], ["/old", "main", "cluster"]);
      return Promise.resolve({ segments: 2, bytes: 3 * 1024 * 1024 });
    },
  });
  assertEquals(code, 0);
  assertEquals(text, 'imported 2 segments, 3.0 MiB: cluster "main" begins with them\n');
  const exported = await run("cluster export /new --cluster-name other", {
    export: (_, { settings: { cluster } }) => {
      assertEquals(cluster.name, "other");
      return Promise.resolve({ segments: 1, bytes: 100, sequence: 17 });
    },
  });
  assertEquals(
    exported.text,
    "exported 1 segment, 100 B, up to record 17: a single broker can be started with /new\n",
  );
});

Deno.test("a cluster's settings that are missing are told of before anything is opened", async () => {
  const file = "storage: { engine: journal }\n";
  const error = await assertRejects(() => run("cluster verify", {}, file), SettingsError);
  assertStringIncludes(error.message, "cluster.nats");
  await assertRejects(() => run("cluster import", {}), CommandError, "found 0 words");
  await assertRejects(() => run("cluster verify /data", {}), CommandError, "found 1 word");
  await assertRejects(() => run("cluster export /a --port 1", {}), CommandError, "--port");
});

const BASE: ClusterComparison = {
  cluster: "main",
  directory: "/data",
  relation: "same",
  epoch: 3,
  own: { first: 10, last: 20 },
  log: { first: 5, last: 20 },
};

for (
  const [change, code, sentence] of [
    [{}, 0, "they are the same\n"],
    [{ log: { first: 5, last: 23 } }, 0, "they are the same; 3 more are in the log"],
    [
      { log: { first: 5, last: 23 }, user: "process 5" },
      0,
      "3 more are in the log, and are read by",
    ],
    [{ relation: "shorter", log: { first: 5, last: 18 } }, 4, "the log has lost 2"],
    [{ relation: "different", at: 14 }, 4, "they differ from record 14 on"],
    [{ relation: "stranger", at: 10 }, 4, "they have no record in common"],
    [{ relation: "removed" }, 0, "the log has removed all of these"],
    [
      { fault: "record 20: its bytes are missing" },
      0,
      "/data: record 20: its bytes are missing; a",
    ],
    [{ user: "process 5" }, 0, "process 5 is using /data"],
  ] as const
) {
  Deno.test(`cluster verify: ${sentence.trim()}`, async () => {
    const compare = () => Promise.resolve({ ...BASE, ...change } as ClusterComparison);
    const found = await run("cluster verify", { compare });
    assertEquals(found.code, code);
    assertStringIncludes(found.text, sentence);
    assertStringIncludes(found.text, "/data: records 10 to 20, epoch 3\n");
    const json = await run("cluster verify --json", { compare });
    assertEquals(JSON.parse(json.text), { ...BASE, ...change });
  });
}

Deno.test("cluster verify: a directory without a record reads all of the log", async () => {
  const { own: _, ...bare } = BASE;
  const compare = () => Promise.resolve({ ...bare, relation: "empty" } as ClusterComparison);
  const { code, text } = await run("cluster verify", { compare });
  assertEquals(code, 0);
  assertStringIncludes(text, "/data: no record\n");
});
