/**
 * Why messages that are not valid are dead.
 *
 * @module
 */

import type { Connection } from "@simplemq/simplemq";
import { until } from "../../support/broker/broker.ts";

/** Waits for so many dead letters; resolves to their last reasons. */
export async function readReasons(
  connection: Connection,
  stream: string,
  count: number,
): Promise<unknown[]> {
  const dead = `${stream}.dead`;
  await until(`${count} dead letters`, async () => {
    const streams = await connection.cursor().getStreams();
    return streams.find(({ name }) => name === dead)?.ready === count;
  });
  const messages = await connection.cursor().peek(dead);
  return messages.map(({ deadLetter }) => [deadLetter?.cause, deadLetter?.reasons.at(-1)]);
}
