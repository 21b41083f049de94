/**
 * A program as an application of Node would write it, for the compiler of TypeScript.
 *
 * @module
 */

import {
  type BatchReceipt,
  BrokerError,
  connect,
  type Connection,
  type ErrorCode,
  type Follower,
  isErrorCode,
  type Message,
  type Publisher,
  type StreamInfo,
} from "@simplemq/simplemq";
import { connect as connectAgain, type TlsOptions } from "@simplemq/simplemq/client";
import { ERROR_CODES, FrameType } from "@simplemq/simplemq/protocol";

interface Order {
  readonly number: number;
}

/** Publishes and follows. */
export async function work(tls: TlsOptions): Promise<number> {
  await using connection: Connection = await connect({ servers: ["localhost"], tls, token: "t" });
  const info: StreamInfo = await connection.cursor().getStream("orders");
  const publisher: Publisher = connection.publisher("orders");
  const receipt: BatchReceipt = await publisher.sendMessages([{ number: 1 }, { number: 2 }]);
  const follower: Follower<Order> = connection.follower<Order>("orders", { prefetch: 10 });
  for await (const message of follower.getMessages()) {
    const one: Message<Order> = message;
    await one.ack();
    return one.body.number + info.ready + receipt.streams.length;
  }
  return FrameType.publish;
}

/** The code of an error, if it is one of a broker. */
export function findCode(error: unknown): ErrorCode | undefined {
  if (!(error instanceof BrokerError)) return undefined;
  return isErrorCode(error.code) && error.code in ERROR_CODES ? error.code : undefined;
}

export const isSame: boolean = connect === connectAgain;
