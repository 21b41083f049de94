import type { Connection } from "@simplemq/simplemq";
import { watchForStall } from "../harness/stall.ts";
import { findQuantile } from "../harness/statistics.ts";

/** How many messages are delayed, and how fast they fall due. */
export interface DelayPlan {
  /** All of them. */
  readonly count: number;
  /** Those of them that fall due while it is measured. */
  readonly dueCount: number;
  /** How many of those fall due in a second. */
  readonly duePerSecond: number;
  /** So long before the first of those falls due, all of them are sent. */
  readonly leadMs: number;
  /** Tells how many bytes the broker's process occupies. */
  readonly measureBytes: () => number;
}

/** What delayed messages need, and how late they come when many fall due at the same time. */
export interface Delays {
  /** What a delayed message needs in memory, in bytes, its own 100 included. */
  readonly bytesEach: number;
  /** What the broker's process occupies with all of them, in bytes. */
  readonly bytes: number;
  /** How late half of the messages, 99 of 100, and the last one came at most, in milliseconds. */
  readonly latenessMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** A message is some bytes beside its body, which says when it is due. */
const BODY_LENGTH = 92;

/** After so many messages their confirms are awaited. */
const WINDOW = 20_000;

/** Most of them fall due an hour later, each at a moment of its own. */
const FAR_MS = 3_600_000;

const now = (): number => performance.timeOrigin + performance.now();

/** Sends delayed messages, and takes those that fall due. */
export async function measureDelays(connection: Connection, plan: DelayPlan): Promise<Delays> {
  const { count, dueCount, duePerSecond, leadMs, measureBytes } = plan;
  const stream = "delayed";
  await connection.cursor().createStream(stream);
  const before = measureBytes();
  const farFrom = now() + FAR_MS;
  await send(connection, stream, count - dueCount, (index) => Math.floor(farFrom + index));
  const bytes = measureBytes();
  const dueFrom = Math.ceil(now() + leadMs);
  const dueAt = (index: number) => Math.floor(dueFrom + index * 1000 / duePerSecond);
  await send(connection, stream, dueCount, dueAt);
  if (now() > dueFrom) throw new Error(`They were not all sent within ${leadMs} ms`);
  const late = await takeAll(connection, stream, dueCount);
  await connection.cursor().deleteStream(stream);
  return {
    bytes,
    bytesEach: (bytes - before) / (count - dueCount),
    latenessMs: {
      p50: findQuantile(late, 0.5),
      p99: findQuantile(late, 0.99),
      max: findQuantile(late, 1),
    },
  };
}

async function send(
  connection: Connection,
  stream: string,
  count: number,
  findDue: (index: number) => number,
): Promise<void> {
  await using publisher = connection.publisher(stream);
  for (let index = 0; index < count; index++) {
    const deliverAt = findDue(index);
    publisher.sendMessage(String(deliverAt).padEnd(BODY_LENGTH), { deliverAt });
    if (index % WINDOW === WINDOW - 1) await publisher.flush();
  }
  await publisher.flush();
}

async function takeAll(
  connection: Connection,
  stream: string,
  count: number,
): Promise<Float64Array> {
  await using follower = connection.follower<string>(stream);
  const late = new Float64Array(count);
  const seen = new Set<number>();
  const take = async () => {
    for await (const message of follower.getMessages()) {
      late[seen.size] = now() - Number(message.body);
      if (late[seen.size]! < 0) throw new Error("A message has come before its time");
      seen.add(message.id);
      message.ack();
      if (seen.size === count) break;
    }
  };
  await watchForStall(take(), () => seen.size);
  return late;
}
