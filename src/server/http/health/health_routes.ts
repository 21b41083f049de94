import { writeJson } from "../http_problem.ts";
import type { HttpRoute } from "../http_route.ts";

/** Where the broker tells that it lives. */
export const LIVE_PATH = "/livez";

/** Where the broker tells whether it serves. */
export const READY_PATH = "/readyz";

/**
 * Whether the broker lives and serves, for those who restart it or send it clients. No credential is needed,
 * and any name of this machine will do: probes call it by its address, or by one of their own.
 */
export const HEALTH_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: LIVE_PATH,
    need: "nothing",
    anyHost: true,
    // That it answers is all: whatever else is looked at here would restart brokers that work.
    handle: writeLive,
  },
  {
    method: "GET",
    path: READY_PATH,
    need: "nothing",
    anyHost: true,
    handle: ({ parts: { management } }) => {
      const reasons = management.findProblems();
      const isReady = reasons.length === 0;
      return writeJson({ ready: isReady, reasons }, isReady ? 200 : 503);
    },
  },
];

/** The answer of a process that lives. */
export function writeLive(): Response {
  const bytes = new TextEncoder().encode("live\n");
  const headers = {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(bytes.length),
  };
  return new Response(bytes, { headers });
}
