import { systemClock } from "../../transport/clock.ts";
import type { SessionContext } from "../flow/session_context.ts";
import type { SessionTable } from "../front_door/session_table.ts";
import type { Settings } from "../settings/settings.ts";
import type { ServerParts } from "./broker_server.ts";
import { Ticker } from "./ticker.ts";

/** The longest interval between two sweeps of links, in milliseconds. */
const SWEEP_MS_MAX = 1000;

/** Starts what looks after links, logins and the disk, several times within the shortest timeout of a link. */
export function startCaretaker(
  { settings, users, tls, seat }: Pick<ServerParts, "settings" | "users" | "tls" | "seat">,
  context: SessionContext,
  sessions: SessionTable,
  sweepHttp: (now: number) => void,
): Ticker {
  const { engine, heartbeat, sessionLog, inputMemory, receivingRoom, lineRoom } = context;
  const { loginGuard, access, counters } = context;
  const intervalMs = findSweepInterval(settings);
  let sweepAt = -Infinity;
  return new Ticker({
    clock: systemClock,
    noteLag: (lateMs) => counters.eventLoopLag.observe(lateMs / 1000),
    tick: (now) => {
      // The disk may have to be tended more often than links.
      if (now >= sweepAt) {
        heartbeat.sweep(now, intervalMs);
        sessions.sweep();
        sweepHttp(now);
        tls?.sweep();
        sessionLog.sweep(now);
        inputMemory.sweep(now);
        receivingRoom.sweep(now);
        lineRoom.sweep(now);
        access.tick(now);
        // A lease that is over is not told.
        seat?.look();
        sweepAt = now + intervalMs;
      }
      const lookAt = Math.min(
        users?.tick(now) ?? Infinity,
        tls?.certificates.tend(now, Date.now()) ?? Infinity,
      );
      return Math.min(engine.tend(now), loginGuard.tick(now), lookAt, sweepAt);
    },
    intervalMs,
  });
}

/** The interval of sweeps: several within the shortest timeout of a link. */
function findSweepInterval(settings: Settings): number {
  const { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs, handshakeTimeoutMs } = settings;
  const shortestMs = Math.min(
    heartbeatMs,
    heartbeatTimeoutMs,
    slowReaderTimeoutMs,
    handshakeTimeoutMs,
  );
  const { engine, sync, syncIntervalMs } = settings.storage;
  const flushMs = engine === "journal" && sync === "interval" ? syncIntervalMs : Infinity;
  return Math.max(1, Math.min(SWEEP_MS_MAX, shortestMs / 4, flushMs));
}
