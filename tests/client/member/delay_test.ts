/** Waiting, and its end by a signal. */

import { assertEquals, assertRejects } from "@std/assert";
import { abortable } from "../../../src/client/member/abortable.ts";
import { delay } from "../../../src/client/member/delay.ts";

/** Timers that ring at once; notes what they were set to. */
async function listTimers(action: () => Promise<void>): Promise<number[]> {
  const { setTimeout } = globalThis;
  const waits: number[] = [];
  // deno-lint-ignore no-explicit-any
  (globalThis as any).setTimeout = (work: () => void, ms: number) => {
    waits.push(ms);
    return setTimeout(work, 0);
  };
  try {
    await action();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return waits;
}

Deno.test("a wait is as long as it was asked for, also beyond what a timer can hold", async () => {
  assertEquals(await listTimers(() => delay(12)), [12]);
  const month = 31 * 86_400_000;
  assertEquals(await listTimers(() => delay(month)), [2 ** 31 - 1, month - (2 ** 31 - 1)]);
});

Deno.test("a signal ends a wait, before it begins and in the middle", async () => {
  await assertRejects(() => delay(1e9, AbortSignal.abort(new Error("before"))), Error, "before");
  const giving = new AbortController();
  const waiting = delay(1e9, giving.signal);
  giving.abort(new Error("in the middle"));
  await assertRejects(() => waiting, Error, "in the middle");
});

Deno.test("a promise is waited for until a signal comes", async () => {
  const { signal } = new AbortController();
  assertEquals(await abortable(Promise.resolve(1), signal), 1);
  await assertRejects(() => abortable(Promise.reject(new Error("own")), signal), Error, "own");
  const giving = new AbortController();
  const waiting = abortable(new Promise<void>(() => {}), giving.signal);
  giving.abort(new Error("over"));
  await assertRejects(() => waiting, Error, "over");
  await assertRejects(() => abortable(Promise.resolve(1), AbortSignal.abort("gone")));
});
