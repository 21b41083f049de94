/**
 * Fills what a broker keeps on purpose, up to a bound: compiled patterns that nobody uses any more, and the last
 * events. What grows after that is a leak.
 *
 * @module
 */

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
  let left = CONNECTIONS;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await (await place.connect({ name: "prime" })).close();
  }));
}
