import { BrokerError } from "../../../../../protocol.ts";
import type { Engine } from "../../../../broker/engine.ts";
import {
  type Field,
  FieldMistake,
  flag,
  object,
  optional,
  withDefault,
} from "../../../../protocol/frames/json_fields.ts";
import { PEEK_COUNT_MAX } from "../../../../protocol/limits.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { TimeSlices } from "../../figures/time_slices.ts";
import { readBody } from "../page_input.ts";
import { MessageFilter, type MessageWishes, WISHES } from "./message_filter.ts";
import { scanMessages, type ScanRange } from "./message_scan.ts";
import { PeekedEntry } from "./peeked_entry.ts";

/** The largest body of a request, in bytes: a thousand ids. */
const SWEEP_BYTES_MAX = 64 * 1024;

/** What is done with many messages of a stream. */
interface SweepRequest extends ScanRange {
  readonly ids: readonly number[] | undefined;
  readonly filter: MessageWishes | undefined;
  readonly dryRun: boolean;
}

/** What does it. */
interface Sweeper {
  readonly change: string;
  /** Whether only dead letters are meant. */
  readonly isDeadOnly: boolean;
  readonly act: (
    engine: Engine,
    name: string,
    ids: readonly number[],
  ) => Promise<{ readonly count: number; readonly skipped: number }>;
}

const id: Field<number> = (value, name) => {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw new FieldMistake(`"${name}" must be an id, a whole number from 1`);
};

const ids: Field<readonly number[]> = (value, name) => {
  const isList = Array.isArray(value) && value.length >= 1 && value.length <= PEEK_COUNT_MAX;
  if (isList) return [...new Set(value.map((one) => id(one, name)))];
  throw new FieldMistake(`"${name}" must be 1 to ${PEEK_COUNT_MAX} ids`);
};

const filter: Field<MessageWishes> = (value, name) => {
  const wishes = object(WISHES)(value, name);
  // With a filter that is spelt wrong, everything would be swept.
  const unknown = Object.keys(value as object).find((key) => !Object.hasOwn(WISHES, key));
  if (unknown === undefined) return wishes;
  throw new FieldMistake(`"${name}" has an unknown "${unknown.slice(0, 60)}"`);
};

const SWEEPERS: readonly (readonly [path: string, sweeper: Sweeper])[] = [
  ["redrive", {
    change: "dead letters sent back",
    isDeadOnly: true,
    act: (engine, name, ids) => engine.redrive(name, ids),
  }],
  ["drop", {
    change: "messages dropped",
    isDeadOnly: false,
    act: (engine, name, ids) => engine.dropMessages(name, ids),
  }],
  ["cancel", {
    change: "messages cancelled",
    isDeadOnly: false,
    act: cancelMessages,
  }],
];

/** Takes messages out of circulation, also those that followers have. */
async function cancelMessages(
  engine: Engine,
  name: string,
  ids: readonly number[],
): Promise<{ readonly count: number; readonly skipped: number }> {
  // Without ids, too, it is refused like the change.
  await engine.dropMessages(name, []);
  const slices = new TimeSlices();
  let count = 0;
  for (const id of ids) {
    if (slices.isOver) await slices.next();
    const { was } = await engine.cancelMessage(name, id);
    if (was !== "gone") count++;
  }
  return { count, skipped: ids.length - count };
}

/** The routes that send back, drop and cancel messages. */
export function makeSweepRoutes(): HttpRoute[] {
  return SWEEPERS.map(([path, sweeper]) => ({
    method: "POST",
    path: `/api/streams/:name/${path}`,
    need: "session",
    bodyBytesMax: SWEEP_BYTES_MAX,
    handle: (request) => sweep(request, sweeper),
  }));
}

async function sweep(
  request: HttpRequest,
  { change, act, isDeadOnly }: Sweeper,
): Promise<Response> {
  const { engine, params: { name = "" }, parts, user, address } = request;
  const asked: SweepRequest = await readBody(request, {
    ids: optional(ids),
    filter: optional(filter),
    from: withDefault(id, 1),
    until: optional(id),
    dryRun: withDefault(flag, false),
  });
  if ((asked.ids === undefined) === (asked.filter === undefined)) {
    throw new BrokerError("BAD_REQUEST", `Cannot sweep "${name}": either ids or filter is needed`);
  }
  // Whoever may not do it may not count either: the same error comes with a dry run.
  await act(engine, name, []);
  const found: number[] = [];
  const select = asked.ids === undefined
    ? await selectByFilter(engine, name, asked, (entry) => {
      if (!isDeadOnly || entry.properties.deadLetter !== undefined) found.push(entry.info.id);
    })
    : await selectByIds(engine, name, asked.ids, found);
  const isDone = !asked.dryRun && found.length > 0;
  const { count, skipped } = isDone ? await act(engine, name, found) : { count: 0, skipped: 0 };
  if (count > 0) {
    const subject = { stream: name, peer: address };
    parts.sessionLog.noteChange(change, { subject, count, user: user.name });
  }
  return writeJson({ dryRun: asked.dryRun, matched: found.length, count, skipped, ...select });
}

/** Finds what a filter selects, up to as much as is done at once. */
function selectByFilter(
  engine: Engine,
  name: string,
  { filter, from, until }: SweepRequest,
  take: (entry: PeekedEntry) => void,
) {
  const filtering = new MessageFilter(filter!);
  let count = 0;
  return scanMessages(engine, name, { from, until }, (entry) => {
    // What a follower holds stays; it is skipped when it is swept, too.
    if (!filtering.matches(entry)) return true;
    take(entry);
    return ++count < PEEK_COUNT_MAX;
  });
}

/** Finds which of some ids are there. */
async function selectByIds(
  engine: Engine,
  name: string,
  ids: readonly number[],
  found: number[],
) {
  const slices = new TimeSlices();
  for (const id of ids) {
    if (slices.isOver) await slices.next();
    const [entry] = PeekedEntry.list(await engine.peek(name, id, 1));
    if (entry?.info.id === id) found.push(id);
  }
  const from = Math.min(...ids);
  return { scanned: ids.length, from, until: Math.max(...ids) + 1 };
}
