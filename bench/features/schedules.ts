/**
 * Measures what schedules cost: many of them, each of which stores a message every second, and a follower
 * that acknowledges. How late messages are, and how much of a processor the broker takes.
 *
 * ```text
 * deno run -A bench/features/schedules.ts [--schedules 10000] [--seconds 10] [--quick]
 * ```
 *
 * @module
 */

import type { Connection, ScheduleOptions } from "@simplemq/simplemq";
import { BrokerProcess, ENGINES } from "../harness/broker_process.ts";
import { Arguments } from "../harness/frame/arguments.ts";
import { runMain } from "../harness/frame/main.ts";
import { print, tell } from "../harness/print.ts";
import { readCpuSeconds, readResidentBytes } from "../harness/process/process_meter.ts";
import { formatNumber } from "../harness/table.ts";

const TIMINGS: Readonly<Record<string, Pick<ScheduleOptions, "cron" | "timeZone" | "everyMs">>> = {
  "every second": { everyMs: 1000 },
  "cron, one expression": { cron: "* * * * * *", timeZone: "Europe/Berlin" },
};

/** Nothing where there is no `/proc`. */
const readBytes = ({ pid }: BrokerProcess) => readResidentBytes(pid) ?? NaN;
const readCpu = ({ pid }: BrokerProcess) => readCpuSeconds(pid) ?? NaN;

/** Puts schedules; returns how many in a second. */
async function putAll(
  connection: Connection,
  count: number,
  timing: (typeof TIMINGS)[string],
): Promise<number> {
  const cursor = connection.cursor();
  const start = performance.now();
  for (let first = 0; first < count; first += 10) {
    const some = Array.from({ length: Math.min(10, count - first) }, (_, index) => first + index);
    await Promise.all(some.map((number) =>
      cursor.putSchedule(`s${number}`, {
        stream: "work",
        body: { number },
        overlap: "allow",
        missed: "skip",
        ...timing,
      })
    ));
  }
  return count / (performance.now() - start) * 1000;
}

/** Takes messages for some seconds; returns how late each was stored. */
async function follow(connection: Connection, seconds: number): Promise<number[]> {
  const lateMs: number[] = [];
  const follower = connection.follower("work");
  const timer = setTimeout(() => void follower.close(), seconds * 1000);
  for await (const message of follower.getMessages()) {
    lateMs.push(message.storedAt! - Date.parse(message.headers.scheduledAt!));
    message.ack();
  }
  clearTimeout(timer);
  return lateMs;
}

if (import.meta.main) {
  await runMain(async () => {
    const flags = new Arguments(Deno.args, ["schedules", "seconds"], ["quick"]);
    const count = flags.readCount("schedules", flags.has("quick") ? 100 : 10_000);
    const seconds = flags.readCount("seconds", flags.has("quick") ? 2 : 10);
    print(`${formatNumber(count)} schedules that store a message each second:\n`);
    for (const engine of ENGINES) {
      for (const [name, timing] of Object.entries(TIMINGS)) {
        tell(`${engine}: ${name}`);
        await using broker = await BrokerProcess.start(engine);
        await using connection = await broker.connect();
        await connection.cursor().createStream("work");
        const before = readBytes(broker);
        // What it takes to have them, before any of them has stored something.
        const puts = await putAll(connection, count, { everyMs: 24 * 60 * 60 * 1000 });
        const bytes = (readBytes(broker) - before) / count;
        await putAll(connection, count, timing);
        await follow(connection, 2);
        const cpuBefore = readCpu(broker);
        const late = (await follow(connection, seconds)).sort((one, other) => one - other);
        const cpu = (readCpu(broker) - cpuBefore) / seconds;
        const at = (share: number) =>
          formatNumber(late[Math.floor((late.length - 1) * share)] ?? 0);
        print(
          `- ${engine}, ${name}: ${formatNumber(puts)} puts/s, ${
            formatNumber(bytes)
          } bytes each, ` +
            `${formatNumber(late.length / seconds)} messages/s, late by ${at(0.5)} ms (median), ` +
            `${at(0.99)} ms (99 %), ${at(1)} ms (most); ${
              formatNumber(100 * cpu)
            } % of a processor`,
        );
      }
    }
  });
}
