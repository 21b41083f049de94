/**
 * What the cursors of a session ask for, and the answers.
 *
 * @module
 */

import {
  BrokerError,
  type FrameDecoder,
  type Operation,
  type Page,
  type PeekedMessages,
  type QueryFields,
  type QueryOptions,
  type StreamCreation,
} from "../../../protocol.ts";
import { joinLists } from "../../protocol/frames/page.ts";
import { readOperation, readQueryNumber } from "../../protocol/frames/query_frame.ts";
import { writeMessages } from "../../protocol/frames/stream_info.ts";
import { ANSWER_LENGTH_MAX } from "../../protocol/limits.ts";
import { explainDifferences, findDifferences } from "../../protocol/messages/stream_options.ts";
import type { Engine } from "../../broker/engine.ts";
import type { Log } from "../log.ts";
import type { SessionContext } from "../flow/session_context.ts";
import type { SessionHost } from "./answers.ts";
import { SLICE_STEPS, type WorkTurn } from "../flow/work_turn.ts";

/** How many queries of a session may be under way: an answer can be a thousand times as long. */
const REQUESTS_MAX = 16;

/** A query takes about as long as so many steps: an event, a line of the log, an answer. */
const REQUEST_STEPS = 128;

/** The queries of one session. */
export class SessionQueries {
  readonly #session: SessionHost;
  readonly #log: Log;
  readonly #turn: WorkTurn;
  #openCount = 0;

  constructor(session: SessionHost, { log, turn }: Pick<SessionContext, "log" | "turn">) {
    this.#session = session;
    this.#log = log;
    this.#turn = turn;
  }

  /** Whether no more should be taken on until some of them are answered. */
  get isFull(): boolean {
    return this.#openCount >= REQUESTS_MAX;
  }

  /** Carries out a query and answers it; resolves when that is done. */
  handleQuery(frame: FrameDecoder): Promise<void> | undefined {
    const session = this.#session;
    const query = readQueryNumber(frame);
    try {
      const operation = readOperation(frame);
      this.#openCount++;
      this.#turn.note(REQUEST_STEPS);
      return this.#operate(operation).then(
        (result) => this.#answer(query, result),
        (error) => session.fail(error, { query }),
      ).catch((error) => session.endWith(error)).finally(() => this.#openCount--);
    } catch (error) {
      session.fail(error, { query });
      return undefined;
    }
  }

  #answer(query: number, result: unknown): void {
    const session = this.#session;
    if (!(result instanceof Peeked)) return session.respond(query, result);
    if (session.isOver) return;
    writeMessages(session.link.writer, query, result.messages);
    session.link.flush();
  }

  #operate({ operation, name, options = {} }: Asked): Promise<unknown> {
    const { engine, number: session } = this.#session;
    const note = (what: string) => this.#log.info(what, { stream: name, session });
    return operations[operation](engine, name, options, note, this.#turn);
  }
}

/** A query without its number. */
type Asked = Omit<QueryFields, "query">;

/** Messages, which are not answered as JSON. */
class Peeked {
  readonly messages: PeekedMessages;

  constructor(messages: PeekedMessages) {
    this.messages = messages;
  }
}

/** Carries an operation out; `note` writes into the log what it has changed. */
type Operate = (
  engine: Engine,
  name: string,
  options: QueryOptions,
  note: (what: string) => void,
  turn: WorkTurn,
) => Promise<unknown>;

/** Gathers the pages of an answer for a client that does not ask for pages. */
async function gather<Item>(
  ask: (after: number) => Promise<Page<Item>>,
  turn: WorkTurn,
): Promise<Item[]> {
  const all: Item[] = [];
  let length = 0;
  for (let after: number | undefined = 0; after !== undefined;) {
    const { items, next }: Page<Item> = await ask(after);
    length += JSON.stringify(items).length;
    if (length > ANSWER_LENGTH_MAX) {
      throw new BrokerError(
        "BAD_REQUEST",
        `Cannot answer a query in one piece: the answer has more than ${ANSWER_LENGTH_MAX} ` +
          `characters; ask for pages, with the option "after"`,
      );
    }
    for (const item of items) all.push(item);
    after = next;
    if (next !== undefined) await turn.next();
  }
  return all;
}

/** So many messages are looked at unless somebody says otherwise. */
const PEEK_COUNT = 100;

/** Creates a stream; what becomes of one that is there, with other options, is for the client to say. */
async function createStream(
  engine: Engine,
  name: string,
  { stream = {}, ifDifferent = "keep" }: QueryOptions,
  note: (what: string) => void,
  turn: WorkTurn,
): Promise<StreamCreation> {
  while (!engine.prepareStream(name, SLICE_STEPS)) await turn.note();
  if (await engine.createStream(name, stream)) {
    note("stream created");
    return { created: true, differs: [] };
  }
  if (Object.keys(stream).length === 0) return { created: false, differs: [] };
  const { options } = await engine.getStream(name);
  const differs = findDifferences(options, stream);
  if (differs.length > 0 && ifDifferent === "fail") {
    throw new BrokerError("STREAM_DIFFERS", explainDifferences(name, options, stream));
  }
  if (differs.length > 0 && ifDifferent === "update") {
    await engine.updateStream(name, stream);
    note("stream updated");
  }
  return { created: false, differs };
}

/** What each operation does. */
const operations: { readonly [Name in Operation]: Operate } = {
  createStream,
  async updateStream(engine, name, { stream = {} }, note) {
    await engine.updateStream(name, stream);
    note("stream updated");
    return null;
  },
  async pauseStream(engine, name, _options, note) {
    await engine.pauseStream(name, true);
    note("stream paused");
    return null;
  },
  async resumeStream(engine, name, _options, note) {
    await engine.pauseStream(name, false);
    note("stream resumed");
    return null;
  },
  async purgeStream(engine, name, _options, note) {
    const count = await engine.purgeStream(name);
    note("stream purged");
    return count;
  },
  async deleteStream(engine, name, _options, note) {
    await engine.deleteStream(name);
    note("stream deleted");
    return null;
  },
  async getStreams(engine, _name, { after }, _note, turn) {
    if (after !== undefined) return engine.listStreams(after);
    const streams = await gather((after) => engine.listStreams(after), turn);
    return streams.sort((one, other) => one.name < other.name ? -1 : 1);
  },
  getStream: (engine, name) => engine.getStream(name),
  async getPels(engine, _name, { after }, _note, turn) {
    if (after !== undefined) return engine.listPels(after);
    return joinLists(await gather((after) => engine.listPels(after), turn));
  },
  async getPel(engine, name, { after }, _note, turn) {
    if (after !== undefined) return engine.listPels(after, name);
    const [list] = joinLists(await gather((after) => engine.listPels(after, name), turn));
    return list!.entries;
  },
  releasePel: (engine, name) => engine.releasePel(name),
  async peek(engine, name, { from = 1, limit = PEEK_COUNT }) {
    return new Peeked(await engine.peek(name, from, limit));
  },
  async getMessage(engine, name, { from = 0 }) {
    const messages = await engine.peek(name, from, 1);
    if (messages.infos[0]?.id === from) return new Peeked(messages);
    throw new BrokerError(
      "MESSAGE_NOT_FOUND",
      `Cannot find message ${from} of "${name}": it is gone, or has never been there`,
    );
  },
  async redrive(engine, name, { ids = [] }, note) {
    const result = await engine.redrive(name, ids);
    if (result.count > 0) note("dead letters sent back");
    return result;
  },
  explain: (engine, name) => engine.explain(name),
};
