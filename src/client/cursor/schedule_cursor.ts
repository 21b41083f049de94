import {
  encodeBatch,
  type Operation,
  type Page,
  type QueryOptions,
  type ScheduleInfo,
  type ScheduleInput,
} from "../../../protocol.ts";
import { decodeBase64, encodeBase64 } from "../../protocol/base64.ts";
import { hasEntryPriority, readEntryPriority } from "../../protocol/messages/entry.ts";
import { encodeHeaders } from "../../protocol/messages/headers.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import { findPropertyMistake } from "../../protocol/messages/property_wishes.ts";
import {
  findScheduleMistake,
  findScheduleNameMistake,
  SCHEDULE_BYTES_MAX,
} from "../../protocol/messages/schedule_settings.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import type { CallOptions } from "../member/call_options.ts";
import { bodyOf, headersOf } from "../member/entry_content.ts";
import { checkOptionNames } from "../member/option_check.ts";
import { encodeBody } from "../outgoing/body.ts";
import type { PendingQueries } from "../uplink/pending_queries.ts";
import type { Schedule, ScheduleOptions, SchedulePut, Scheduling } from "./scheduling.ts";

const OPTION_NAMES = [
  "stream",
  "body",
  "headers",
  "key",
  "priority",
  "lane",
  "ttlMs",
  "delayMs",
  "cron",
  "timeZone",
  "everyMs",
  "missed",
  "overlap",
  "jitterMs",
  "until",
  "limit",
  "now",
];

/** The part of a cursor that is about schedules. */
export class ScheduleCursor implements Scheduling {
  readonly #queries: PendingQueries;

  constructor(queries: PendingQueries) {
    this.#queries = queries;
  }

  async putSchedule<Body>(
    name: string,
    options: ScheduleOptions<Body>,
    call?: CallOptions,
  ): Promise<SchedulePut> {
    checkName(name);
    const schedule = readOptions(options, `Cannot put schedule "${name}"`);
    const changed = await this.#query("putSchedule", name, call, { schedule }) as boolean;
    return { changed };
  }

  async getSchedules<Body>(call?: CallOptions): Promise<Schedule<Body>[]> {
    const all: Schedule<Body>[] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await this.#query("getSchedules", "", call, { after }) as Page<ScheduleInfo>;
      for (const info of page.items) all.push(readInfo(info) as Schedule<Body>);
      after = page.next;
    }
    return all.sort((one, other) => one.name < other.name ? -1 : 1);
  }

  async deleteSchedule(name: string, call?: CallOptions): Promise<void> {
    checkName(name);
    await this.#query("deleteSchedule", name, call);
  }

  async pauseSchedule(name: string, call?: CallOptions): Promise<void> {
    checkName(name);
    await this.#query("pauseSchedule", name, call);
  }

  async resumeSchedule(name: string, call?: CallOptions): Promise<void> {
    checkName(name);
    await this.#query("resumeSchedule", name, call);
  }

  #query(
    operation: Operation,
    name: string,
    call: CallOptions | undefined,
    options?: QueryOptions,
  ): Promise<unknown> {
    checkOptionNames(call ?? {}, ["signal"], `Cannot call ${operation}`);
    return this.#queries.ask({ operation, name, ...options && { options } }, call);
  }
}

function checkName(name: string): void {
  const mistake = findScheduleNameMistake(name);
  if (mistake !== undefined) throw new RangeError(`Cannot use a schedule's name: ${mistake}`);
}

/** Checks and encodes the options of a schedule. */
function readOptions<Body>(options: ScheduleOptions<Body>, action: string): ScheduleInput {
  checkOptionNames(options, OPTION_NAMES, action);
  const { stream, until, cron, timeZone, everyMs, missed, overlap, jitterMs, limit, now } = options;
  const all = {
    stream,
    entry: encodeEntry(options, action),
    cron,
    timeZone,
    everyMs,
    missed,
    overlap,
    jitterMs,
    until: until instanceof Date ? until.getTime() : until,
    limit,
    now,
  };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const mistake = findScheduleMistake(given);
  if (mistake !== undefined) throw new RangeError(`${action}: ${mistake}`);
  return given as unknown as ScheduleInput;
}

function encodeEntry<Body>(options: ScheduleOptions<Body>, action: string): string {
  const { body, headers = {}, key, priority, lane, ttlMs, delayMs } = options;
  const { kind, content } = encodeBody(body, SCHEDULE_BYTES_MAX, action);
  encodeHeaders(headers, action);
  const wishes = { key, priority, lane, ttlMs, delayMs };
  const mistake = findPropertyMistake(wishes);
  if (mistake !== undefined) throw new RangeError(`${action}: ${mistake}`);
  const bytes = typeof content === "string" ? encodeUtf8(content) : content;
  const { buffer } = encodeBatch([{ kind, body: bytes, headers, wishes }]);
  return encodeBase64(buffer);
}

/** What the broker tells of a schedule, with its message as it was given. */
function readInfo({ settings, ...told }: ScheduleInfo): Schedule {
  const { entry, ...dates } = settings;
  const buffer = decodeBase64(entry)!;
  // Both are spans in a message that was not sent.
  const { key, lane, expiresAt: ttlMs, deliverAt: delayMs } = readProperties(buffer, 0);
  return {
    ...told,
    ...dates,
    body: bodyOf(buffer, 0),
    headers: headersOf(buffer, 0),
    ...key !== undefined && { key },
    ...lane !== undefined && { lane },
    ...hasEntryPriority(buffer, 0) && { priority: readEntryPriority(buffer, 0) },
    ...ttlMs !== undefined && { ttlMs },
    ...delayMs !== undefined && { delayMs },
  };
}
