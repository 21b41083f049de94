/**
 * Publisher and follower in one process: how many messages pass in a second.
 *
 * @module
 */

import process from "node:process";
import { connect } from "@simplemq/simplemq";
import { print, readArgument, using } from "./cases.ts";

/** What is measured. */
interface Work {
  readonly port: number;
  readonly stream: string;
  readonly count: number;
  readonly batch: number;
}

const { port, stream, count, batch } = readArgument<Work>();

await using(connect({ port }), async (connection) => {
  const cursor = connection.cursor();
  await cursor.createStream(stream);
  const body = "x".repeat(100);
  const bodies = Array.from({ length: batch }, () => body);
  const publisher = connection.publisher(stream);
  const pass = async (total: number) => {
    const publishing = (async () => {
      for (let sent = 0; sent < total; sent += batch) await publisher.sendMessages(bodies);
    })();
    let taken = 0;
    const follower = connection.follower(stream);
    for await (const message of follower.getMessages()) {
      follower.ackMessage(message);
      if (++taken >= total) break;
    }
    await publishing;
  };
  // Compilers need some rounds.
  await pass(Math.ceil(count / 4 / batch) * batch);
  const before = performance.now();
  const cpu = process.cpuUsage();
  const total = Math.ceil(count / batch) * batch;
  await pass(total);
  const { user, system } = process.cpuUsage(cpu);
  const rate = total / (performance.now() - before) * 1000;
  print(JSON.stringify({ rate, cpuMicros: (user + system) / total }));
  await cursor.deleteStream(stream);
});
