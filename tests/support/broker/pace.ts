/**
 * How soon brokers of tests do what a person would wait for.
 *
 * @module
 */

import { LoginGuard } from "../../../src/server/access/login_guard.ts";
import { FileWatch } from "../../../src/server/file_watch.ts";

const usual = read();

function read() {
  const { delayMs, jitterMs } = LoginGuard;
  return { delayMs, jitterMs, intervalMs: FileWatch.intervalMs };
}

function set({ delayMs, jitterMs, intervalMs }: typeof usual): void {
  LoginGuard.delayMs = delayMs;
  LoginGuard.jitterMs = jitterMs;
  FileWatch.intervalMs = intervalMs;
}

/** Has brokers of this process look at files often, and refuse logins soon, from now on. */
export function hurry(): void {
  set({ delayMs: 100, jitterMs: 0, intervalMs: 50 });
}

/** Has brokers take the times that they have outside of tests, until it is disposed of. */
export function takeTime(): Disposable {
  const before = read();
  set(usual);
  return { [Symbol.dispose]: () => set(before) };
}
