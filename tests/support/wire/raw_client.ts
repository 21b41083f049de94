/**
 * A client that speaks bytes and frames by hand: it says what a test tells it to, in order or out of
 * it, and shows what the broker answers, frame by frame.
 *
 * @module
 */

import { DuplexClient, openSocket } from "./duplex_client.ts";
import { AssertionError } from "@std/assert";
import {
  type BindFields,
  type ControlFrames,
  type ErrorCode,
  type ErrorReport,
  FrameDecoder,
  FrameType,
  FrameWriter,
  MAGIC,
  type MessageBatch,
  type Operation,
  type QueryOptions,
  type Welcome,
  writeControlFrame,
  writeCredit,
  writePublish,
  writeQuery,
  writeTags,
  writeVerdict,
} from "../../../protocol.ts";
import { batchOf } from "./batches.ts";
import { type BrokerFrame, type BrokerFrames, readBrokerFrame } from "./broker_frames.ts";

/** Larger than whatever the broker sends in a test. */
const FRAME_BYTES_MAX = 128 * 1024 * 1024;

/** Consecutive deliveries: the first tag, and how many. */
export type Tags = readonly [firstTag: number, count: number];

/** Makes bytes of frames. */
export function bytesOf(write: (writer: FrameWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = new FrameWriter();
  write(writer);
  return writer.take().slice();
}

/** What a client sends first: the magic and its `hello`. */
export function helloBytes(client?: string, token?: string): Uint8Array<ArrayBuffer> {
  return bytesOf((writer) => {
    writer.bytes(MAGIC);
    const hello = { client: client ?? "raw", capabilities: [], ...token && { token } };
    writeControlFrame(writer, "hello", hello);
  });
}

/** A bind to a stream, or to all whose names match a pattern. */
export function bindOf(target: string | RegExp): BindFields {
  return typeof target === "string"
    ? { routeString: target, bindType: "direct", ignoreCase: false }
    : { routeString: target.source, bindType: "regex", ignoreCase: target.ignoreCase };
}

/** A connection to a broker on which a test says everything itself. */
export class RawClient extends DuplexClient {
  readonly #decoder = new FrameDecoder(FRAME_BYTES_MAX);

  /** Opens a connection, and says nothing. */
  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await openSocket(port));
  }

  /** Opens a connection and a session on it. */
  static async open(port: number, client?: string): Promise<RawClient> {
    const raw = await RawClient.connect(port);
    await raw.shakeHands(client);
    return raw;
  }

  /** Sends bytes. A connection that has ended takes them as well; `expectEnd` tells of it. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.write(bytes);
  }

  /** Sends one frame of any type, known or not. */
  sendFrame(type: number, write: (writer: FrameWriter) => void = () => {}): Promise<void> {
    return this.send(bytesOf((writer) => {
      writer.begin(type as FrameType);
      write(writer);
      writer.end();
    }));
  }

  /** Sends a frame with JSON in it. */
  sendControl<Name extends keyof ControlFrames>(
    name: Name,
    content: ControlFrames[Name],
  ): Promise<void> {
    return this.send(bytesOf((writer) => writeControlFrame(writer, name, content)));
  }

  /** Sends the magic and a `hello`. */
  hello(client?: string): Promise<void> {
    return this.send(helloBytes(client));
  }

  /** Opens a session. */
  async shakeHands(client?: string): Promise<Welcome> {
    await this.hello(client);
    return await this.expect("welcome");
  }

  /** Opens a publisher. */
  openPublisher(
    publisher: number,
    target: string | RegExp,
    identity = `publisher ${publisher}`,
  ): Promise<void> {
    return this.sendControl("openPublisher", { publisher, identity, bind: bindOf(target) });
  }

  /** Publishes texts, or a batch made otherwise. */
  publish(
    publisher: number,
    sequence: number,
    messages: readonly string[] | MessageBatch,
    settled = 0,
  ): Promise<void> {
    const batch = "count" in messages ? messages : batchOf(...messages);
    return this.send(bytesOf((writer) => {
      writePublish(writer, { publisher, sequence, settled }, batch);
    }));
  }

  /** Opens a follower. */
  openFollower(
    follower: number,
    target: string | RegExp,
    options: { name?: string; messages?: number; bytes?: number } = {},
  ): Promise<void> {
    const { name = `follower ${follower}`, messages = 1000, bytes = 1024 * 1024 } = options;
    const bind = bindOf(target);
    return this.sendControl("openFollower", { follower, name, bind, messages, bytes });
  }

  /** Says how much a follower may hold. */
  credit(follower: number, messages: number, bytes: number = 1024 * 1024): Promise<void> {
    return this.send(bytesOf((writer) => writeCredit(writer, { follower, messages, bytes })));
  }

  /** Says something of deliveries; an answer comes if `query` is not 0. */
  sendTags(
    verb: "ack" | "release" | "begin",
    follower: number,
    tags: readonly Tags[],
    query = 0,
  ): Promise<void> {
    const ranges = tags.map(([firstTag, count]) => ({ firstTag, count }));
    return this.send(bytesOf((writer) => {
      writeTags(writer, FrameType[verb], { follower, query, ranges });
    }));
  }

  /** Says what becomes of deliveries; an answer comes if `query` is not 0. */
  sendVerdict(
    verb: "nack" | "reject" | "extend",
    follower: number,
    tags: readonly Tags[],
    options: { query?: number; ms?: number; reason?: string } = {},
  ): Promise<void> {
    const { query = 0, ms, reason = "" } = options;
    const ranges = tags.map(([firstTag, count]) => ({ firstTag, count }));
    return this.send(bytesOf((writer) => {
      writeVerdict(writer, FrameType[verb], { follower, query, ranges, ms, reason });
    }));
  }

  /** Ends a publisher. */
  closePublisher(publisher: number): Promise<void> {
    return this.sendFrame(FrameType.closePublisher, (frame) => frame.u32(publisher));
  }

  /** Ends a follower that has received everything up to `lastTag`. */
  closeFollower(follower: number, lastTag: number): Promise<void> {
    return this.sendFrame(FrameType.closeFollower, (frame) => {
      frame.u32(follower);
      frame.u64(lastTag);
    });
  }

  /** Sends a query. */
  query(
    query: number,
    operation: Operation,
    name = "",
    options: QueryOptions = {},
  ): Promise<void> {
    const hasOptions = Object.keys(options).length > 0;
    const fields = { query, operation, name, ...hasOptions && { options } };
    return this.send(bytesOf((writer) => writeQuery(writer, fields)));
  }

  /** Sends a query and waits for its result; no other frame may come before it. */
  async ask(operation: Operation, name = "", options: QueryOptions = {}): Promise<unknown> {
    await this.query(0xffff, operation, name, options);
    const { query, result } = await this.expect("response");
    if (query !== 0xffff) throw new AssertionError(`Expected no answer to ${query}`);
    return result;
  }

  /** The next frame, or `undefined` if the broker has ended the connection. */
  async next(): Promise<BrokerFrame | undefined> {
    while (!this.#decoder.next()) {
      if (!await this.#receive()) return undefined;
    }
    return readBrokerFrame(this.#decoder);
  }

  /** The next frame, which must be of that type; notices in front of it are skipped. */
  async expect<Name extends keyof BrokerFrames>(name: Name): Promise<BrokerFrames[Name]> {
    for (;;) {
      const frame = await this.next();
      if (frame?.name === name) return frame.content as BrokerFrames[Name];
      if (frame?.name === "heartbeat" || frame?.name === "streamsForgotten") continue;
      const found = frame === undefined ? "the end" : JSON.stringify(frame);
      throw new AssertionError(`Expected a frame of type ${name}, found ${found}`);
    }
  }

  /** The next frame, which must be an error with that code. */
  async expectError(code: ErrorCode): Promise<ErrorReport> {
    const report = await this.expect("error");
    if (report.code !== code) {
      throw new AssertionError(`Expected error ${code}, found ${JSON.stringify(report)}`);
    }
    return report;
  }

  /** The next frame, which must be an error with that code; then the connection must end. */
  async expectFatalError(code: ErrorCode): Promise<ErrorReport> {
    const report = await this.expectError(code);
    await this.expectEnd();
    return report;
  }

  /** Waits for the end of the connection; no frame but heartbeats may come before. */
  async expectEnd(): Promise<void> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) return;
      if (frame.name === "heartbeat") continue;
      throw new AssertionError(`Expected the end, found ${JSON.stringify(frame)}`);
    }
  }

  /** Takes deliveries until there are so many messages; gives them one by one. */
  async takeMessages(count: number): Promise<TakenMessage[]> {
    const messages: TakenMessage[] = [];
    while (messages.length < count) {
      const frame = await this.next();
      if (frame?.name === "stream" || frame?.name === "heartbeat") continue;
      if (frame?.name !== "deliver") {
        throw new AssertionError(`Expected a delivery, found ${JSON.stringify(frame)}`);
      }
      const { follower, firstTag, firstId, attempts, texts } = frame.content;
      texts.forEach((text, index) =>
        messages.push({ follower, tag: firstTag + index, id: firstId + index, attempts, text })
      );
    }
    return messages;
  }

  async #receive(): Promise<boolean> {
    const count = await this.read(this.#decoder.space());
    if (count !== null) this.#decoder.received(count);
    return count !== null;
  }
}

/** One message, as it came to a raw client. */
export interface TakenMessage {
  readonly follower: number;
  readonly tag: number;
  readonly id: number;
  readonly attempts: number;
  readonly text: string;
}
