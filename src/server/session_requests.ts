/**
 * What the cursors of a session ask for, and the answers.
 *
 * @module
 */

import {
  BrokerError,
  findDifferences,
  type FrameDecoder,
  type Operation,
  type PeekedMessages,
  readOperation,
  readRequestNumber,
  type RequestFields,
  type RequestOptions,
  type StreamCreation,
  writeMessages,
} from "../../protocol.ts";
import type { Engine } from "../broker/engine.ts";
import type { Log } from "./log.ts";
import type { SessionHost } from "./session_host.ts";

/** How many requests of a session may be under way: an answer can be a thousand times as long. */
const REQUESTS_MAX = 16;

/** The requests of one session. */
export class SessionRequests {
  readonly #session: SessionHost;
  readonly #log: Log;
  #openCount = 0;

  constructor(session: SessionHost, log: Log) {
    this.#session = session;
    this.#log = log;
  }

  /** Whether no more should be taken on until some of them are answered. */
  get isFull(): boolean {
    return this.#openCount >= REQUESTS_MAX;
  }

  /** Carries out a request and answers it; resolves when that is done. */
  handleRequest(frame: FrameDecoder): Promise<void> | undefined {
    const session = this.#session;
    const request = readRequestNumber(frame);
    try {
      const operation = readOperation(frame);
      this.#openCount++;
      return this.#operate(operation).then(
        (result) => this.#answer(request, result),
        (error) => session.fail(error, { request }),
      ).catch((error) => session.endWith(error)).finally(() => this.#openCount--);
    } catch (error) {
      session.fail(error, { request });
      return undefined;
    }
  }

  #answer(request: number, result: unknown): void {
    const session = this.#session;
    if (!(result instanceof Peeked)) return session.respond(request, result);
    if (session.isOver) return;
    writeMessages(session.link.writer, request, result.messages);
    session.link.flush();
  }

  #operate({ operation, name, options = {} }: Asked): Promise<unknown> {
    return operations[operation](this.#session.engine, name, options, (what) => {
      this.#log.info(what, { stream: name, session: this.#session.number });
    });
  }
}

/** A request without its number. */
type Asked = Omit<RequestFields, "request">;

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
  options: RequestOptions,
  note: (what: string) => void,
) => Promise<unknown>;

/** So many messages are looked at unless somebody says otherwise. */
const PEEK_COUNT = 100;

/** Creates a stream; what becomes of one that is there, with other options, is for the client to say. */
async function createStream(
  engine: Engine,
  name: string,
  { stream = {}, ifDifferent = "keep" }: RequestOptions,
  note: (what: string) => void,
): Promise<StreamCreation> {
  if (await engine.createStream(name, stream)) {
    note("stream created");
    return { created: true, differs: [] };
  }
  if (Object.keys(stream).length === 0) return { created: false, differs: [] };
  const { options } = await engine.getStream(name);
  const differs = findDifferences(options, stream);
  if (differs.length > 0 && ifDifferent === "fail") {
    const found = differs.map((key) =>
      `${key} is ${JSON.stringify(options[key])}, not ${JSON.stringify(stream[key])}`
    );
    throw new BrokerError(
      "STREAM_DIFFERS",
      `Cannot create stream "${name}": there is one with other options, ${found.join("; ")}`,
    );
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
  getStreams: (engine) => engine.getStreams(),
  getStream: (engine, name) => engine.getStream(name),
  getPels: (engine) => engine.getPels(),
  getPel: (engine, name) => engine.getPel(name),
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
