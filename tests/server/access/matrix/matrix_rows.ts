import type { GuardedOperation } from "../../../../src/server/access/operation_verbs.ts";
import type { Verb } from "../../../../src/server/access/permissions.ts";
import { CONTENTS, HOLDER } from "./matrix_world.ts";
import type { PolicyModel } from "./policy_model.ts";

/** What became of a call: a code, or `ok` and what was told or changed. */
export type Outcome = string;

/** The calls of the matrix; some are one operation in another way. */
export const CALLS = [
  "createStream",
  "createAndUpdate",
  "createOrFail",
  "updateStream",
  "pauseStream",
  "resumeStream",
  "purgeStream",
  "dropMessages",
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
  "deleteStream",
  "getStream",
  "peek",
  "getMessage",
  "redrive",
  "explain",
  "openBackup",
  "readBackup",
  "closeBackup",
  "publish",
  "follow",
  "getStreams",
  "getPels",
  "getPel",
  "releasePel",
  "publishByPattern",
  "followByPattern",
  "getBroker",
  "getConnections",
  "closeConnection",
  "setLogLevel",
  "getEvents",
  "getCluster",
  "handOver",
] as const;

/** One of the {@linkcode CALLS}. */
export type Call = typeof CALLS[number];

/** One row: a call, the operations that it is about, and what it should come to. */
export interface MatrixRow {
  readonly operations: readonly GuardedOperation[];
  /** Whether it is about one stream; otherwise it has one cell for each policy. */
  readonly hasTarget: boolean;
  readonly expect: (policy: PolicyModel, target: string) => Outcome;
}

const STREAMS = Object.keys(CONTENTS);

/** Expects `FORBIDDEN` without a verb, and otherwise what a stream that exists has to tell. */
function needs(verb: Verb, tell: (target: string) => string = () => "ok"): MatrixRow["expect"] {
  return (policy, target) => {
    if (!policy.may(verb, target)) return "FORBIDDEN";
    return target in CONTENTS ? tell(target) : "STREAM_NOT_FOUND";
  };
}

function stream(
  operations: readonly GuardedOperation[],
  expect: MatrixRow["expect"],
): MatrixRow {
  return { operations, hasTarget: true, expect };
}

/** Changes a schedule, which has the name of its stream: one that may not be seen is as if not there. */
function changesSchedule(operation: GuardedOperation): MatrixRow {
  return stream([operation], (policy, target) => {
    if (!(target in CONTENTS)) return "SCHEDULE_NOT_FOUND";
    if (policy.may("manage", target)) return "ok";
    return policy.may("inspect", target) ? "FORBIDDEN" : "SCHEDULE_NOT_FOUND";
  });
}

/** A row without a target. */
function all(
  operations: readonly GuardedOperation[],
  expect: (policy: PolicyModel) => Outcome,
): MatrixRow {
  return { operations, hasTarget: false, expect };
}

/** A creation of a stream with other options than it has. */
function createWithOptions(ifThere: (policy: PolicyModel, target: string) => Outcome) {
  return (policy: PolicyModel, target: string) => {
    if (!(target in CONTENTS)) return policy.may("manage", target) ? "ok new" : "FORBIDDEN";
    return policy.maySee(target) ? ifThere(policy, target) : "FORBIDDEN";
  };
}

/** What the follower holds, of some streams. */
function heldOf(isSeen: (stream: string) => boolean): string[] {
  return STREAMS.filter(isSeen).flatMap((name) =>
    CONTENTS[name]!.held.map((id) => `${name}:${id}`)
  );
}

function byPattern(verb: "publish" | "follow", none: Outcome): (policy: PolicyModel) => Outcome {
  return (policy) => {
    if (!policy.hasAny(verb)) return "FORBIDDEN";
    const found = STREAMS.filter((name) => policy.may(verb, name));
    return found.length === 0 ? none : `ok ${found.join()}`;
  };
}

function needsAdmin(outcome: Outcome): (policy: PolicyModel) => Outcome {
  return (policy) => policy.isAdmin ? outcome : "FORBIDDEN";
}

/** What every call should come to, for every protocol that has it. */
export const ROWS: Readonly<Record<Call, MatrixRow>> = {
  createStream: stream(
    ["createStream", "prepareStream", "hasStream"],
    createWithOptions(() => "ok known"),
  ),
  createAndUpdate: stream(
    ["createStream", "updateStream", "getStream"],
    createWithOptions((policy, target) => policy.may("manage", target) ? "ok known" : "FORBIDDEN"),
  ),
  createOrFail: stream(["createStream", "getStream"], createWithOptions(() => "STREAM_DIFFERS")),
  updateStream: stream(["updateStream"], needs("manage")),
  pauseStream: stream(["pauseStream"], needs("manage")),
  resumeStream: stream(["resumeStream"], needs("manage")),
  purgeStream: stream(
    ["purgeStream"],
    needs("manage", (target) => `ok ${CONTENTS[target]!.ready.length}`),
  ),
  dropMessages: stream(
    ["dropMessages"],
    needs("manage", (target) => `ok ${CONTENTS[target]!.ready.length}`),
  ),
  cancelMessage: stream(
    ["cancelMessage"],
    needs("manage", (target) => CONTENTS[target]!.held.includes(2) ? "ok pending" : "ok gone"),
  ),
  cancelMessages: stream(["cancelMessages"], needs("manage", () => "ok 0")),
  putSchedule: stream(["putSchedule", "schedules"], (policy, target) => {
    if (!policy.may("publish", target)) return "FORBIDDEN";
    return needs("manage", () => "ok true")(policy, target);
  }),
  getSchedules: all(["getSchedules"], (policy) => {
    return `ok ${STREAMS.filter((name) => policy.may("inspect", name)).join()}`;
  }),
  deleteSchedule: changesSchedule("deleteSchedule"),
  pauseSchedule: changesSchedule("pauseSchedule"),
  resumeSchedule: changesSchedule("resumeSchedule"),
  setLane: stream(["setLane", "lanes"], needs("manage")),
  getLanes: stream(["getLanes"], needs("inspect", () => "ok 0")),
  putLimit: all(["putLimit"], needsAdmin("ok true")),
  getLimits: all(["getLimits"], () => "ok "),
  deleteStream: stream(["deleteStream"], needs("manage")),
  getStream: stream(["getStream"], (policy, target) => {
    if (!policy.maySee(target)) return "FORBIDDEN";
    return target in CONTENTS ? "ok" : "STREAM_NOT_FOUND";
  }),
  peek: stream(
    ["peek"],
    needs("inspect", (target) => `ok ${CONTENTS[target]!.ready.join()}`),
  ),
  getMessage: stream(["getMessage"], needs("inspect")),
  redrive: stream(
    ["redrive"],
    needs("manage", (target) => target === "orders.dead" ? "ok 1" : "ok 0"),
  ),
  explain: stream(["explain"], needs("inspect")),
  // A world keeps nothing on a disk.
  openBackup: all(["openBackup"], needsAdmin("BAD_REQUEST")),
  readBackup: all(["readBackup"], needsAdmin("BAD_REQUEST")),
  closeBackup: all(["closeBackup"], needsAdmin("ok false")),
  publish: stream(["openPublisher", "prepare"], needs("publish", (target) => `ok ${target}`)),
  follow: stream(["openFollower", "prepare"], (policy, target) => {
    if (!policy.may("follow", target)) return "FORBIDDEN";
    return target in CONTENTS ? `ok ${target}` : "ok ";
  }),
  getStreams: all(["getStreams", "listStreams"], (policy) => {
    return `ok ${STREAMS.filter((name) => policy.maySee(name)).join()}`;
  }),
  getPels: all(["getPels", "listPels"], (policy) => {
    const held = heldOf((name) => policy.may("inspect", name));
    return held.length === 0 ? "ok " : `ok ${HOLDER} ${held.length}: ${held.join()}`;
  }),
  getPel: all(["getPel", "listPels"], (policy) => {
    const held = heldOf((name) => policy.may("inspect", name));
    return held.length === 0 ? "FOLLOWER_NOT_FOUND" : `ok ${held.join()}`;
  }),
  releasePel: all(["releasePel"], (policy) => {
    const held = heldOf((name) => policy.may("manage", name));
    if (held.length > 0) return `ok ${held.length}`;
    return heldOf((name) => policy.may("inspect", name)).length > 0
      ? "FORBIDDEN"
      : "FOLLOWER_NOT_FOUND";
  }),
  publishByPattern: all(
    ["openPublisher", "prepare"],
    byPattern("publish", "NO_MATCHING_STREAM"),
  ),
  followByPattern: all(["openFollower", "prepare"], byPattern("follow", "ok ")),
  getBroker: all(["getBroker"], (policy) => `ok ${policy.hasMetrics ? "figures" : "no figures"}`),
  // A second connection of the user is open, and one of somebody else.
  getConnections: all(["getConnections"], (policy) => `ok ${policy.isAdmin ? "all" : "own"}`),
  closeConnection: all(["closeConnection"], (policy) => `ok ${policy.isAdmin}`),
  setLogLevel: all(["setLogLevel"], (policy) => policy.isAdmin ? "ok" : "FORBIDDEN"),
  getEvents: all(["getEvents"], (policy) => policy.isAdmin ? "ok" : "FORBIDDEN"),
  // A broker without a cluster says so to those who may ask.
  getCluster: all(["getCluster"], () => "BAD_REQUEST"),
  handOver: all(["handOver"], (policy) => policy.isAdmin ? "BAD_REQUEST" : "FORBIDDEN"),
};
