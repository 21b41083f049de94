/**
 * What looks after the links and the disk, by the time of this machine: those are real in any case.
 *
 * @module
 */

import { systemClock } from "../../transport/clock.ts";
import type { SessionContext } from "../flow/session_context.ts";
import type { Settings } from "../settings/settings.ts";
import { Ticker } from "./ticker.ts";

/** Links are looked after so often at least, in milliseconds. */
const SWEEP_MS_MAX = 1000;

/** Begins to look after the links and the disk. */
export function startCaretaker(settings: Settings, context: SessionContext): Ticker {
  const { engine, heartbeat, receivingRoom, lineRoom } = context;
  const intervalMs = findSweepInterval(settings);
  let sweepAt = -Infinity;
  return new Ticker({
    clock: systemClock,
    tick: (now) => {
      // A disk may have to be looked at more often than links.
      if (now >= sweepAt) {
        heartbeat.sweep(now, intervalMs);
        receivingRoom.sweep(now);
        lineRoom.sweep(now);
        sweepAt = now + intervalMs;
      }
      return Math.min(engine.tend(now), sweepAt);
    },
    intervalMs,
  });
}

/** Links are looked after several times within the shortest time that may pass. */
function findSweepInterval(settings: Settings): number {
  const { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs, handshakeTimeoutMs } = settings;
  const shortest = Math.min(
    heartbeatMs,
    heartbeatTimeoutMs,
    slowReaderTimeoutMs,
    handshakeTimeoutMs,
  );
  const { engine, sync, syncIntervalMs } = settings.storage;
  const flushMs = engine === "journal" && sync === "interval" ? syncIntervalMs : Infinity;
  return Math.max(1, Math.min(SWEEP_MS_MAX, shortest / 4, flushMs));
}
