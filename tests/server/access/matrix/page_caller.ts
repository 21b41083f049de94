import { HttpRouter } from "../../../../src/server/http/http_router.ts";
import { openPage } from "../../../../src/server/http/page/page_routes.ts";
import type { HttpParts } from "../../../../src/server/http/http_route.ts";
import { SessionLog } from "../../../../src/server/flow/session_log.ts";
import { Log } from "../../../../src/server/log.ts";
import type { Found, MatrixCaller } from "./matrix_caller.ts";
import { seeChange } from "./matrix_caller.ts";
import { CONTENTS, HOLDER, type MatrixWorld } from "./matrix_world.ts";

/** What the page's routes need, around the engine of a world. */
function makeParts({ engine, sessions }: MatrixWorld): HttpParts {
  const { access, loginGuard, management, counters } = sessions;
  const log = new Log({ level: "error", write: () => {} });
  const now = () => 0;
  return {
    version: "0.0.0",
    settings: { limits: { messageBytes: 1024 * 1024 } } as HttpParts["settings"],
    log,
    engine,
    access,
    loginGuard,
    management,
    seat: undefined,
    counters,
    traffic: { total: 0, requests: 0 } as unknown as HttpParts["traffic"],
    certificates: undefined,
    sessionLog: new SessionLog(log, now),
    hasUsers: true,
    now,
    dateNow: now,
  };
}

/** Calls a route of the page as the user of a world. */
async function call(
  world: MatrixWorld,
  method: string,
  target: string,
  body?: unknown,
): Promise<Found | { readonly status: number; readonly body: unknown }> {
  const parts = makeParts(world);
  const page = openPage(parts);
  const url = new URL(target, "http://localhost");
  const found = new HttpRouter(page.routes).find(method, url.pathname)!;
  if (!("route" in found)) throw new Error(`${method} ${target} is no route`);
  const login = world.logIn();
  const headers = {
    "host": "localhost",
    "origin": "http://localhost",
    "content-type": "application/json",
  };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await found.route.handle({
    request: new Request(url, { method, headers, ...init }),
    url,
    params: found.params,
    address: "127.0.0.1",
    isEncrypted: false,
    signal: new AbortController().signal,
    login,
    user: login.user,
    engine: login.engine,
    parts,
  });
  login.end();
  page.close();
  const text = await response.text();
  const answer = text === "" ? undefined : JSON.parse(text);
  if (response.ok) return { status: response.status, body: answer };
  return { outcome: answer.code, message: answer.detail };
}

/** Makes a call of one route; `TARGET` in its path stands for the stream. */
function route(
  method: string,
  path: string,
  { body, show = () => "" }: {
    readonly body?: unknown;
    readonly show?: (body: unknown, status: number) => string;
  } = {},
) {
  return async (world: MatrixWorld, target: string): Promise<Found> => {
    const answer = await call(world, method, `/api${path.replace("TARGET", target)}`, body);
    if ("outcome" in answer) return answer;
    const shown = show(answer.body, answer.status);
    return { outcome: shown === "" && !path.includes("?") ? "ok" : `ok ${shown}` };
  };
}

const showCount = (body: unknown) => String((body as { count: number }).count);
const showCreation = (_body: unknown, status: number) => status === 201 ? "new" : "known";
const IDS = { ids: [1, 2, 3] };

/** What a follower holds of the streams of a world, one asked after the other. */
async function listHeld(world: MatrixWorld): Promise<string[]> {
  const held: string[] = [];
  for (const stream of Object.keys(CONTENTS)) {
    const answer = await call(world, "GET", `/api/streams/${stream}/followers`);
    if ("outcome" in answer) continue;
    const { followers } = answer.body as {
      followers: readonly { name: string; entries: readonly { id: number }[] }[];
    };
    for (const { entries } of followers) held.push(...entries.map(({ id }) => `${stream}:${id}`));
  }
  return held;
}

/** Calls of the management page. */
export const PAGE: MatrixCaller = {
  name: "the page",
  calls: {
    createStream: (world, target) =>
      route("POST", "/streams", { body: { name: target }, show: showCreation })(world, target),
    createOrFail: (world, target) =>
      route("POST", "/streams", {
        body: { name: target, options: { maxMessages: 7 } },
        show: showCreation,
      })(world, target),
    updateStream: route("PATCH", "/streams/TARGET", { body: { options: { maxMessages: 7 } } }),
    pauseStream: route("POST", "/streams/TARGET/pause"),
    resumeStream: route("POST", "/streams/TARGET/resume"),
    purgeStream: route("POST", "/streams/TARGET/purge", { show: showCount }),
    dropMessages: route("POST", "/streams/TARGET/drop", { body: IDS, show: showCount }),
    deleteStream: route("DELETE", "/streams/TARGET"),
    getStream: route("GET", "/streams/TARGET"),
    peek: route("GET", "/streams/TARGET/messages?limit=9", {
      show: (body) =>
        (body as { messages: readonly { id: number; state: string }[] }).messages
          .filter(({ state }) => state === "ready").map(({ id }) => id).join(),
    }),
    getMessage: (world, target) => {
      const id = CONTENTS[target]?.ready[0] ?? 1;
      return route("GET", `/streams/TARGET/messages/${id}`)(world, target);
    },
    redrive: route("POST", "/streams/TARGET/redrive", { body: IDS, show: showCount }),
    explain: route("GET", "/streams/TARGET/explain"),
    publish: (world, target) =>
      seeChange(world, "nextId", async () => {
        const body = { kind: "text", body: "x" };
        const answer = await call(world, "POST", `/api/streams/${target}/messages`, body);
        return "outcome" in answer ? answer : undefined;
      }),
    getStreams: route("GET", "/streams?limit=200", {
      show: (body) =>
        (body as { streams: readonly { name: string }[] }).streams.map(({ name }) => name).join(),
    }),
    async getPels(world) {
      const held = await listHeld(world);
      return { outcome: held.length === 0 ? "ok " : `ok ${HOLDER} ${held.length}: ${held.join()}` };
    },
    releasePel: (world) =>
      route("POST", `/followers/${HOLDER}/release`, { show: showCount })(world, ""),
    getBroker: route("GET", "/overview", {
      show: (body) => {
        const { broker, totals, history } = body as Record<string, object | null>;
        const hasFigures = "connections" in broker! && "memoryBytes" in totals! && history !== null;
        return hasFigures ? "figures" : "no figures";
      },
    }),
    async getConnections(world) {
      await using _stranger = await Promise.resolve(world.sessions.connect());
      await using _own = await world.sessions.open();
      const show = (body: unknown) => {
        const { connections } = body as { connections: readonly { user?: string }[] };
        return connections.every(({ user }) => user === "app") ? "own" : "all";
      };
      return await route("GET", "/connections", { show })(world, "");
    },
    async closeConnection(world) {
      await using _stranger = await Promise.resolve(world.sessions.connect());
      const found = await route("POST", "/connections/1/close")(world, "");
      return { outcome: found.outcome === "NOT_FOUND" ? "ok false" : `${found.outcome} true` };
    },
    setLogLevel: route("POST", "/log-level", { body: { level: "error" } }),
    getEvents: route("GET", "/events"),
  },
};
