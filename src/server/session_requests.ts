/**
 * What the cursors of a session ask for, and the answers.
 *
 * @module
 */

import {
  type FrameDecoder,
  type Operation,
  readOperation,
  readRequestNumber,
} from "../../protocol.ts";
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
      const { operation, name } = readOperation(frame);
      this.#openCount++;
      return this.#operate(operation, name).then(
        (result) => session.respond(request, result),
        (error) => session.fail(error, { request }),
      ).catch((error) => session.endWith(error)).finally(() => this.#openCount--);
    } catch (error) {
      session.fail(error, { request });
      return undefined;
    }
  }

  async #operate(operation: Operation, name: string): Promise<unknown> {
    const { engine, number } = this.#session;
    switch (operation) {
      case "createStream":
        if (await engine.createStream(name)) {
          this.#log.info("stream created", { stream: name, session: number });
        }
        return null;
      case "deleteStream":
        await engine.deleteStream(name);
        this.#log.info("stream deleted", { stream: name, session: number });
        return null;
      case "getStreams":
        return await engine.getStreams();
      case "getStream":
        return await engine.getStream(name);
      case "getPels":
        return await engine.getPels();
      case "getPel":
        return await engine.getPel(name);
    }
  }
}
