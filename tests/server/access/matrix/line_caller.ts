import { createPipe } from "../../../../src/transport/duplex.ts";
import {
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../../support/wire/line_client.ts";
import { EVERYTHING, type Found, type MatrixCaller, seeChange } from "./matrix_caller.ts";
import { HOLDER, type MatrixWorld } from "./matrix_world.ts";

/** Opens a connection that speaks lines. */
function connect(world: MatrixWorld): LineClient {
  const [here, there] = createPipe();
  world.sessions.take(there);
  return new LineClient(here);
}

/** Sends a line and takes the error, or the answer to a cursor. */
async function ask(client: LineClient, line: string): Promise<Found | { readonly body: unknown }> {
  await client.send(line);
  for (;;) {
    const { error, id, message_body } = await client.next();
    if (error !== undefined) return { outcome: error.code, message: error.message };
    // Others are messages.
    if (id === 0) return { body: message_body };
  }
}

/** Waits until the broker has done everything before; returns the error, if one comes first. */
async function fence(client: LineClient): Promise<Found | undefined> {
  const answer = await ask(client, cursorLine("GET_STREAMS"));
  return "outcome" in answer ? answer : undefined;
}

/** Makes a call that is a cursor's line. */
function cursor(
  type: string,
  show: (body: unknown, target: string) => Found,
  name?: string,
) {
  return async (world: MatrixWorld, target: string): Promise<Found> => {
    await using client = connect(world);
    const answer = await ask(client, cursorLine(type, name ?? target));
    return "outcome" in answer ? answer : show(answer.body, target);
  };
}

interface Held {
  readonly stream: string;
  readonly id: number;
}

function showHeld(entries: readonly Held[]): string {
  return entries.map(({ stream, id }) => `${stream}:${id}`).sort().join();
}

function publish(target?: RegExp) {
  return (world: MatrixWorld, name: string): Promise<Found> =>
    seeChange(world, "nextId", async () => {
      await using client = connect(world);
      await client.send(publishLine(target ?? name, "1"));
      return await fence(client);
    });
}

function follow(target?: RegExp) {
  return async (world: MatrixWorld, name: string): Promise<Found> => {
    await using client = connect(world);
    return await seeChange(world, "followers", async () => {
      await client.send(giveMeLine(target ?? name));
      return await fence(client);
    });
  };
}

/** Calls in JSON lines. */
export const LINES: MatrixCaller = {
  name: "JSON lines",
  calls: {
    async createStream(world, target) {
      const isKnown = (await world.look()).has(target);
      await using client = connect(world);
      await client.send(cursorLine("CREATE_STREAM", target));
      return await fence(client) ?? { outcome: isKnown ? "ok known" : "ok new" };
    },
    peek: cursor("GET_STREAM", (body) => {
      if (typeof body === "string") return { outcome: "STREAM_NOT_FOUND" };
      return { outcome: `ok ${(body as readonly Held[]).map(({ id }) => id).join()}` };
    }),
    publish: publish(),
    publishByPattern: publish(EVERYTHING),
    follow: follow(),
    followByPattern: follow(EVERYTHING),
    getStreams: cursor("GET_STREAMS", (body) => {
      return { outcome: `ok ${Object.keys(body as object).join()}` };
    }),
    getPels: cursor("GET_PELS", (body) => {
      const lists = Object.entries(body as Record<string, readonly Held[]>);
      const shown = lists.map(([name, held]) => `${name} ${held.length}: ${showHeld(held)}`);
      return { outcome: `ok ${shown.join()}` };
    }),
    cancelMessage: async (world, stream) => {
      await using client = connect(world);
      const answer = await ask(client, cursorLine("CANCEL_MESSAGE", { stream, id: 2 }));
      return "outcome" in answer ? answer : { outcome: `ok ${answer.body}` };
    },
    getPel: cursor("GET_PEL", (body) => {
      if (typeof body === "string") return { outcome: "FOLLOWER_NOT_FOUND" };
      return { outcome: `ok ${showHeld(body as readonly Held[])}` };
    }, HOLDER),
  },
};
