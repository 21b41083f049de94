import { BrokerProcess } from "../harness/broker_process.ts";
import { repeat } from "../harness/frame/main.ts";
import { summarise } from "../harness/statistics.ts";
import { formatColumns } from "../harness/table.ts";
import { measureIdleConnection } from "../work/idle.ts";
import { OPTIONS_VARIABLE } from "./client.ts";
import { alternate, type ByName, gather } from "./comparison.ts";
import type { DoorName, Gate } from "./gate.ts";
import type { TlsScale } from "./scale.ts";

const CLIENT = new URL("./client.ts", import.meta.url);

const DOORS: readonly DoorName[] = ["plain", "users", "TLS"];

/** Measures the memory of an idle connection at each door, in turn; returns the report. */
export async function measureMemory(
  gate: Gate,
  { idle, brokers, settleMs }: TlsScale,
): Promise<string> {
  const order = alternate(gate.find(...DOORS));
  const rounds = await repeat("idle connections", brokers, async () => {
    const bytes: Record<string, number> = {};
    for (const door of order()) {
      await using broker = await BrokerProcess.start("memory", undefined, {}, door);
      const { pid, port } = broker;
      const env = { [OPTIONS_VARIABLE]: JSON.stringify(door.options) };
      const host = { clientUrl: CLIENT.href, pid, port, env };
      bytes[door.name] =
        (await broker.during(measureIdleConnection(host, idle, undefined, settleMs)))!;
    }
    return [bytes];
  });
  return format(gather(rounds, 0), idle);
}

function format(found: ByName<number>, idle: number): string {
  return formatColumns([`each of ${idle} idle ones, broker's memory, kB`], [
    ["connections", (what) => what],
    ...Object.entries(found).map(([door, bytes]) =>
      [door, () => summarise(bytes).median / 1000, 1] as const
    ),
  ]);
}
