import { assertEquals } from "@std/assert";
import type {
  ConnectionInfo,
  LaneList,
  Operation,
  Page,
  QueryOptions,
  ScheduleInfo,
  SharedLimitInfo,
  StreamInfo,
} from "../../../../protocol.ts";
import type { RawClient } from "../../../support/wire/raw_client.ts";
import { EVERYTHING, type Found, type MatrixCaller, seeChange } from "./matrix_caller.ts";
import { CONTENTS, entryOf, HOLDER, type MatrixWorld } from "./matrix_world.ts";

/** Waits for the answer to a query, or the error about anything. */
async function answerOf(client: RawClient): Promise<Found | { readonly result: unknown }> {
  for (;;) {
    const frame = await client.next();
    if (frame?.name === "response") return { result: frame.content.result };
    if (frame?.name === "messages") return { result: frame.content.messages };
    if (frame?.name === "error" || frame?.name === "refuse") {
      return { outcome: frame.content.code, message: frame.content.message };
    }
    if (frame === undefined) throw new Error("the broker has ended the connection");
  }
}

/** Makes a call that is a query. */
function query(
  operation: Operation,
  show: (result: unknown) => string = () => "",
  options: (target: string) => QueryOptions = () => ({}),
) {
  return async (world: MatrixWorld, target: string): Promise<Found> => {
    await using client = await world.sessions.open();
    await client.query(1, operation, target, options(target));
    const answer = await answerOf(client);
    if ("outcome" in answer) return answer;
    const shown = show(answer.result);
    return { outcome: shown === "" && !LISTS.has(operation) ? "ok" : `ok ${shown}` };
  };
}

const LISTS = new Set<Operation>(["getStreams", "getPels", "getSchedules", "getLimits"]);

/** Opens a connection that has no user yet, with the number 1. */
async function connectStranger(world: MatrixWorld): Promise<AsyncDisposable> {
  return await Promise.resolve(world.sessions.connect());
}

interface Entry {
  readonly stream: string;
  readonly id: number;
}

interface Lists {
  readonly items: readonly { follower: string; count: number; entries: readonly Entry[] }[];
}

function showEntries(entries: readonly Entry[]): string {
  return entries.map(({ stream, id }) => `${stream}:${id}`).sort().join();
}

const showCreation = (result: unknown) =>
  (result as { created: boolean }).created ? "new" : "known";

/** Waits until the broker has done everything before; returns the error, if one comes first. */
async function fence(client: RawClient): Promise<Found | undefined> {
  await client.query(2, "getStreams");
  const answer = await answerOf(client);
  return "outcome" in answer ? answer : undefined;
}

function publish(target?: RegExp) {
  return (world: MatrixWorld, name: string): Promise<Found> =>
    seeChange(world, "nextId", async () => {
      await using client = await world.sessions.open();
      await client.openPublisher(1, target ?? name);
      await client.publish(1, 1, ["x"]);
      const refused = await fence(client);
      // The batch that was under way is refused for the same reason.
      if (refused?.outcome === "FORBIDDEN") assertEquals(await fence(client), refused);
      return refused;
    });
}

function follow(target?: RegExp) {
  return (world: MatrixWorld, name: string): Promise<Found> =>
    seeFollowing(world, async (client) => {
      await client.openFollower(1, target ?? name, { messages: 0 });
      return await fence(client);
    });
}

/** Tells of the streams that a client follows while it is connected. */
async function seeFollowing(
  world: MatrixWorld,
  act: (client: RawClient) => Promise<Found | undefined>,
): Promise<Found> {
  await using client = await world.sessions.open();
  return await seeChange(world, "followers", () => act(client));
}

/** Calls in frames. */
export const FRAMES: MatrixCaller = {
  name: "frames",
  calls: {
    createStream: query("createStream", showCreation),
    createAndUpdate: query("createStream", showCreation, () => ({
      stream: { maxMessages: 7 },
      ifDifferent: "update",
    })),
    createOrFail: query("createStream", showCreation, () => ({
      stream: { maxMessages: 7 },
      ifDifferent: "fail",
    })),
    updateStream: query("updateStream", undefined, () => ({ stream: { maxMessages: 7 } })),
    pauseStream: query("pauseStream"),
    resumeStream: query("resumeStream"),
    purgeStream: query("purgeStream", String),
    dropMessages: query(
      "dropMessages",
      (result) => String((result as { count: number }).count),
      () => ({ ids: [1, 2, 3] }),
    ),
    putSchedule: query(
      "putSchedule",
      String,
      (stream) => ({ schedule: { stream, entry: entryOf("other"), everyMs: 1e9 } }),
    ),
    getSchedules: query(
      "getSchedules",
      (result) => (result as Page<ScheduleInfo>).items.map(({ name }) => name).join(),
    ),
    deleteSchedule: query("deleteSchedule"),
    pauseSchedule: query("pauseSchedule"),
    resumeSchedule: query("resumeSchedule"),
    setLane: query("setLane", undefined, () => ({ lane: "one", laneSettings: { weight: 2 } })),
    getLanes: query("getLanes", (result) => String((result as LaneList).count)),
    async putLimit(world) {
      return await query("putLimit", String, () => ({ sharedLimit: { maxPending: 1 } }))(
        world,
        "api",
      );
    },
    getLimits: query(
      "getLimits",
      (result) => (result as SharedLimitInfo[]).map(({ name }) => name).join(),
    ),
    cancelMessage: query(
      "cancelMessage",
      (result) => (result as { was: string }).was,
      () => ({ from: 2 }),
    ),
    cancelMessages: query(
      "cancelMessages",
      (result) => String((result as { ready: number }).ready),
      () => ({ key: "none" }),
    ),
    deleteStream: query("deleteStream"),
    getStream: query("getStream"),
    peek: query("peek", (result) => {
      const { infos } = result as { infos: readonly { id: number; state: string }[] };
      return infos.filter(({ state }) => state === "ready").map(({ id }) => id).join();
    }),
    getMessage: query("getMessage", undefined, (target) => ({
      from: CONTENTS[target]?.ready[0] ?? 1,
    })),
    redrive: query(
      "redrive",
      (result) => String((result as { count: number }).count),
      () => ({ ids: [1, 2, 3] }),
    ),
    explain: query("explain"),
    openBackup: query("openBackup"),
    readBackup: query("readBackup"),
    closeBackup: query("closeBackup", String),
    publish: publish(),
    publishByPattern: publish(EVERYTHING),
    follow: follow(),
    followByPattern: follow(EVERYTHING),
    getStreams: query("getStreams", (result) => {
      return (result as { items: readonly StreamInfo[] }).items.map(({ name }) => name).sort()
        .join();
    }),
    getPels: query("getPels", (result) => {
      const lists = (result as Lists).items.map(({ follower, count, entries }) =>
        `${follower} ${count}: ${showEntries(entries)}`
      );
      return lists.join();
    }),
    getPel: (world) =>
      query("getPel", (result) => showEntries((result as Lists).items[0]!.entries))(world, HOLDER),
    releasePel: (world) => query("releasePel", String)(world, HOLDER),
    getBroker: query(
      "getBroker",
      (result) => "connections" in (result as object) ? "figures" : "no figures",
    ),
    async getConnections(world) {
      await using _stranger = await connectStranger(world);
      const show = (result: unknown) => {
        const users = (result as Page<ConnectionInfo>).items.map(({ user }) => user);
        return users.every((user) => user === "app") ? "own" : "all";
      };
      return await query("getConnections", show)(world, "");
    },
    async closeConnection(world) {
      await using _stranger = await connectStranger(world);
      return await query("closeConnection", String, () => ({ connection: 1 }))(world, "");
    },
    setLogLevel: query("setLogLevel", undefined, () => ({ level: "error" })),
    getEvents: query("getEvents"),
    getCluster: query("getCluster"),
    handOver: query("handOver"),
  },
};
