import { type Clock, systemClock } from "../../transport/clock.ts";
import { resolveSettings } from "./load_settings.ts";
import type { PartialSettings, Settings } from "./settings.ts";
import { describe, isPlainObject } from "./found_value.ts";

/** What `serve` takes: settings, and the clock. */
export interface ServeOptions extends PartialSettings {
  /**
   * The clock for all times of messages, and for the `timeoutMs` of publishers and requests over
   * `broker.connect()`. With a `VirtualClock`, tests need not wait for them.
   *
   * Connections, the disk and the client's other waiting always go by real time: a client stays
   * connected, however far a clock is advanced. Default: the system's clock.
   */
  readonly clock?: Clock;
}

/** Completes and checks the options of `serve`; throws like {@linkcode resolveSettings}. */
export function resolveServeOptions(
  options: ServeOptions,
): { readonly settings: Settings; readonly clock: Clock } {
  // A program without types may pass anything; `resolveSettings` reports it.
  if (!isPlainObject(options)) return { settings: resolveSettings(options), clock: systemClock };
  const { clock = systemClock, users = "", http = false, ...rest } = options as ServeOptions;
  if (!isClock(clock)) {
    throw new TypeError(
      `Cannot start: clock is ${describe(clock)}, allowed a clock, such as new VirtualClock()`,
    );
  }
  return { settings: resolveSettings({ ...rest, users, http }), clock };
}

function isClock(value: unknown): value is Clock {
  if (typeof value !== "object" || value === null) return false;
  const { now, setTimer } = value as Partial<Clock>;
  return typeof now === "function" && typeof setTimer === "function";
}
