import { BrokerError, type StreamOptionsInput } from "../../../../../protocol.ts";
import {
  type Field,
  FieldMistake,
  flag,
  text,
  withDefault,
} from "../../../../protocol/frames/json_fields.ts";
import {
  BREAKER_DEFAULT,
  DEAD_SUFFIX,
  deadNameOf,
  explainDifferences,
  findDifferences,
  findStreamOptionsMistake,
  isDeadName,
  STREAM_OPTIONS_DEFAULT,
} from "../../../../protocol/messages/stream_options.ts";
import { SLICE_STEPS } from "../../../flow/work_turn.ts";
import type { StreamFigures } from "../figures/stream_figures.ts";
import { makeStreamRow } from "../figures/stream_rows.ts";
import type { StreamWatch } from "../figures/stream_watch.ts";
import { TimeSlices } from "../../figures/time_slices.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody } from "../page_input.ts";
import { explainStream } from "./explain_route.ts";
import type { ConnectionSnapshots } from "./stream_holders.ts";
import { listStreams, tellRow } from "./stream_list.ts";

/** The largest body of a request about a stream, in bytes. */
const STREAM_BYTES_MAX = 16 * 1024;

/** What the routes of streams show. */
export interface StreamRouteParts {
  readonly figures: StreamFigures;
  readonly watch: StreamWatch;
  readonly connections: ConnectionSnapshots;
}

/** The routes of streams. */
export function makeStreamRoutes({ figures, watch, connections }: StreamRouteParts): HttpRoute[] {
  const route = (
    method: HttpRoute["method"],
    path: string,
    handle: HttpRoute["handle"],
  ): HttpRoute => ({
    method,
    path: `/api/streams${path}`,
    need: "session",
    ...method !== "GET" && { bodyBytesMax: STREAM_BYTES_MAX },
    handle,
  });
  return [
    route("GET", "", (request) => listStreams(request, figures)),
    route("POST", "", createStream),
    route("GET", "/:name", (request) => tellStream(request, watch)),
    route("PATCH", "/:name", (request) => updateStream(request, watch)),
    route("DELETE", "/:name", deleteStream),
    route("POST", "/:name/pause", (request) => pauseStream(request, true)),
    route("POST", "/:name/resume", (request) => pauseStream(request, false)),
    route("POST", "/:name/purge", purgeStream),
    route("GET", "/:name/explain", (request) => explainStream(request, connections)),
  ];
}

const options: Field<StreamOptionsInput> = (value) => {
  const mistake = findStreamOptionsMistake(value);
  if (mistake !== undefined) throw new FieldMistake(mistake);
  return value as StreamOptionsInput;
};

/** Tells everything about a stream, and has its history kept for a while. */
async function tellStream(request: HttpRequest, watch: StreamWatch): Promise<Response> {
  const { engine, params: { name = "" }, user: { permissions }, parts } = request;
  const info = await engine.getStream(name);
  const { durability, totals } = info;
  const deadName = deadNameOf(name);
  const dead = !isDeadName(name) && permissions.maySee(deadName) && engine.hasStream(deadName)
    ? await engine.getStream(deadName)
    : undefined;
  return writeJson({
    ...tellRow(makeStreamRow(info, undefined, 0), permissions),
    at: parts.dateNow(),
    durability,
    breaker: info.breaker ?? null,
    limitedBy: info.limitedBy ?? null,
    options: info.options,
    optionDefaults: STREAM_OPTIONS_DEFAULT,
    breakerDefaults: BREAKER_DEFAULT,
    totals,
    dead: dead === undefined
      ? null
      : { name: deadName, messages: dead.ready + dead.delayed + dead.pending },
    deadOf: isDeadName(name) ? name.slice(0, -DEAD_SUFFIX.length) : null,
    history: watch.tell(info, parts.now()),
  });
}

async function createStream(request: HttpRequest): Promise<Response> {
  const { engine } = request;
  const { name, options: wished } = await readBody(request, {
    name: text,
    options: withDefault(options, {}),
  });
  const slices = new TimeSlices();
  while (!engine.prepareStream(name, SLICE_STEPS)) if (slices.isOver) await slices.next();
  if (await engine.createStream(name, wished)) {
    note(request, "stream created", name);
    return writeJson({ created: true }, 201);
  }
  const { options: found } = await engine.getStream(name);
  if (findDifferences(found, wished).length === 0) return writeJson({ created: false });
  throw new BrokerError("STREAM_DIFFERS", explainDifferences(name, found, wished));
}

async function updateStream(request: HttpRequest, watch: StreamWatch): Promise<Response> {
  const { engine, params: { name = "" } } = request;
  const { options: wished } = await readBody(request, { options });
  await engine.updateStream(name, wished);
  note(request, "stream updated", name);
  return await tellStream(request, watch);
}

async function pauseStream(request: HttpRequest, isPaused: boolean): Promise<Response> {
  const { engine, params: { name = "" } } = request;
  await readBody(request, {});
  await engine.pauseStream(name, isPaused);
  note(request, isPaused ? "stream paused" : "stream resumed", name);
  return new Response(null, { status: 204 });
}

async function purgeStream(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" } } = request;
  const { dryRun } = await readBody(request, { dryRun: withDefault(flag, false) });
  if (dryRun) return await tellDryRun(request, ({ ready, delayed }) => ready + delayed);
  const count = await engine.purgeStream(name);
  note(request, "stream purged", name, count);
  return writeJson({ count, dryRun });
}

async function deleteStream(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" } } = request;
  const { dryRun } = await readBody(request, { dryRun: withDefault(flag, false) });
  if (dryRun) {
    return await tellDryRun(request, ({ ready, delayed, pending }) => ready + delayed + pending);
  }
  const count = await engine.deleteStream(name);
  note(request, "stream deleted", name, count);
  return writeJson({ count, dryRun });
}

/** Tells how many messages a change would remove; only whoever may make it is told. */
async function tellDryRun(
  { engine, params: { name = "" } }: HttpRequest,
  count: (info: { ready: number; delayed: number; pending: number }) => number,
): Promise<Response> {
  // Drops nothing, and is refused like the change.
  await engine.dropMessages(name, []);
  return writeJson({ count: count(await engine.getStream(name)), dryRun: true });
}

function note(
  { parts, user, address }: HttpRequest,
  change: string,
  stream: string,
  count?: number,
) {
  const subject = { stream, peer: address };
  parts.sessionLog.noteChange(change, { subject, count, user: user.name });
}
