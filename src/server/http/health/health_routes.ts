import { HttpProblem, writeJson } from "../http_problem.ts";
import type { HttpRoute } from "../http_route.ts";

/** Where the broker tells that it lives. */
export const LIVE_PATH = "/livez";

/**
 * Where the broker tells whether it serves. A standby that follows is ready, since it can take over; with
 * `?role=active` only the broker is that serves clients: for load balancers.
 */
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
    handle: ({ url, parts: { management, seat } }) => {
      const wanted = readRole(url);
      const role = seat?.seat.role;
      const reasons = management.findProblems();
      if (wanted !== null && wanted !== (role ?? "active")) {
        reasons.push(`this broker is ${wanted === "active" ? "a standby" : "the active one"}`);
      }
      const isReady = reasons.length === 0;
      return writeJson({ ready: isReady, reasons, role }, isReady ? 200 : 503);
    },
  },
];

/** The role that the broker must have to be ready; a broker without a cluster is active. */
function readRole({ searchParams }: URL): string | null {
  const wanted = searchParams.get("role");
  if (wanted === null || wanted === "active" || wanted === "standby") return wanted;
  const found = JSON.stringify(wanted.slice(0, 100));
  const message =
    `Cannot tell whether the broker is ready: role: found ${found}, allowed active, ` +
    "standby";
  throw new HttpProblem(400, "BAD_REQUEST", message);
}

/** The answer of a process that lives. */
export function writeLive(): Response {
  const bytes = new TextEncoder().encode("live\n");
  const headers = {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(bytes.length),
  };
  return new Response(bytes, { headers });
}
