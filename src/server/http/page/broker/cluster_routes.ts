import { HttpProblem, writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody } from "../page_input.ts";
import { operatorOf } from "./operation_routes.ts";

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
  requireCluster(request, "describe the cluster");
  return writeJson(operatorOf(request).getCluster());
}

async function handOver(request: HttpRequest): Promise<Response> {
  requireCluster(request, "hand the lead over");
  await readBody(request, {});
  return writeJson(await operatorOf(request).handOver());
}

function requireCluster({ parts: { engine } }: HttpRequest, action: string): void {
  if (engine.cluster !== undefined) return;
  throw new HttpProblem(404, "NOT_FOUND", `Cannot ${action}: this broker is in none`);
}
