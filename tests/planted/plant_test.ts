/**
 * The bugs that are planted by `deno task test:planted` still have their places.
 *
 * @module
 */

import { assertNotEquals, assertThrows } from "@std/assert";
import { PLANTED_BUGS } from "./bugs.ts";
import { plant } from "./plant.ts";

const ROOT = new URL("../../", import.meta.url);

for (const bug of PLANTED_BUGS) {
  Deno.test(`plant() finds the place of a bug: ${bug.what}`, async () => {
    const source = await Deno.readTextFile(new URL(bug.file, ROOT));
    assertNotEquals(plant(source, bug), source);
  });
}

Deno.test("plant() refuses a bug without a place, or with several", () => {
  const bug = { what: "x", file: "y", from: "a", to: "b", found: [] };
  assertThrows(() => plant("none", bug), Error, '"x" has 0 places in y');
  assertThrows(() => plant("aa", bug), Error, '"x" has 2 places in y');
});
