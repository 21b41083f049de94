/**
 * Creates, lists and looks into streams. A cursor takes no part in the exchange of messages.
 *
 * @module
 */

import {
  findLabelMistake,
  findStreamNameMistake,
  type PendingEntry,
  type PendingEntryList,
  type StreamInfo,
} from "../../protocol.ts";
import type { Uplink } from "./uplink.ts";

/**
 * The utility member of a connection.
 *
 * @example Looking around
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * const cursor = connection.cursor();
 * await cursor.createStream("orders");
 * await cursor.createStream("invoices");
 * assertEquals((await cursor.getStreams()).map(({ name }) => name), ["invoices", "orders"]);
 * assertEquals((await cursor.getStream("orders")).nextId, 1);
 * ```
 */
export interface Cursor {
  /**
   * Creates a stream. If there is one of that name already, nothing happens.
   *
   * @param name 1 to 128 of the characters `A-Z a-z 0-9 . _ -`, a letter or a digit first.
   * @throws {RangeError} If the name is not allowed.
   * @throws {BrokerError} `TOO_MANY_STREAMS`.
   */
  createStream(name: string): Promise<void>;
  /**
   * Deletes a stream with all its messages. Followers bound to it wait for a stream of that name.
   *
   * @param name The stream's name.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   */
  deleteStream(name: string): Promise<void>;
  /** Tells of all streams, sorted by name. */
  getStreams(): Promise<StreamInfo[]>;
  /**
   * Tells of one stream.
   *
   * @param name The stream's name.
   * @throws {BrokerError} `STREAM_NOT_FOUND`.
   */
  getStream(name: string): Promise<StreamInfo>;
  /** Tells what followers have taken and not acknowledged, by the followers' names. */
  getPels(): Promise<PendingEntryList[]>;
  /**
   * Tells what the followers of one name have taken and not acknowledged: the first 50,000 entries.
   *
   * @param followerName The followers' name.
   * @throws {BrokerError} `FOLLOWER_NOT_FOUND` if none of that name is connected.
   */
  getPel(followerName: string): Promise<PendingEntry[]>;
}

/** The cursor of a client. */
export class ClientCursor implements Cursor {
  readonly #uplink: Uplink;

  constructor(uplink: Uplink) {
    this.#uplink = uplink;
  }

  async createStream(name: string): Promise<void> {
    checkStreamName(name);
    await this.#uplink.request("createStream", name);
  }

  async deleteStream(name: string): Promise<void> {
    checkStreamName(name);
    await this.#uplink.request("deleteStream", name);
  }

  async getStreams(): Promise<StreamInfo[]> {
    return await this.#uplink.request("getStreams") as StreamInfo[];
  }

  async getStream(name: string): Promise<StreamInfo> {
    checkStreamName(name);
    return await this.#uplink.request("getStream", name) as StreamInfo;
  }

  async getPels(): Promise<PendingEntryList[]> {
    return await this.#uplink.request("getPels") as PendingEntryList[];
  }

  async getPel(followerName: string): Promise<PendingEntry[]> {
    const mistake = findLabelMistake(followerName);
    if (mistake !== undefined) throw new RangeError(`Cannot look for a follower: ${mistake}`);
    return await this.#uplink.request("getPel", followerName) as PendingEntry[];
  }
}

function checkStreamName(name: string): void {
  const mistake = findStreamNameMistake(name);
  if (mistake !== undefined) throw new RangeError(`Cannot use a stream name: ${mistake}`);
}
