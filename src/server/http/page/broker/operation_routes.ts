import type { BrokerEvent, ConnectionInfo } from "../../../../../protocol.ts";
import { oneOf, optional, withDefault } from "../../../../protocol/frames/json_fields.ts";
import { EVENTS_MAX } from "../../../event_ring.ts";
import { LOG_LEVELS } from "../../../log.ts";
import { Operator } from "../../../management/operator.ts";
import { HttpProblem, writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import type { Snapshots } from "../../figures/snapshots.ts";
import { matchNames, PAGE_QUERY } from "../page_query.ts";
import { readBody, readQuery, readValue, shortText, wholeText } from "../page_input.ts";
import { CONNECTION_COLUMNS, type ConnectionRow } from "./connection_rows.ts";

/** The largest body of a request, in bytes. */
const BODY_BYTES_MAX = 4096;

/** The longest reason for closing a connection, in characters. */
const REASON_LENGTH_MAX = 200;

const COUNT = wholeText(0, Number.MAX_SAFE_INTEGER);

/** The routes of connections and of the log. */
export function makeOperationRoutes(
  connections: Snapshots<ConnectionInfo, ConnectionRow>,
): HttpRoute[] {
  return [
    {
      method: "GET",
      path: "/api/connections",
      need: "session",
      handle: (request) => listConnections(request, connections),
    },
    {
      method: "POST",
      path: "/api/connections/:id/close",
      need: "session",
      bodyBytesMax: BODY_BYTES_MAX,
      handle: closeConnection,
    },
    { method: "GET", path: "/api/events", need: "session", handle: listEvents },
    {
      method: "POST",
      path: "/api/log-level",
      need: "session",
      bodyBytesMax: BODY_BYTES_MAX,
      handle: setLogLevel,
    },
  ];
}

/** The broker as the user of a request may operate it. */
export function operatorOf({ parts, user, address }: HttpRequest): Operator {
  const { management, access: { audit }, sessionLog } = parts;
  return new Operator({
    management,
    audit,
    user,
    note: (change, fields) => {
      const subject = { ...fields, from: address };
      sessionLog.noteChange(change, { subject, user: user.name });
    },
  });
}

async function listConnections(
  request: HttpRequest,
  connections: Snapshots<ConnectionInfo, ConnectionRow>,
): Promise<Response> {
  const { search, sort, order, offset, limit } = readQuery(request, {
    ...PAGE_QUERY,
    sort: withDefault(oneOf(...Object.keys(CONNECTION_COLUMNS)), "id"),
  });
  // Refuses whoever may see none.
  operatorOf(request).getConnections(Number.MAX_SAFE_INTEGER);
  const { user, parts: { dateNow } } = request;
  const { rows } = await connections.get();
  const isFound = matchNames(search);
  const { total, matched, rows: chosen } = await rows.choose({
    column: CONNECTION_COLUMNS[sort]!,
    isDescending: order === "desc",
    offset,
    limit,
    isSeen: (row) => user.permissions.isAdmin || row.user === user.name,
    isWanted: ({ client, user = "", address, protocol, followerNames = [] }) =>
      [client, user, address, protocol, ...followerNames].some(isFound),
  });
  return writeJson({
    at: dateNow(),
    total,
    matched,
    offset,
    connections: chosen.map((row) => ({ ...row, isPage: isOfPage(request, row) })),
  });
}

/** Whether a connection is one of those that the browser has for this page, as far as addresses tell. */
function isOfPage({ user, address: asker }: HttpRequest, row: ConnectionRow): boolean {
  const { protocol, address, user: whose } = row;
  if (protocol !== "http" || whose !== undefined && whose !== user.name) return false;
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "") ===
    asker.replace(/^\[|\]$/g, "");
}

async function closeConnection(request: HttpRequest): Promise<Response> {
  const id = readValue(COUNT, request.params.id, "id");
  const { reason } = await readBody(request, { reason: optional(shortText(REASON_LENGTH_MAX)) });
  const isClosed = operatorOf(request).closeConnection(id, reason === "" ? undefined : reason);
  if (isClosed) return writeJson({ closed: true });
  throw new HttpProblem(404, "NOT_FOUND", `Cannot close connection ${id}: it is not open`);
}

function listEvents(request: HttpRequest): Response {
  const { after, level, limit } = readQuery(request, {
    after: withDefault(COUNT, 0),
    level: optional(oneOf("info", "warning", "error")),
    limit: withDefault(wholeText(1, EVENTS_MAX), 200),
  });
  const operator = operatorOf(request);
  const rank = level === undefined ? 0 : LOG_LEVELS.indexOf(level);
  const found: BrokerEvent[] = [];
  let last = after;
  for (let next: number | undefined = after; next !== undefined;) {
    const page: { items: readonly BrokerEvent[]; next?: number } = operator.getEvents(next);
    for (const event of page.items) {
      last = event.number;
      if (LOG_LEVELS.findIndex((one) => one === event.level) >= rank) found.push(event);
    }
    next = page.next;
  }
  return writeJson({ events: found.slice(-limit), next: last });
}

async function setLogLevel(request: HttpRequest): Promise<Response> {
  const { level } = await readBody(request, { level: oneOf(...LOG_LEVELS) });
  operatorOf(request).setLogLevel(level);
  return new Response(null, { status: 204 });
}
