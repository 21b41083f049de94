/**
 * Fills what a broker keeps on purpose, up to a bound: compiled patterns that nobody uses any more, and the last
 * events. What grows after that is a leak.
 *
 * @module
 */

import { assertInstanceOf } from "@std/assert";
import { connect, type Cursor } from "../../../client.ts";
import type { Place } from "./place.ts";

/** So many patterns are kept, and some more. */
const PATTERNS = 80;

/** So many connections come and go until the list of events is full: each makes two. */
const CONNECTIONS = 520;

/** How many of them are open at a time. */
const AT_ONCE = 8;

/** Fills it. */
export async function prime(place: Place): Promise<void> {
  await using connection = await place.connect({ name: "prime" });
  const cursor = connection.cursor();
  const stream = "told-alpha-prime";
  await cursor.createStream(stream);
  for (let number = 0; number < PATTERNS; number++) {
    // As long as those that the visitors have.
    const bind = new RegExp(`^told-(alpha|beta|${String(number).padStart(6, "x")})-prime$`);
    const publisher = connection.publisher(bind);
    await publisher.sendMessage(number);
    await publisher.close();
  }
  await cursor.deleteStream(stream);
  if (place.token !== undefined) await primeStrangers(place, cursor);
  let left = CONNECTIONS;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await (await place.connect({ name: "prime" })).close();
  }));
}

/** Strangers, too, have a list of their closed streams for replies, whenever one of them asks for the first time. */
async function primeStrangers(place: Place, cursor: Cursor): Promise<void> {
  const stream = "x.prime";
  await cursor.createStream(stream);
  const { broker: { port }, ca } = place;
  const tls = ca === undefined ? {} : { tls: { ca } };
  await using stranger = await connect({ hostname: "localhost", port, ...tls, name: "prime" });
  const error = await stranger.publisher(stream).request(0, { timeoutMs: 1 }).catch((error) =>
    error
  );
  assertInstanceOf(error, Error);
  await cursor.deleteStream(stream);
}
