import type { Engine, StreamSearch } from "../../broker/engine.ts";
import type { Operation } from "../../../protocol.ts";
import type { Verb } from "./permissions.ts";

/**
 * What a user needs for an operation on one stream: a verb, `any` verb, `new` for creating (a stream that
 * exists needs any verb, a new one `manage`).
 */
export type StreamNeed = Verb | "any" | "new";

/** What a user needs for an operation. */
export type Need =
  /** A permission for the stream that it names. */
  | { readonly stream: StreamNeed }
  /** Nothing: it is done for the streams that the verb allows, and the others are as if not there. */
  | { readonly filter: Verb | "any" }
  /** All permissions: it is about the broker as a whole. */
  | "admin"
  /** Nothing: it tells or changes nothing about streams. */
  | "allowed"
  /** A session of somebody: what it tells, or is about, is the user's own, or everything for an administrator. */
  | "session"
  /** It is for no session, not even one of an administrator. */
  | "refused";

/** Everything that a session can ask of an engine. */
export type GuardedOperation = keyof Engine | Operation;

/**
 * The one table of operations and their needs: all of the engine's port, and all of a cursor. Without a row
 * for each of them this does not compile.
 */
export const OPERATION_VERBS: Readonly<Record<GuardedOperation, Need>> = {
  createStream: { stream: "new" },
  updateStream: { stream: "manage" },
  pauseStream: { stream: "manage" },
  resumeStream: { stream: "manage" },
  purgeStream: { stream: "manage" },
  dropMessages: { stream: "manage" },
  cancelMessage: { stream: "manage" },
  cancelMessages: { stream: "manage" },
  deleteStream: { stream: "manage" },
  redrive: { stream: "manage" },
  getStream: { stream: "any" },
  peek: { stream: "inspect" },
  getMessage: { stream: "inspect" },
  explain: { stream: "inspect" },
  openPublisher: { stream: "publish" },
  openFollower: { stream: "follow" },

  getStreams: { filter: "any" },
  listStreams: { filter: "any" },
  hasStream: { filter: "any" },
  getPels: { filter: "inspect" },
  listPels: { filter: "inspect" },
  getPel: { filter: "inspect" },
  releasePel: { filter: "manage" },
  /** By the verb of the member that is to be opened. */
  prepare: "allowed",
  prepareStream: { filter: "manage" },

  openBackup: "admin",
  readBackup: "admin",
  closeBackup: "admin",

  // By the stream, but for shared limits: see guarded_lanes.ts.
  lanes: "allowed",
  setLane: { stream: "manage" },
  getLanes: { stream: "inspect" },
  putLimit: "admin",
  getLimits: "allowed",

  // By the streams of the schedules: see guarded_schedules.ts.
  schedules: "allowed",
  putSchedule: { filter: "manage" },
  getSchedules: { filter: "inspect" },
  deleteSchedule: { filter: "manage" },
  pauseSchedule: { filter: "manage" },
  resumeSchedule: { filter: "manage" },

  // The names of reply streams cannot be guessed.
  openReplyStream: "allowed",
  reply: "allowed",
  name: "allowed",
  durability: "allowed",
  cluster: "allowed",
  deletedCount: "allowed",
  steps: "allowed",
  whenDurable: "allowed",

  // About the broker, and not about streams.
  getBroker: "allowed",
  getConnections: "session",
  closeConnection: "session",
  setLogLevel: "admin",
  getCluster: "session",
  handOver: "admin",
  getEvents: "admin",

  // For the owner of the engine alone.
  // They tell of streams that a user may not see.
  counters: "refused",
  streamCount: "refused",
  watchStreams: "refused",
  tick: "refused",
  tend: "refused",
  close: "refused",
};

/** What an operation on one stream needs. */
export function streamNeedOf(operation: GuardedOperation): StreamNeed {
  const need = OPERATION_VERBS[operation];
  if (typeof need === "object" && "stream" in need) return need.stream;
  throw new Error(`${operation} is not an operation on one stream`);
}

/** The verb that a member needs for its stream, or for its pattern. */
export function memberVerbOf(kind: StreamSearch["kind"]): Verb {
  const need = streamNeedOf(kind === "publisher" ? "openPublisher" : "openFollower");
  if (need !== "any" && need !== "new") return need;
  throw new Error(`a ${kind} needs a verb`);
}

/** The verb that filters the streams of an operation. */
export function filterVerbOf(operation: GuardedOperation): Verb | "any" {
  const need = OPERATION_VERBS[operation];
  if (typeof need === "object" && "filter" in need) return need.filter;
  throw new Error(`${operation} is not an operation on the streams that a verb allows`);
}
