import type { Connection } from "@simplemq/simplemq";
import { DiskProbe } from "../harness/process/disk_probe.ts";

/** Times in milliseconds, of one and the other in turn. */
export interface ReceiptTimes {
  /** Of a write with a flush at the end of a file. */
  readonly flushMs: readonly number[];
  /** Of a message with 100 bytes, from the call to its receipt. */
  readonly receiptMs: readonly number[];
}

let streamCount = 0;

/**
 * Writes and flushes, then sends a message and awaits its receipt, in turn, so that what disturbs one
 * disturbs the other: nothing durable can be faster than the disk, one at a time.
 *
 * @param connection A connection to a broker with a journal.
 * @param directory Where to write: on the journal's disk.
 * @param count How often.
 */
export async function measureReceipts(
  connection: Connection,
  directory: string,
  count: number,
): Promise<ReceiptTimes> {
  const stream = `receipts-${++streamCount}`;
  const cursor = connection.cursor();
  await cursor.createStream(stream);
  await using disk = await DiskProbe.open(directory);
  const receiptMs: number[] = [];
  {
    await using publisher = connection.publisher(stream);
    const body = new Uint8Array(100);
    while (receiptMs.length < count) {
      disk.measure(1);
      const begin = performance.now();
      await publisher.sendMessage(body);
      receiptMs.push(performance.now() - begin);
    }
  }
  await cursor.deleteStream(stream);
  return { flushMs: disk.times, receiptMs };
}
