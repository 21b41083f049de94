import { oneOf, withDefault } from "../../../../protocol/frames/json_fields.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody, readQuery } from "../page_input.ts";
import { matchNames, PAGE_QUERY } from "../page_query.ts";
import { type makeScheduleSnapshots, SCHEDULE_COLUMNS } from "./schedule_rows.ts";

type ScheduleSnapshots = ReturnType<typeof makeScheduleSnapshots>;

const QUERY = {
  ...PAGE_QUERY,
  sort: withDefault(oneOf(...Object.keys(SCHEDULE_COLUMNS)), "name"),
};

/** What may be done with a schedule, and what the log says of it. */
const CHANGES = {
  pause: "schedule paused",
  resume: "schedule resumed",
  delete: "schedule deleted",
} as const;

/** The routes of schedules. */
export function makeScheduleRoutes(snapshots: ScheduleSnapshots): HttpRoute[] {
  const change = (
    method: HttpRoute["method"],
    path: string,
    action: keyof typeof CHANGES,
  ): HttpRoute => ({
    method,
    path: `/api/schedules/:name${path}`,
    need: "session",
    bodyBytesMax: 1024,
    handle: (request) => changeSchedule(request, action),
  });
  return [
    {
      method: "GET",
      path: "/api/schedules",
      need: "session",
      handle: (request) => listSchedules(request, snapshots),
    },
    change("POST", "/pause", "pause"),
    change("POST", "/resume", "resume"),
    change("DELETE", "", "delete"),
  ];
}

/** Answers with a page of the schedules of streams that the user may inspect. */
async function listSchedules(
  request: HttpRequest,
  snapshots: ScheduleSnapshots,
): Promise<Response> {
  const { search, sort, order, offset, limit } = readQuery(request, QUERY);
  const { user: { permissions }, parts: { dateNow } } = request;
  const { rows } = await snapshots.get();
  const isFound = matchNames(search);
  const chosen = await rows.choose({
    column: SCHEDULE_COLUMNS[sort]!,
    isDescending: order === "desc",
    offset,
    limit,
    isSeen: ({ stream }) => permissions.may("inspect", stream),
    isWanted: ({ name, stream }) => isFound(name) || isFound(stream),
  });
  const { total, matched } = chosen;
  const schedules = chosen.rows.map((row) => ({
    ...row,
    mayManage: permissions.may("manage", row.stream),
  }));
  return writeJson({ at: dateNow(), total, matched, offset, schedules });
}

async function changeSchedule(
  request: HttpRequest,
  action: keyof typeof CHANGES,
): Promise<Response> {
  const { engine: { schedules }, params: { name = "" }, parts, user, address } = request;
  await readBody(request, {});
  const stream = schedules.findStream(name);
  if (action === "delete") await schedules.delete(name);
  else await schedules.pause(name, action === "pause");
  const subject = { schedule: name, stream: stream ?? "", peer: address };
  parts.sessionLog.noteChange(CHANGES[action], { subject, user: user.name });
  return new Response(null, { status: 204 });
}
