import type { ClusterSeat } from "../../../../broker/engine.ts";
import { refuse } from "../../../access/refusal.ts";
import { HttpProblem, writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody } from "../page_input.ts";

/** The largest body of a request, in bytes. */
const BODY_BYTES_MAX = 4096;

/** The routes of the cluster; standbys answer them, too. */
export function makeClusterRoutes(): HttpRoute[] {
  return [
    { method: "GET", path: "/api/cluster", need: "session", handle: tellCluster },
    {
      method: "POST",
      path: "/api/cluster/handover",
      need: "session",
      bodyBytesMax: BODY_BYTES_MAX,
      handle: handOver,
    },
  ];
}

function tellCluster(request: HttpRequest): Response {
  return writeJson(requireCluster(request, "describe the cluster").describe());
}

async function handOver(request: HttpRequest): Promise<Response> {
  const seat = requireCluster(request, "hand the lead over");
  await readBody(request, {});
  const { user, parts: { access: { audit } } } = request;
  if (!user.permissions.isAdmin) {
    const action = "hand the lead over";
    throw refuse(audit, user, { verb: "admin", action, permission: "administer the broker" });
  }
  await seat.handOver();
  return writeJson(seat.active === undefined ? {} : { active: seat.active });
}

function requireCluster(
  { parts: { engine: { cluster } } }: HttpRequest,
  action: string,
): ClusterSeat {
  if (cluster !== undefined) return cluster;
  throw new HttpProblem(404, "NOT_FOUND", `Cannot ${action}: this broker is in none`);
}
