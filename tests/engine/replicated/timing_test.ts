import { assert, assertEquals } from "@std/assert";
import { SYSTEM_TIMING } from "../../../src/engine/replicated/timing.ts";

Deno.test("time does not go back when somebody sets the date, and a wait ends", async () => {
  const { now } = Date;
  const begin = SYSTEM_TIMING.now();
  try {
    Date.now = () => 0;
    await SYSTEM_TIMING.wait(1);
    assert(SYSTEM_TIMING.now() > begin);
  } finally {
    Date.now = now;
  }
});

Deno.test("a wait that is given up ends at once, and quietly", async () => {
  const aborting = new AbortController();
  const waits = [1, 2].map(() => SYSTEM_TIMING.wait(2 ** 30, aborting.signal));
  aborting.abort();
  assertEquals(await Promise.all(waits), [undefined, undefined]);
  await SYSTEM_TIMING.wait(2 ** 30, aborting.signal);
});
