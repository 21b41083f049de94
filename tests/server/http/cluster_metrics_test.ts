/**
 * What the metrics tell of a cluster, on an active broker and on a standby.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ACTIVE, STANDBY, statusOf, TestSeat } from "../../support/cluster/test_seat.ts";
import { serveSeated } from "../../support/cluster/seated_broker.ts";

const MEMORY = { storage: { engine: "memory" } } as const;

Deno.test("the active broker's metrics tell of its cluster, and of each standby", async () => {
  const gone = { ...STANDBY, id: "gone", heardMs: 60_000, lagMs: 60_000, lagRecords: 900 };
  const behind = { ...STANDBY, id: "c", lagRecords: 12, lagMs: 2500 };
  const seat = new TestSeat(statusOf({ brokers: [ACTIVE, STANDBY, behind, gone] }));
  await using broker = await serveSeated(seat, MEMORY);
  const read = async () => await (await fetch(`${originOf(broker)}/metrics`)).text();
  const lines = (await read()).split("\n").filter((line) => line.startsWith("simplemq_cluster"));
  assertEquals(lines, [
    'simplemq_cluster_role{cluster="main",role="active"} 1',
    'simplemq_cluster_role{cluster="main",role="standby"} 0',
    'simplemq_cluster_serving{cluster="main"} 1',
    'simplemq_cluster_epoch{cluster="main"} 3',
    'simplemq_cluster_lease_seconds{cluster="main"} 2',
    'simplemq_cluster_standbys{cluster="main"} 2',
    'simplemq_cluster_lag_records{cluster="main",broker="b"} 0',
    'simplemq_cluster_lag_records{cluster="main",broker="c"} 12',
    'simplemq_cluster_lag_seconds{cluster="main",broker="b"} 0',
    'simplemq_cluster_lag_seconds{cluster="main",broker="c"} 2.5',
    'simplemq_cluster_append_age_seconds{cluster="main"} 0.18',
    'simplemq_cluster_log_records_total{cluster="main"} 4711',
    'simplemq_cluster_log_bytes{cluster="main"} 50000000',
    'simplemq_cluster_log_limit_bytes{cluster="main"} 200000000',
    'simplemq_cluster_log_replicas{cluster="main"} 3',
    'simplemq_cluster_reelections_total{cluster="main"} 1',
    'simplemq_cluster_problems{cluster="main"} 0',
  ]);
});

Deno.test("a standby tells of itself and of no streams: a sum over brokers counts them once", async () => {
  const problems = ['The users of broker "b" differ from those here.'];
  const status = statusOf({ id: "b", role: "standby", serving: false, problems });
  const { logBytesMax: _, leader: __, replicas: ___, ...bare } = status;
  await using broker = await serveSeated(new TestSeat(bare), MEMORY);
  const text = await (await fetch(`${originOf(broker)}/metrics`)).text();
  assert(!text.includes("simplemq_ready_messages"));
  assert(!/^simplemq_streams /m.test(text));
  for (
    const line of [
      'simplemq_cluster_role{cluster="main",role="standby"} 1',
      'simplemq_cluster_serving{cluster="main"} 0',
      'simplemq_cluster_problems{cluster="main"} 1',
    ]
  ) assert(text.includes(`${line}\n`), line);
  for (const name of ["log_limit_bytes", "log_replicas"]) {
    assert(!text.includes(`simplemq_cluster_${name}`), name);
  }
  const streams = await (await fetch(`${originOf(broker)}/metrics/streams`)).text();
  assertEquals(streams.match(/^simplemq_.*/gm), ["simplemq_streams_omitted 0"]);
});

function originOf({ http }: { readonly http: { readonly port: number } | undefined }): string {
  return `http://localhost:${http!.port}`;
}
