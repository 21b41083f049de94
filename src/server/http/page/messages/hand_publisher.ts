import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import {
  BodyKind,
  BrokerError,
  encodeBatch,
  type MessageBatch,
  type MessageContent,
} from "../../../../../protocol.ts";
import type { Engine, PublisherSink } from "../../../../broker/engine.ts";
import {
  type Field,
  FieldMistake,
  number32,
  oneOf,
  optional,
  type Shape,
  text,
} from "../../../../protocol/frames/json_fields.ts";
import { checkBatch } from "../../../../protocol/messages/batch.ts";
import { encodeUtf8 } from "../../../../protocol/utf8.ts";

/** A message that somebody has written by hand. */
export interface HandMessage {
  readonly kind: "text" | "json" | "bytes";
  /** The text, the text of the JSON, or the bytes as base64. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly key: string | undefined;
  readonly lane: string | undefined;
  readonly priority: number | undefined;
  readonly delayMs: number | undefined;
  readonly ttlMs: number | undefined;
  readonly dedupId: string | undefined;
}

const headers: Field<Readonly<Record<string, string>>> = (value, name) => {
  const isPlain = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isPlain && Object.values(value).every((one) => typeof one === "string")) {
    return value as Record<string, string>;
  }
  throw new FieldMistake(`"${name}" must be an object of texts`);
};

/** How such a message is read. */
export const HAND_MESSAGE: Shape<HandMessage> = {
  kind: oneOf("text", "json", "bytes"),
  body: text,
  headers: optional(headers),
  key: optional(text),
  lane: optional(text),
  priority: optional(number32),
  delayMs: optional(number32),
  ttlMs: optional(number32),
  dedupId: optional(text),
};

/** What became of it. */
export interface HandOutcome {
  readonly id: number;
  readonly isDuplicate: boolean;
}

/**
 * Publishes one message.
 *
 * @param engine The engine as the user may use it.
 * @param bodyBytesMax The largest body.
 * @throws {BrokerError} If it is not stored.
 */
export async function publishByHand(
  engine: Engine,
  stream: string,
  message: HandMessage,
  bodyBytesMax: number,
): Promise<HandOutcome> {
  const batch = encode(message, bodyBytesMax);
  const flags = checkBatch(batch, bodyBytesMax);
  const { promise, resolve, reject } = Promise.withResolvers<HandOutcome>();
  const sink: PublisherSink = {
    confirm: (_batch, [stored], isDuplicate) =>
      stored === undefined
        ? reject(new BrokerError("STREAM_NOT_FOUND", `Cannot publish to "${stream}": it is gone`))
        : resolve({ id: stored.firstId, isDuplicate }),
    refuse: (_batch, error) => reject(error),
    end: (error) => reject(error),
  };
  const bind = { bindType: "direct", routeString: stream, ignoreCase: false } as const;
  const publisher = engine.openPublisher({ identity: `page-${randomUUID()}`, bind }, sink);
  try {
    const bytes = batch.end - batch.start;
    publisher.publish({ ...batch, sequence: 1, settled: 1, bytes, flags });
    return await promise;
  } finally {
    publisher.close();
  }
}

const KINDS = { text: BodyKind.text, json: BodyKind.json, bytes: BodyKind.bytes } as const;

function encode(
  { kind, body, headers, ...wishes }: HandMessage,
  bodyBytesMax: number,
): MessageBatch {
  const bytes = kind === "bytes" ? decodeBase64(body) : encodeUtf8(body);
  if (kind === "json") checkJson(body);
  if (bytes.length > bodyBytesMax) {
    const found = `found a body of ${bytes.length} bytes, allowed ${bodyBytesMax}`;
    throw new BrokerError("MESSAGE_TOO_LARGE", `Cannot publish: ${found}`);
  }
  const content: MessageContent = {
    kind: KINDS[kind],
    body: bytes,
    ...headers !== undefined && { headers },
    wishes,
  };
  try {
    return encodeBatch([content]);
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause;
    throw new BrokerError("BAD_REQUEST", cause.message, { cause });
  }
}

function decodeBase64(body: string): Uint8Array {
  const bytes = Buffer.from(body, "base64");
  if (bytes.toString("base64").replace(/=+$/, "") === body.replace(/=+$/, "")) return bytes;
  throw new BrokerError("BAD_REQUEST", 'Cannot publish: "body" is no base64');
}

function checkJson(body: string): void {
  try {
    JSON.parse(body);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError("BAD_REQUEST", `Cannot publish: "body" is no JSON: ${why}`);
  }
}
