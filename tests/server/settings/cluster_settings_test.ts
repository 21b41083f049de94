// Settings of a cluster: what it cannot do without, and what means nothing without it.

import { resolveSettings } from "../../../src/server/settings/load_settings.ts";
import { type PartialSettings, SettingsError } from "../../../src/server/settings/settings.ts";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { load, mistakesOf } from "./world.ts";

const MONITORING = "http://n1:8222,http://n2:8222,http://n3:8222";
const complete = { name: "shop", id: "a", address: "broker-a:9090", nats: "n1:4222" };
const watched = { ...complete, monitoring: MONITORING };

type Cluster = NonNullable<PartialSettings["cluster"]>;

const wrong: [what: string, settings: PartialSettings, mistakes: string[]][] = [
  ["a cluster without anything", { storage: { engine: "cluster" } }, [
    'setting "cluster.name" by default: found nothing, allowed 1 to 32 letters, digits, - and _, ' +
    'with "storage.engine" "cluster"',
    'setting "cluster.id" by default: found nothing, allowed 1 to 32 letters, digits, - and _, ' +
    'with "storage.engine" "cluster"',
    'setting "cluster.address" by default: found nothing, allowed a host and a port, such as ' +
    'broker-a:9090, with "storage.engine" "cluster"',
    'setting "cluster.nats" by default: found nothing, allowed up to 16 addresses such as ' +
    'nats-1:4222, separated by commas, with "storage.engine" "cluster"',
    'setting "cluster.monitoring" by default: found 0 addresses, allowed one for each node, at ' +
    'least "cluster.replicas", which is 3; with "cluster.requireSync" false, none is needed',
  ]],
  ["a name without the engine", { cluster: { name: "shop" } }, [
    'setting "cluster.name": found "shop" with "storage.engine" "journal", allowed only with ' +
    '"cluster"',
  ]],
  ...([
    ["a name of other characters", { name: "shop.eu" }, [
      'setting "cluster.name": found "shop.eu", allowed 1 to 32 letters, digits, - and _',
    ]],
    ["an id that is too long", { id: "a".repeat(33) }, [
      `setting "cluster.id": found "${"a".repeat(33)}", allowed 1 to 32 letters, digits, - and _`,
    ]],
    ["an address without a port", { address: "broker-a" }, [
      'setting "cluster.address": found "broker-a", allowed a host and a port, such as ' +
      "broker-a:9090",
    ]],
    ["nodes with another scheme", { nats: "http://n1:4222" }, [
      'setting "cluster.nats": found "http://n1:4222", allowed up to 16 addresses such as ' +
      "nats-1:4222, separated by commas",
    ]],
    ["monitoring addresses without a scheme", { monitoring: "n1:8222" }, [
      'setting "cluster.monitoring": found "n1:8222", allowed up to 16 addresses such as ' +
      "http://nats-1:8222, separated by commas",
    ]],
    ["fewer monitoring addresses than replicas", { monitoring: "http://n1:8222" }, [
      'setting "cluster.monitoring": found 1 addresses, allowed one for each node, at least ' +
      '"cluster.replicas", which is 3; with "cluster.requireSync" false, none is needed',
    ]],
    ["a user without a password", { user: "smq" }, [
      'setting "cluster.user": found "smq" without "cluster.passwordFile", allowed only with it',
    ]],
    ["a certificate without a key", { tlsCertificate: "a.pem" }, [
      'setting "cluster.tlsCertificate": found "a.pem" without "cluster.tlsKey", allowed only ' +
      "with it",
    ]],
    ["two ways to log in", { credentials: "a.creds", natsTokenFile: "token" }, [
      'setting "cluster.credentials": found it together with "cluster.natsTokenFile", allowed ' +
      "one of them",
    ]],
    ["a lease that is too short", { leaseMs: 100 }, [
      'setting "cluster.leaseMs": found 100, allowed 500 to 60000',
    ]],
  ] satisfies [string, Cluster, string[]][]).map((
    [what, cluster, mistakes],
  ): [string, PartialSettings, string[]] => [
    what,
    { storage: { engine: "cluster" }, cluster: { ...watched, ...cluster } },
    mistakes,
  ]),
];

for (const [what, settings, mistakes] of wrong) {
  Deno.test(`settings of a cluster are refused: ${what}`, () => {
    const error = assertThrows(() => resolveSettings(settings), RangeError);
    assertInstanceOf(error.cause, SettingsError);
    assertEquals(error.cause.mistakes, mistakes);
  });
}

Deno.test("settings of a cluster are named by their keys, with where they are from", async () => {
  const env = { SIMPLEMQ_STORAGE_ENGINE: "cluster", SIMPLEMQ_CLUSTER_NAME: "shop" };
  const files = {
    "./settings.yaml": "cluster: {id: a, nats: '[::1]:4222, n2:4222', require_sync: false}",
  };
  assertEquals(await mistakesOf({ env, files }), [
    'setting "cluster.address" by default: found nothing, allowed a host and a port, such as ' +
    'broker-a:9090, with "storage.engine" "cluster"',
  ]);
});

Deno.test("without a check of flushes, no monitoring address is needed", () => {
  const { cluster } = resolveSettings({
    storage: { engine: "cluster" },
    cluster: { ...complete, requireSync: false },
  });
  assertEquals([cluster.monitoring, cluster.replicas, cluster.leaseMs], ["", 3, 2000]);
});

Deno.test("in a cluster, heartbeats follow the lease, unless somebody has chosen them", async () => {
  const storage = { engine: "cluster" } as const;
  const beats = ({ heartbeatMs, heartbeatTimeoutMs }: ReturnType<typeof resolveSettings>) => [
    heartbeatMs,
    heartbeatTimeoutMs,
  ];
  assertEquals(beats(resolveSettings({ storage, cluster: watched })), [500, 2000]);
  const longer = { ...watched, leaseMs: 5000 };
  assertEquals(beats(resolveSettings({ storage, cluster: longer })), [1250, 5000]);
  const chosen = { storage, cluster: watched, heartbeatMs: 100 };
  assertEquals(beats(resolveSettings(chosen)), [100, 2000]);
  assertEquals(beats(resolveSettings({})), [15_000, 40_000]);
  // A file may just list the defaults.
  const defaults = await Deno.readTextFile(new URL("../../../settings.yaml", import.meta.url));
  const text = defaults.replace("engine: journal", "engine: cluster").replace(
    /^cluster:$.*?^$/ms,
    `cluster: ${JSON.stringify({ ...complete, "require_sync": false })}\n`,
  );
  const { settings } = await load({ files: { "./settings.yaml": text } });
  assertEquals(beats(settings), [500, 2000]);
});
