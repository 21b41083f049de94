/**
 * What a program may say when it runs a broker inside itself: settings, and what no file could say.
 *
 * @module
 */

import { type Clock, systemClock } from "../../transport/clock.ts";
import { type PartialSettings, resolveSettings, type Settings } from "./settings.ts";
import { describe, isPlainObject } from "./settings_draft.ts";

/** What `serve` takes: settings, and the clock. */
export interface ServeOptions extends PartialSettings {
  /**
   * The time that messages go by, and the timeouts of requests over `broker.connect()`. With a `VirtualClock` nothing has to be waited for in tests.
   *
   * All else of connections, and the disk, always go by the time of this machine: a client stays connected, however
   * far a clock is advanced.
   *
   * @default {the system's}
   */
  readonly clock?: Clock;
}

/** What was said, complete. */
export interface ResolvedServeOptions {
  /** All settings. */
  readonly settings: Settings;
  /** The clock. */
  readonly clock: Clock;
}

/**
 * Completes and checks what a program says.
 *
 * @param options What it says.
 * @returns All settings, and the clock.
 * @throws {TypeError | RangeError} If something is not allowed; see {@linkcode resolveSettings}.
 */
export function resolveServeOptions(options: ServeOptions): ResolvedServeOptions {
  // Whatever else a program without types may give, the settings tell what is wrong with it.
  if (!isPlainObject(options)) return { settings: resolveSettings(options), clock: systemClock };
  const { clock = systemClock, ...rest } = options as ServeOptions;
  if (!isClock(clock)) {
    throw new TypeError(
      `Cannot start: clock is ${describe(clock)}, allowed a clock, such as new VirtualClock()`,
    );
  }
  return { settings: resolveSettings(rest), clock };
}

function isClock(value: unknown): value is Clock {
  if (typeof value !== "object" || value === null) return false;
  const { now, setTimer } = value as Partial<Clock>;
  return typeof now === "function" && typeof setTimer === "function";
}
