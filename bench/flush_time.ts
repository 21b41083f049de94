/**
 * What a receipt takes beside what the disk takes for one write and one flush: nothing durable can be
 * faster, one at a time.
 *
 * @module
 */

import type { Connection } from "@simplemq/simplemq";

/** As many bytes as the journal writes for a message of 100 bytes. */
const WRITE_BYTES = 216;

/** Times in milliseconds, of one and the other in turn. */
export interface FlushTimes {
  /** Of a write with a flush at the end of a file. */
  readonly flushMs: number[];
  /** Of a message with 100 bytes, from the call to its receipt. */
  readonly receiptMs: number[];
}

let streamCount = 0;

/**
 * Writes and flushes, then sends a message and awaits its receipt, in turn, so that what disturbs one
 * disturbs the other.
 *
 * @param connection A connection to a broker with a journal.
 * @param directory Where to write: on the journal's disk.
 * @param count How often.
 */
export async function measureFlushes(
  connection: Connection,
  directory: string,
  count: number,
): Promise<FlushTimes> {
  const stream = `flush-${++streamCount}`;
  const cursor = connection.cursor();
  await cursor.createStream(stream);
  const publisher = connection.publisher(stream);
  const path = await Deno.makeTempFile({ dir: directory });
  const times: FlushTimes = { flushMs: [], receiptMs: [] };
  {
    using file = await Deno.open(path, { write: true });
    const bytes = new Uint8Array(WRITE_BYTES).fill(1);
    const body = new Uint8Array(100);
    for (let index = 0; index < count; index++) {
      times.flushMs.push(
        await time(async () => {
          file.writeSync(bytes);
          await file.syncData();
        }),
      );
      times.receiptMs.push(await time(() => publisher.sendMessage(body)));
    }
  }
  await Deno.remove(path);
  await publisher.close();
  await cursor.deleteStream(stream);
  return times;
}

async function time(act: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await act();
  return performance.now() - begin;
}
