/**
 * How long clients pause before they come back.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Backoff } from "../../../src/client/uplink/backoff.ts";
import { withRandom } from "../support.ts";

/** Notes how long the next pauses of a backoff are, and lets none of them be waited for. */
async function listPauses(
  backoff: Backoff,
  count: number,
  leastMs?: number,
): Promise<number[]> {
  const { setTimeout } = globalThis;
  const pauses: number[] = [];
  // deno-lint-ignore no-explicit-any
  (globalThis as any).setTimeout = (action: () => void, ms: number) => {
    pauses.push(ms);
    return setTimeout(action, 0);
  };
  try {
    for (let index = 0; index < count; index++) await backoff.pause(undefined, leastMs);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return pauses;
}

Deno.test("Backoff: every pause is between nothing and a limit that doubles up to 10 s", async () => {
  const limits = [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000];
  for (const share of [0, 0.25, 0.5]) {
    await withRandom(share, async () => {
      const pauses = await listPauses(new Backoff(), limits.length);
      assertEquals(pauses, limits.map((limit) => limit * share));
    });
  }
});

Deno.test("Backoff: a least time comes before the random one, which is as long at most", async () => {
  for (const share of [0, 0.5]) {
    await withRandom(share, async () => {
      const backoff = new Backoff();
      assertEquals(await listPauses(backoff, 1, 1000), [1000 + 1000 * share]);
      assertEquals(await listPauses(backoff, 1), [200 * share]);
    });
  }
});

Deno.test("Backoff: reset() begins with the shortest limit again", async () => {
  await withRandom(0.5, async () => {
    const backoff = new Backoff();
    await listPauses(backoff, 5);
    backoff.reset();
    assertEquals(await listPauses(backoff, 2), [50, 100]);
  });
});
