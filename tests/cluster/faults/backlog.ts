import { connect } from "../../../client.ts";

/** How many messages wait. */
export const BACKLOG = 1_000_000;

/** The stream in which they wait; nobody follows it. */
const STREAM = "waiting";

/** Bytes of a message, and messages of a call. */
const BYTES = 100;
const BATCH = 2000;

/** So many calls are not awaited. */
const CALLS_MAX = 8;

/** Fills a stream with messages that wait for nobody. */
export async function fillBacklog(servers: readonly string[]): Promise<void> {
  await using connection = await connect({ servers, waitForBroker: true });
  await connection.cursor().createStream(STREAM);
  const publisher = connection.publisher(STREAM);
  const bodies = Array.from({ length: BATCH }, () => "x".repeat(BYTES));
  const open = new Set<Promise<unknown>>();
  for (let sent = 0; sent < BACKLOG; sent += BATCH) {
    const sending: Promise<unknown> = publisher.sendMessages(bodies)
      .finally(() => open.delete(sending));
    open.add(sending);
    while (open.size >= CALLS_MAX) await Promise.race(open);
  }
  await Promise.all(open);
}

/** How many messages wait. */
export async function countBacklog(servers: readonly string[]): Promise<number> {
  await using connection = await connect({ servers, waitForBroker: true });
  return (await connection.cursor().getStream(STREAM)).ready;
}

/** Lets nothing wait any more. */
export async function dropBacklog(servers: readonly string[]): Promise<void> {
  await using connection = await connect({ servers, waitForBroker: true });
  await connection.cursor().deleteStream(STREAM);
}
