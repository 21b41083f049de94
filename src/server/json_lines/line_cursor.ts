import { setImmediate } from "node:timers";
import {
  BrokerError,
  type ErrorCode,
  type PeekedMessages,
  type PendingEntry,
  type StreamInfo,
} from "../../../protocol.ts";
import { joinLists } from "../../protocol/answers/pending_entry_list.ts";
import { PEEK_BYTES_MAX, PEEK_COUNT_MAX } from "../../protocol/limits.ts";
import { findEntries } from "../../protocol/messages/batch.ts";
import type { Engine } from "../../broker/engine.ts";
import { gatherPages } from "../flow/page_list.ts";
import type { WorkTurn } from "../flow/work_turn.ts";
import { showBody } from "./json_text.ts";

/** The answer to a cursor's request. */
export interface CursorAnswer {
  /** A JSON value, as text. */
  readonly body: string;
  /** Whether the list was cut because the answer would be too long. */
  readonly isTruncated: boolean;
}

/** How often a stream is read for one list: followers may hold all messages that are found. */
const PEEKS_MAX = 10;

/** The largest gap of ids between messages that are read together. */
const GAP_MAX = 16;

/** The room in one answer: for messages, and for the names of the lists that they are in. */
class Room {
  #messages = PEEK_COUNT_MAX;
  #bytes = PEEK_BYTES_MAX;
  #nameBytes = PEEK_BYTES_MAX;
  /** Whether a message or a name had no room. */
  isExceeded = false;

  /** How many more messages have room. */
  get messages(): number {
    return this.#bytes > 0 ? this.#messages : 0;
  }

  /** Takes room for a message, if there is some; the last one may exceed it. */
  take(text: string): boolean {
    if (this.messages === 0) {
      this.isExceeded = true;
      return false;
    }
    this.#bytes -= text.length;
    this.#messages--;
    return true;
  }

  /** Takes room for a name, if there is some. */
  takeName(text: string): boolean {
    if (this.#nameBytes <= 0) {
      this.isExceeded = true;
      return false;
    }
    this.#nameBytes -= text.length;
    return true;
  }
}

/**
 * Answers the cursor of a session of JSON lines: lists the messages that wait in streams, and those that
 * followers hold.
 */
export class LineCursor {
  readonly #engine: Engine;
  readonly #turn: WorkTurn;

  constructor(engine: Engine, turn: WorkTurn) {
    this.#engine = engine;
    this.#turn = turn;
  }

  /** All streams, each with the messages that wait in it. */
  getStreams(): Promise<CursorAnswer> {
    return answer(async (room) => {
      const fields: string[] = [];
      for (const { name, ready, delayed } of await this.#findStreams()) {
        const key = JSON.stringify(name);
        if (!room.takeName(key)) break;
        const list = ready + delayed > 0 ? await this.#listOrExplain(name, room) : "[]";
        fields.push(`${key}:${list}`);
      }
      return `{${fields.join(",")}}`;
    });
  }

  /** The messages that wait in a stream, or a text if it does not exist. */
  getStream(name: string): Promise<CursorAnswer> {
    return answer((room) => explain("STREAM_NOT_FOUND", () => this.#list(name, room)));
  }

  /** The messages that followers hold, by the followers' names. */
  getPels(): Promise<CursorAnswer> {
    return answer(async (room) => {
      const lists: (readonly [string, readonly PendingEntry[]])[] = [];
      let left = PEEK_COUNT_MAX;
      const found = await gatherPages((after) => this.#engine.listPels(after), this.#turn);
      for (const { follower, count, entries } of joinLists(found)) {
        const key = JSON.stringify(follower);
        if (!room.takeName(key)) break;
        lists.push([key, entries.slice(0, left)]);
        if (count > left) room.isExceeded = true;
        left = Math.max(0, left - entries.length);
      }
      const show = await this.#readPending(lists.flatMap(([, entries]) => entries), room);
      const fields = lists.map(([key, entries]) => `${key}:${show(entries)}`);
      return `{${fields.join(",")}}`;
    });
  }

  /** The messages that followers of one name hold, or a text if there is no such follower. */
  getPel(follower: string): Promise<CursorAnswer> {
    const ask = (after: number) => this.#engine.listPels(after, follower);
    return answer((room) =>
      explain("FOLLOWER_NOT_FOUND", async () => {
        const [list] = joinLists(await gatherPages(ask, this.#turn));
        const { entries } = list!;
        if (entries.length > PEEK_COUNT_MAX) room.isExceeded = true;
        const shown = entries.slice(0, PEEK_COUNT_MAX);
        return (await this.#readPending(shown, room))(shown);
      })
    );
  }

  /** All streams by name, with the number of messages that wait. */
  async #findStreams(): Promise<Pick<StreamInfo, "name" | "ready" | "delayed">[]> {
    const streams = await gatherPages(async (after) => {
      const { items, next } = await this.#engine.listStreams(after);
      const kept = items.map(({ name, ready, delayed }) => ({ name, ready, delayed }));
      return { items: kept, ...next !== undefined && { next } };
    }, this.#turn);
    return streams.sort((one, other) => one.name < other.name ? -1 : 1);
  }

  /** Reads a stream; one that cannot be read does not hide the others. */
  async #listOrExplain(name: string, room: Room): Promise<string> {
    if (room.messages > 0) return await explain(undefined, () => this.#list(name, room));
    room.isExceeded = true;
    return "[]";
  }

  /** The messages of a stream that no follower holds, within the room. */
  async #list(name: string, room: Room): Promise<string> {
    const shown: string[] = [];
    let from = 1;
    for (let peeks = 0; peeks < PEEKS_MAX; peeks++) {
      // One message more than the room shows whether the list is cut.
      const limit = Math.min(room.messages + 1, PEEK_COUNT_MAX);
      const messages = await this.#peek(name, from, limit);
      const { infos, entries } = messages;
      for (const [index, offset] of offsetsOf(messages).entries()) {
        const { id, state } = infos[index]!;
        if (state === "pending") continue;
        const text = `{"id":${id},"message_body":${showBody(entries, offset)}}`;
        if (!room.take(text)) return `[${shown.join(",")}]`;
        shown.push(text);
      }
      if (infos.length < limit && entries.length < PEEK_BYTES_MAX) return `[${shown.join(",")}]`;
      from = infos.at(-1)!.id + 1;
    }
    room.isExceeded = true;
    return `[${shown.join(",")}]`;
  }

  /**
   * Reads messages that followers hold, without those acknowledged meanwhile.
   *
   * @returns A function that makes a list of some of them.
   */
  async #readPending(
    entries: readonly PendingEntry[],
    room: Room,
  ): Promise<(entries: readonly PendingEntry[]) => string> {
    const texts = new Map<string, string>();
    const streams = Map.groupBy(entries, ({ stream }) => stream);
    for (const [stream, held] of streams) {
      const ids = held.map(({ id }) => id).sort((one, other) => one - other);
      // A stream that was deleted meanwhile, or is damaged, has no messages to show.
      await explain(undefined, async () => {
        await this.#readHeld(stream, ids, (id, body) => {
          const name = JSON.stringify(stream);
          const text = `{"stream":${name},"id":${id},"message_body":${body}}`;
          if (!room.take(text)) return false;
          texts.set(`${stream} ${id}`, text);
          return true;
        });
        return "";
      });
    }
    return (entries) => {
      const shown = entries.map(({ stream, id }) => texts.get(`${stream} ${id}`))
        .filter((text) => text !== undefined);
      return `[${shown.join(",")}]`;
    };
  }

  /** Reads messages of a stream, by ids in order, until `take` wants no more. */
  async #readHeld(
    stream: string,
    ids: readonly number[],
    take: (id: number, body: string) => boolean,
  ): Promise<void> {
    for (let index = 0; index < ids.length;) {
      const from = ids[index]!;
      const lastId = findLastNear(ids, index);
      const messages = await this.#peek(stream, from, lastId - from + 1);
      const { infos, entries } = messages;
      const seenId = infos.at(-1)?.id ?? lastId;
      const wanted = new Set(ids.slice(index, index + PEEK_COUNT_MAX));
      for (const [at, offset] of offsetsOf(messages).entries()) {
        const { id } = infos[at]!;
        if (wanted.has(id) && !take(id, showBody(entries, offset))) return;
      }
      while (index < ids.length && ids[index]! <= seenId) index++;
    }
  }

  /** Reads from a stream after yielding to others: an answer may need a thousand reads. */
  async #peek(name: string, from: number, limit: number): Promise<PeekedMessages> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    return await this.#engine.peek(name, from, limit);
  }
}

async function answer(write: (room: Room) => Promise<string>): Promise<CursorAnswer> {
  const room = new Room();
  const body = await write(room);
  return { body, isTruncated: room.isExceeded };
}

function offsetsOf({ infos, entries }: PeekedMessages): number[] {
  return findEntries({ count: infos.length, buffer: entries, start: 0, end: entries.length });
}

/** The index of the last id, from `index` on, that can be read together with those before it. */
function findLastNear(ids: readonly number[], index: number): number {
  const first = ids[index]!;
  let last = first;
  for (let next = index + 1; next < ids.length; next++) {
    const id = ids[next]!;
    if (id - last > GAP_MAX || id - first >= PEEK_COUNT_MAX) break;
    last = id;
  }

  return last;
}

/** Makes a text of an error with that code, or of any error that does not end a session. */
async function explain(
  code: ErrorCode | undefined,
  list: () => Promise<string>,
): Promise<string> {
  try {
    return await list();
  } catch (error) {
    if (!(error instanceof BrokerError) || error.fatal) throw error;
    if (code !== undefined && error.code !== code) throw error;
    return JSON.stringify(error.message);
  }
}
