import { withDefault } from "../../../../protocol/frames/json_fields.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody, readQuery, wholeText } from "../page_input.ts";
import { type ConnectionSnapshots, findHolders } from "./stream_holders.ts";

/** The routes of followers and what they hold. */
export function makeFollowerRoutes(connections: ConnectionSnapshots): HttpRoute[] {
  return [
    {
      method: "GET",
      path: "/api/streams/:name/followers",
      need: "session",
      handle: (request) => listFollowers(request, connections),
    },
    {
      method: "POST",
      path: "/api/followers/:name/release",
      need: "session",
      bodyBytesMax: 1024,
      handle: release,
    },
  ];
}

/** Lists the followers that hold messages of a stream. */
async function listFollowers(
  request: HttpRequest,
  connections: ConnectionSnapshots,
): Promise<Response> {
  const { engine, params: { name = "" }, user: { permissions } } = request;
  const { after } = readQuery(request, { after: withDefault(wholeText(0, 2 ** 52), 0) });
  // Refuses who may not see the stream, and finds whether it exists.
  await engine.getStream(name);
  const { holders, next } = await findHolders(request, connections, after);
  const mayRelease = permissions.may("manage", name);
  return writeJson({
    followers: holders.map((holder) => ({ ...holder, mayRelease })),
    ...next !== undefined && { next },
  });
}

async function release(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" }, parts, user, address } = request;
  await readBody(request, {});
  const count = await engine.releasePel(name);
  const subject = { follower: name, peer: address };
  if (count > 0) {
    parts.sessionLog.noteChange("deliveries taken back", { subject, count, user: user.name });
  }
  return writeJson({ count });
}
