import {
  type Field,
  FieldMistake,
  oneOf,
  withDefault,
} from "../../../../protocol/frames/json_fields.ts";
import {
  findLaneNameMistake,
  findLaneSettingsMistake,
  LANE_ORDERS,
  type LaneSettings,
} from "../../../../protocol/lane_settings.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody, readQuery, wholeText } from "../page_input.ts";

/** How many lanes are shown. */
const LANES_MAX = 200;
const LANES_DEFAULT = 50;

const QUERY = {
  by: withDefault(oneOf(...LANE_ORDERS), "waiting" as const),
  limit: withDefault(wholeText(1, LANES_MAX), LANES_DEFAULT),
};

const lane: Field<string> = (value) => {
  const mistake = findLaneNameMistake(value);
  if (mistake !== undefined) throw new FieldMistake(mistake);
  return value as string;
};

const settings: Field<LaneSettings | null> = (value) => {
  const mistake = value === null ? undefined : findLaneSettingsMistake(value);
  if (mistake !== undefined) throw new FieldMistake(mistake);
  return value as LaneSettings | null;
};

/** The routes of lanes. */
export function makeLaneRoutes(): HttpRoute[] {
  return [
    { method: "GET", path: "/api/streams/:name/lanes", need: "session", handle: listLanes },
    {
      method: "POST",
      path: "/api/streams/:name/lanes",
      need: "session",
      bodyBytesMax: 4096,
      handle: setLane,
    },
  ];
}

/** Tells the first lanes of a stream, and the limit that it shares with others. */
async function listLanes(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" }, parts: { dateNow } } = request;
  const { by, limit } = readQuery(request, QUERY);
  const { items, count } = await engine.lanes.list(name, { by, limit });
  const { options: { sharedLimit } } = await engine.getStream(name);
  const shared = sharedLimit === null
    ? undefined
    : (await engine.lanes.getLimits()).find((one) => one.name === sharedLimit);
  return writeJson({ at: dateNow(), lanes: items, count, sharedLimit: shared ?? null });
}

async function setLane(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" }, parts, user, address } = request;
  const wished = await readBody(request, { lane, settings });
  await engine.lanes.set(name, wished.lane, wished.settings);
  const subject = { stream: name, lane: wished.lane, peer: address };
  parts.sessionLog.noteChange("lane set", { subject, user: user.name });
  return new Response(null, { status: 204 });
}
