/**
 * How often the bytes of a body are copied on their way through a broker: counted, so that no copy comes back.
 *
 * @module
 */

import { assert, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { countBodyCopies } from "../../../bench/bytes/copies.ts";
import type { Copies } from "../../../bench/bytes/copy_counter.ts";

/** The copies in places whose names have a match. */
function sum(copies: Copies, pattern: RegExp): number {
  let sum = 0;
  for (const [place, count] of copies) if (pattern.test(place)) sum += count;
  return sum;
}

/** A buffer that grows for a body copies what has come: an eighth, and more for the first one. */
const GROWTH_MAX = 0.3;

for (const [size, bytes] of [["64 KiB", 65_536], ["1 MiB", 1_048_576]] as const) {
  Deno.test(`a body of ${size} is copied once by a follower and for it, twice by a publisher and when it is stored`, async () => {
    const copies = await countBodyCopies(bytes, 10);
    const said = JSON.stringify([...copies]);
    const sides = [
      { side: /outgoing/, most: 2.01 },
      { side: /client\/(?!outgoing)/, most: 1.01 + GROWTH_MAX },
      { side: /session_follower/, most: 1.01 },
      { side: /^(engine|broker)|frames\/session\.ts/, most: 2.01 + GROWTH_MAX },
    ];
    for (const { side, most } of sides) {
      assertLessOrEqual(sum(copies, side), most, said);
      // Each of them has at least one: otherwise nothing is counted.
      assertGreaterOrEqual(sum(copies, side), 0.99, said);
    }
    assert(
      Math.abs(sum(copies, /./) - sides.reduce((all, one) => all + sum(copies, one.side), 0)) <
        0.01,
      said,
    );
  });
}
