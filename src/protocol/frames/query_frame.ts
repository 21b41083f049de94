import { BrokerError } from "../error.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import { FrameType } from "./frame_type.ts";
import type { FrameWriter } from "./frame_writer.ts";
import {
  count,
  type Field,
  FieldMistake,
  flag,
  object,
  oneOf,
  optional,
  readField,
  text,
  withDefault,
} from "./json_fields.ts";
import { findShortTextMistake } from "../messages/property_wishes.ts";
import {
  findLaneSettingsMistake,
  findSharedLimitMistake,
  LANE_ORDERS,
  type LaneOrder,
  type LaneSettings,
  type SharedLimitSettings,
} from "../lane_settings.ts";
import { findScheduleMistake, type ScheduleInput } from "../messages/schedule_settings.ts";
import { encodeUtf8 } from "../utf8.ts";
import { LOG_LEVELS, type LogLevel } from "../log_level.ts";
import { PEEK_COUNT_MAX, REASON_BYTES_MAX } from "../limits.ts";
import {
  DIFFERENCE_WAYS,
  type DifferenceWay,
  findStreamOptionsMistake,
  type StreamOptionsInput,
} from "../messages/stream_options.ts";

/** The operations of a cursor. */
export const OPERATIONS = [
  "createStream",
  "updateStream",
  "pauseStream",
  "resumeStream",
  "purgeStream",
  "deleteStream",
  "getStreams",
  "getStream",
  "getPels",
  "getPel",
  "releasePel",
  "peek",
  "getMessage",
  "redrive",
  "explain",
  "openBackup",
  "readBackup",
  "closeBackup",
  "dropMessages",
  "getBroker",
  "getConnections",
  "closeConnection",
  "setLogLevel",
  "getEvents",
  "getCluster",
  "handOver",
  "cancelMessage",
  "cancelMessages",
  "putSchedule",
  "getSchedules",
  "deleteSchedule",
  "pauseSchedule",
  "resumeSchedule",
  "setLane",
  "getLanes",
  "putLimit",
  "getLimits",
] as const;

/** One of the {@linkcode OPERATIONS}. */
export type Operation = typeof OPERATIONS[number];

/** `query`: an operation of a cursor. */
export interface QueryFields {
  /** The number that the answer will carry, chosen by the client, not 0. */
  readonly query: number;
  /** The operation. */
  readonly operation: Operation;
  /**
   * The stream; for `getPel` and `releasePel` the follower, for `readBackup` the file, for operations on a
   * schedule that one; empty if there is none.
   */
  readonly name: string;
  /** Its other arguments. */
  readonly options?: QueryOptions;
}

/** Arguments of operations beside a name. */
export interface QueryOptions {
  /** `createStream`, `updateStream`: the stream's options. */
  readonly stream?: StreamOptionsInput;
  /** `createStream`: what to do if the stream exists with other options; `keep` by default. */
  readonly ifDifferent?: DifferenceWay;
  /**
   * `peek`: the first id to look for. `getMessage`, `cancelMessage`: the id. `readBackup`: the offset in the
   * file.
   */
  readonly from?: number;
  /**
   * `getStreams`, `getPels`, `getPel`, `getConnections`, `getEvents`, `cancelMessages`, `getSchedules`: the
   * `next` of the page before; absent or 0 for the first one.
   */
  readonly after?: number;
  /** `peek`, `cancelMessages`: the most messages. `getLanes`: the most lanes. */
  readonly limit?: number;
  /** `redrive`, `dropMessages`: which messages to send back or to remove. */
  readonly ids?: readonly number[];
  /** `readBackup`, `closeBackup`: which backup. */
  readonly backup?: number;
  /** `closeConnection`: the number of the connection. */
  readonly connection?: number;
  /** `closeConnection`, `cancelMessage`, `cancelMessages`: what clients are told, at most 256 bytes. */
  readonly reason?: string;
  /** `cancelMessage`, `cancelMessages`: whether the messages become dead letters. */
  readonly isDeadLetter?: boolean;
  /**
   * `cancelMessages`: the lane of the messages. One of this and the next two is given. `setLane`: the lane.
   * `getLanes`: the lane behind which to begin, for lanes by name.
   */
  readonly lane?: string;
  /** `cancelMessages`: their key. */
  readonly key?: string;
  /** `cancelMessages`: their dedup id. */
  readonly dedupId?: string;
  /** `putSchedule`: its settings. */
  readonly schedule?: ScheduleInput;
  /** `setLane`: what is changed; `null` removes all settings of the lane. */
  readonly laneSettings?: LaneSettings | null;
  /** `getLanes`: how they are sorted; most waiting first by default. */
  readonly by?: LaneOrder;
  /** `putLimit`: what the limit allows; `null` removes it. */
  readonly sharedLimit?: SharedLimitSettings | null;
  /** `setLogLevel`: the new level. */
  readonly level?: LogLevel;
}

/** A part of a long answer. */
export interface Page<Item> {
  /** The entries of this page. */
  readonly items: readonly Item[];
  /** The `after` of the query for the next page; absent on the last one. */
  readonly next?: number;
}

/** Writes a `query` frame. */
export function writeQuery(writer: FrameWriter, fields: QueryFields): void {
  const { query, operation, name, options } = fields;
  writer.begin(FrameType.query);
  writer.u32(query);
  writer.json({ operation, name, options });
  writer.end();
}

/** Reads a `query` frame's number; {@linkcode readOperation} reads what follows. */
export function readQueryNumber(decoder: FrameDecoder): number {
  const query = decoder.u32();
  if (query === 0) throw new BrokerError("BAD_FRAME", "Cannot read a query: its number is 0");
  return query;
}

/**
 * Reads the rest of a query.
 *
 * @throws {BrokerError} With code `BAD_REQUEST` if the operation is unknown or its options are wrong.
 */
export function readOperation(decoder: FrameDecoder): Omit<QueryFields, "query"> {
  const action = "Cannot carry out a query";
  return readField(readQuery, decoder.json(), { code: "BAD_REQUEST", action });
}

/** A lane, a key or a dedup id. */
const shortText: Field<string> = (value, name) => {
  const mistake = findShortTextMistake(name, text(value, name));
  if (mistake !== undefined) throw new FieldMistake(mistake);
  return value as string;
};

/** The settings of a schedule; {@linkcode findScheduleMistake} checks their values. */
const any: Field<never> = (value) => value as never;
const readSchedule = object<ScheduleInput>({
  stream: any,
  entry: any,
  cron: any,
  timeZone: any,
  everyMs: any,
  missed: any,
  overlap: any,
  jitterMs: any,
  until: any,
  limit: any,
  now: any,
});

/** An object that a function finds no mistake in, or `null`. */
function settings<Settings>(findMistake: (value: unknown) => string | undefined) {
  return (value: unknown, name: string): Settings | null => {
    const mistake = value === null ? undefined : findMistake(value);
    if (mistake !== undefined) throw new FieldMistake(`"${name}": ${mistake}`);
    return value as Settings | null;
  };
}

const readQuery = object<Omit<QueryFields, "query">>({
  operation: oneOf(...OPERATIONS),
  name: withDefault(text, ""),
  options: optional(object<QueryOptions>({
    stream: optional((value) => {
      const mistake = findStreamOptionsMistake(value);
      if (mistake !== undefined) throw new FieldMistake(mistake);
      return value as StreamOptionsInput;
    }),
    ifDifferent: optional(oneOf(...DIFFERENCE_WAYS)),
    from: optional(count),
    after: optional(count),
    limit: optional(count),
    backup: optional(count),
    ids: optional((value, name) => {
      const areIds = Array.isArray(value) && value.length <= PEEK_COUNT_MAX &&
        value.every((id) => Number.isSafeInteger(id) && id > 0);
      if (areIds) return value;
      throw new FieldMistake(`"${name}" must be up to ${PEEK_COUNT_MAX} message ids`);
    }),
    connection: optional(count),
    reason: optional((value, name) => {
      if (typeof value === "string" && encodeUtf8(value).length <= REASON_BYTES_MAX) return value;
      throw new FieldMistake(`"${name}" must be a text of up to ${REASON_BYTES_MAX} bytes`);
    }),
    level: optional(oneOf(...LOG_LEVELS)),
    schedule: optional((value, name) => {
      const input = readSchedule(value, name);
      const mistake = findScheduleMistake(input as unknown as Readonly<Record<string, unknown>>);
      if (mistake !== undefined) throw new FieldMistake(`"${name}": ${mistake}`);
      return input;
    }),
    isDeadLetter: optional(flag),
    laneSettings: optional(settings(findLaneSettingsMistake)),
    by: optional(oneOf(...LANE_ORDERS)),
    sharedLimit: optional(settings(findSharedLimitMistake)),
    lane: optional(shortText),
    key: optional(shortText),
    dedupId: optional(shortText),
  })),
});

/** Writes a `response` frame; `result` is the answer, or `null`. */
export function writeResponse(writer: FrameWriter, query: number, result: unknown): void {
  writer.begin(FrameType.response);
  writer.u32(query);
  writer.json(result);
  writer.end();
}

/** Reads a `response` frame. */
export function readResponse(decoder: FrameDecoder): { query: number; result: unknown } {
  return { query: decoder.u32(), result: decoder.json() };
}

/** Writes a `stream` frame. */
export function writeStream(writer: FrameWriter, stream: number, name: string): void {
  writer.begin(FrameType.stream);
  writer.u32(stream);
  writer.text(name);
  writer.end();
}

/** Reads a `stream` frame. */
export function readStream(decoder: FrameDecoder): { stream: number; name: string } {
  return { stream: decoder.u32(), name: decoder.text() };
}

/** Writes a `streamsForgotten` frame. */
export function writeStreamsForgotten(writer: FrameWriter, streams: readonly number[]): void {
  writer.begin(FrameType.streamsForgotten);
  writer.u32(streams.length);
  for (const stream of streams) writer.u32(stream);
  writer.end();
}

/** Reads a `streamsForgotten` frame. */
export function readStreamsForgotten(decoder: FrameDecoder): number[] {
  const count = decoder.u32();
  if (decoder.end - decoder.offset !== 4 * count) {
    throw new BrokerError("BAD_FRAME", `Cannot read a frame: it must have ${count} numbers`);
  }
  return Array.from({ length: count }, () => decoder.u32());
}
