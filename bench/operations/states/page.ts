import type { Bench, Operation } from "../operation.ts";

/** Asks the broker over HTTP, as the management page or Prometheus does. */
function ask(
  name: string,
  path: string | ((bench: Bench) => string),
  isAllowed: (status: number) => boolean = (status) => status === 200,
): Operation {
  return {
    name,
    run: async (bench) => {
      const wanted = typeof path === "string" ? path : path(bench);
      const answer = await fetch(`http://127.0.0.1:${bench.broker.httpPort}${wanted}`);
      await answer.text();
      if (!isAllowed(answer.status)) {
        throw new Error(`${wanted} was answered with ${answer.status}`);
      }
    },
  };
}

/** What the page shows of all streams. */
export const PAGE_OF_STREAMS: readonly Operation[] = [
  ask("page, streams", "/api/streams"),
  ask("page, streams by bytes", "/api/streams?sort=bytes&order=desc"),
  ask("page, streams that have a text", "/api/streams?search=9*7&offset=100"),
  ask("page, streams of dead letters", "/api/streams?kind=dead"),
  ask("page, overview", "/api/overview"),
  ask("page, connections", "/api/connections"),
  ask("page, events", "/api/events"),
  ask("page, schedules", "/api/schedules"),
  // Without a cluster there is none to tell of.
  ask("page, cluster", "/api/cluster", (status) => status === 200 || status === 404),
  ask("page, explain", "/api/streams/hot/explain"),
  ask("page, followers", "/api/streams/hot/followers"),
];

/** What the page shows of messages. */
export const PAGE_OF_MESSAGES: readonly Operation[] = [
  ask("page, stream", ({ stream }) => `/api/streams/${stream}`),
  ask(
    "page, messages in the middle",
    ({ stream, count }) => `/api/streams/${stream}/messages?from=${Math.ceil(count / 2)}&limit=100`,
  ),
  ask(
    "page, message",
    ({ stream, count, turn }) =>
      `/api/streams/${stream}/messages?from=${Math.max(1, count - turn)}&limit=1`,
  ),
  ask(
    "page, search for a text that none has",
    ({ stream }) => `/api/streams/${stream}/search?text=nothing`,
  ),
  ask(
    "page, search for a key that none has",
    ({ stream }) => `/api/streams/${stream}/search?key=nothing`,
  ),
  ask("page, lanes", ({ stream }) => `/api/streams/${stream}/lanes`),
  ask("page, explain", ({ stream }) => `/api/streams/${stream}/explain`),
];

/** What the page shows of dead letters. */
export const PAGE_OF_DEAD: readonly Operation[] = [
  ask("page, dead letters", ({ stream }) => `/api/streams/${stream}.dead/messages?limit=100`),
  ask(
    "page, search for a reason that none has",
    ({ stream }) => `/api/streams/${stream}.dead/search?reason=nothing`,
  ),
];
