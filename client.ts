/**
 * The client: connects to a broker, publishes, follows, and looks into streams.
 *
 * @example Everything in one place
 * ```ts
 * import { connect } from "@simplemq/simplemq/client";
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await connect({ port: broker.port });
 *
 * await connection.cursor().createStream("hello_queue");
 * const receipt = await connection.publisher("hello_queue").sendMessage("hello world");
 * assertEquals(receipt, { streams: [{ stream: "hello_queue", id: 1 }], duplicate: false });
 *
 * for await (const message of connection.follower("hello_queue").getMessages()) {
 *   assertEquals(message.body, "hello world");
 *   await message.ack();
 *   break;
 * }
 * ```
 *
 * @module
 */

import {
  ClientConnection,
  type Connection,
  type ConnectionOptions,
} from "./src/client/connection.ts";
import type { Duplex } from "./src/transport/duplex.ts";

export { BrokerError, type ErrorCode, type ErrorDetails } from "./protocol.ts";
export type {
  DeadLetter,
  DeadLetterCause,
  MessageState,
  PendingEntry,
  PendingEntryList,
  StreamInfo,
  StreamOptions,
  StreamOptionsInput,
} from "./protocol.ts";
export { Bind, type BindLike, type BindType } from "./src/client/bind.ts";
export type { MessageBody } from "./src/client/body.ts";
export type { CallOptions } from "./src/client/call_options.ts";
export type { Connection, ConnectionOptions } from "./src/client/connection.ts";
export { ConnectionClosedError } from "./src/client/connection_closed_error.ts";
export type { Cursor, PeekOptions } from "./src/client/cursor.ts";
export type { Follower, FollowerOptions, GetMessagesOptions } from "./src/client/follower.ts";
export type { AckOptions, Message, NackOptions } from "./src/client/message.ts";
export type { PeekedMessage } from "./src/client/peeked_message.ts";
export type { Publisher, PublisherOptions } from "./src/client/publisher.ts";
export type {
  BatchReceipt,
  Receipt,
  StoredMessage,
  StoredRangeReceipt,
} from "./src/client/receipt.ts";
export type { RedriveOptions, RedriveResult } from "./src/client/redrive.ts";
export type { SendBatchOptions, SendOptions } from "./src/client/send_options.ts";
export type {
  BrokerInfo,
  ClosedStatus,
  CloseReason,
  ConnectedStatus,
  ConnectionStatus,
  LostStatus,
  ReconnectingStatus,
  StreamDeletedStatus,
} from "./src/client/status.ts";

/** Where the broker is, and how to connect. */
export interface ConnectOptions extends ConnectionOptions {
  /**
   * The broker's host name or address.
   *
   * @default {"localhost"}
   */
  readonly hostname?: string;
  /**
   * The broker's port.
   *
   * @default {9090}
   */
  readonly port?: number;
}

/**
 * Connects to a broker.
 *
 * If nobody listens there, the call fails at once with the address in the message, or waits if
 * `waitForBroker` is set. Once open, a connection that is lost comes back by itself.
 *
 * @example Waiting for a broker that is still starting
 * ```ts
 * import { connect } from "@simplemq/simplemq";
 * import { serve } from "@simplemq/simplemq/server";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await connect({ port: broker.port, waitForBroker: true });
 * ```
 *
 * @param options Where the broker is; by default at `localhost`, port 9090.
 * @returns The open connection.
 * @throws {RangeError} If an option is not allowed.
 * @throws {Error} If there is no connection; `cause` tells why.
 * @throws {BrokerError} If the broker refuses: `UNSUPPORTED_VERSION`, `TOO_MANY_CONNECTIONS` …
 */
export function connect(options: ConnectOptions = {}): Promise<Connection> {
  const { hostname = "localhost", port = 9090 } = options;
  return ClientConnection.open((signal) => dial(hostname, port, signal), options);
}

/** Opens a socket that sends at once what is written. */
async function dial(hostname: string, port: number, signal: AbortSignal): Promise<Duplex> {
  try {
    const socket = await Deno.connect({ hostname, port, signal });
    socket.setNoDelay(true);
    return socket;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot connect to a broker at ${hostname}:${port}: ${why}`, { cause });
  }
}
