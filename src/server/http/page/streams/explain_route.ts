import { deadNameOf, isDeadName } from "../../../../protocol/messages/stream_options.ts";
import { type Cure, findCures, HOLDERS_MAX, makeHolder } from "../../../management/stuck_stream.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest } from "../../http_route.ts";
import { type ConnectionSnapshots, findHolders } from "./stream_holders.ts";

/** Tells why the messages of a stream wait, who holds some, and what could mend that. */
export async function explainStream(
  request: HttpRequest,
  connections: ConnectionSnapshots,
): Promise<Response> {
  const { engine, params: { name = "" }, user: { permissions } } = request;
  const sentences = await engine.explain(name);
  // Followers may wait for a stream that is not there.
  const stream = engine.hasStream(name) ? await engine.getStream(name) : undefined;
  const deadName = deadNameOf(name);
  const hasDead = !isDeadName(name) && permissions.maySee(deadName) && engine.hasStream(deadName);
  const dead = hasDead ? await engine.getStream(deadName) : undefined;
  const found = stream === undefined || stream.pending === 0
    ? []
    : (await findHolders(request, connections, 0)).holders;
  const holders = found.map(({ name, entries, pending, connections }) =>
    makeHolder(name, entries, pending, connections)
  );
  const cures = findCures({ stream, dead, holders }).filter((cure) => mayDo(request, cure));
  return writeJson({
    at: request.parts.dateNow(),
    sentences,
    holders: holders.slice(0, HOLDERS_MAX),
    others: Math.max(0, holders.length - HOLDERS_MAX),
    cures,
  });
}

/** Whether the user may do it; what others could do is of no use. */
function mayDo({ params: { name = "" }, user: { permissions } }: HttpRequest, { kind }: Cure) {
  if (kind === "close" || kind === "connections" || kind === "dead") return true;
  return permissions.may(kind === "look" ? "inspect" : "manage", name);
}
