/**
 * The wire protocol of SimpleMQ, version 2: its specification (this text) and its codec (the
 * exports). Everything here is pure: no sockets, no timers, no clock.
 *
 * ## Connection
 *
 * TCP; the default port is 9090. The client begins with four bytes, the magic `SMQ` and the version
 * number 2: `53 4D 51 02`. From then on both sides send frames, each in its own order.
 *
 * ```text
 *  0              4      5
 *  ┌──────────────┬──────┬──────────────────┐   length: bytes behind this field, type included
 *  │ length (u32) │ type │ fields …         │   numbers: unsigned, big-endian; u64 ≤ 2^53 - 1
 *  └──────────────┴──────┴──────────────────┘   JSON and text: UTF-8 up to the end of the frame
 * ```
 *
 * The first frame of a client is `hello`, the first of the broker `welcome` (or `error`). Before
 * the handshake is complete a client may send 8 KiB and no second frame, and has 5 seconds. The
 * `welcome` tells the limits and the heartbeat: a side that has sent nothing for `heartbeatMs` sends
 * a `heartbeat`; a side that has received nothing for `heartbeatTimeoutMs` closes the connection. Of
 * a client that holds messages, the broker takes them back then (`revoke`), and leaves it the
 * connection for ten times as long: what it acknowledges yet counts if nobody else has it.
 *
 * `hello` and `welcome` name capabilities: what a side can do beyond version 2 of the protocol. The
 * broker answers with those that it shares, and only they are in force. There are none yet.
 *
 * A client says by a `progress` frame how many bytes it has received in all, within `progressMs` (in
 * the `welcome`) after some have come. The broker closes connections that take nothing of what is sent
 * to them, and a slow link does not show otherwise that it takes something: systems keep megabytes of
 * what is under way.
 *
 * Whatever is malformed is answered with one `error` frame with a fatal code, then the connection is
 * closed; nobody tries to find the next frame. Bytes that were complete frames before it count.
 *
 * Of frames that are larger than 128 KiB the broker reads only as many at a time, over all
 * connections, as its limit of unconfirmed bytes allows; others are not read until it is their turn.
 * While others wait, a frame may take 10 seconds and a second more for each 16 KiB, or its session
 * ends with `SLOW_WRITER`.
 *
 * ## Frames
 *
 * Publishers, followers, streams and queries are known by numbers within a session. Clients choose
 * those of their members and queries (a query's is not 0), the broker those of streams: a
 * `stream` frame comes before the first use of a number, and a `streamsForgotten` frame names those
 * that it will not use any more, since their streams are gone; a stream of the same name gets another
 * number. What is said of a member that is closed, or
 * could not be opened, comes late and ends nothing: a `publish` is refused with `PUBLISHER_CLOSED`, and
 * what asks for an answer gets `STALE_DELIVERY`. So it is with every number up to the highest one that
 * the client has given to a member of that kind; about a number above it, it is a `BAD_FRAME`.
 *
 * | type | name | from | fields |
 * |---|---|---|---|
 * | 01 | `hello` | client | JSON {@linkcode Hello} |
 * | 02 | `welcome` | broker | JSON {@linkcode Welcome} |
 * | 03 | `heartbeat` | both | – |
 * | 04 | `goodbye` | both | JSON {@linkcode Goodbye} |
 * | 05 | `error` | broker | JSON {@linkcode ErrorReport} |
 * | 06 | `stream` | broker | stream u32, name text |
 * | 07 | `streamDeleted` | broker | JSON {@linkcode StreamAbsence} |
 * | 08 | `progress` | client | received u64 |
 * | 09 | `streamMissing` | broker | JSON {@linkcode StreamAbsence} |
 * | 0a | `streamsForgotten` | broker | n u32, n × stream u32 |
 * | 10 | `query` | client | query u32, JSON `{ "operation", "name", "options" }` |
 * | 11 | `response` | broker | query u32, JSON result |
 * | 12 | `messages` | broker | query u32, n u32, n bytes of entries, JSON list of {@linkcode MessageInfo} |
 * | 20 | `openPublisher` | client | JSON {@linkcode OpenPublisher} |
 * | 21 | `closePublisher` | client | publisher u32 |
 * | 22 | `publish` | client | publisher u32, sequence u64, settled u64, count u32, entries |
 * | 23 | `confirm` | broker | publisher u32, sequence u64, count u32, repetition u8, n u32, n × (stream u32, firstId u64) |
 * | 24 | `refuse` | broker | JSON {@linkcode Refusal} |
 * | 30 | `openFollower` | client | JSON {@linkcode OpenFollower} |
 * | 31 | `closeFollower` | client | follower u32, lastTag u64 |
 * | 32 | `credit` | client | follower u32, messages u32, bytes u32 |
 * | 33 | `deliver` | broker | follower u32, stream u32, firstTag u64, firstId u64, attempts u32, count u32, entries |
 * | 34 | `ack` | client | follower u32, query u32, n u32, n × (firstTag u64, count u32) |
 * | 35 | `release` | client | like `ack` |
 * | 36 | `begin` | client | like `ack` |
 * | 37 | `nack` | client | follower u32, query u32, hasMs u8, ms u64, n u32, n × (firstTag u64, count u32), reason text |
 * | 38 | `reject` | client | like `nack` |
 * | 39 | `extend` | client | like `nack` |
 * | 3a | `revoke` | broker | like `nack` |
 * | 40 | `openReplies` | client | JSON {@linkcode OpenReplies} |
 * | 41 | `reply` | client | query u32, n u8, n bytes of the stream's name, count u32, entries |
 * | 42 | `replies` | broker | count u32, entries |
 *
 * ## Messages
 *
 * `publish` and `deliver` carry a batch of 1 to 4,096 messages. Its layout is the one of
 * {@linkcode MessageBatch}, the same on the wire and in the store:
 *
 * ```text
 *  0      4      5       6       8                      8+h              size
 *  ┌──────┬──────┬───────┬───────┬────────────┬─────────┬────────────────┐
 *  │ size │ kind │ flags │ h     │ properties │ headers │ body           │
 *  │ u32  │ u8   │ u8    │ u16   │ h bytes together     │ the rest       │
 *  └──────┴──────┴───────┴───────┴────────────┴─────────┴────────────────┘
 *  kind, the lower four bits: 0 bytes, 1 text, 2 JSON; the upper four: priority + 1, or 0 for 4
 *  headers: n × (u8 length, name, u16 length, value)
 *  properties, by flag: 01 delivered at u64 │ 04 expires at u64 │ 40 key: u8 length, text
 *                       │ 80 request: u8 length, stream for the reply, number u32
 *                       │ 10 dedup id: u8 length, text │ 20 story: u16 length, JSON
 * ```
 *
 * Texts in properties and headers are UTF-8; anything else is a `BAD_FRAME`. With flag 02, the first
 * time is a span from the moment at which the broker gets the message; with flag 08, the second one is
 * a span from the moment at which the message may be delivered. The broker puts times in the place of
 * both. An expiry can only be said as a span. A message with a dedup id is the only one of its batch.
 * Of messages with the same key one is delivered at a time, in their order; of what is ready, the
 * highest priority first. A story ({@linkcode DeadLetter}) is written by the broker.
 *
 * ## Publishing
 *
 * A publisher numbers its messages 1, 2, 3 … for as long as it lives, over all its connections; a
 * `publish` says the number of its first message. Every `publish` is answered, in order, by a
 * `confirm` or a `refuse` for the whole batch: stored with every message at the promised durability,
 * or not stored at all. After a lost connection a publisher opens itself again under the same
 * `identity` and sends every batch without an answer again, cut as before; a batch that was stored
 * is confirmed with its old ids, and the repetition 2; a message of which the stream remembers the
 * dedup id is confirmed with the ids of the first one, and the repetition 1; everything else with 0. `settled` tells the broker which outcomes it may
 * forget: those of all messages below that number.
 *
 * What is wrong with a batch (`MESSAGE_TOO_LARGE`, `HEADERS_TOO_LARGE`) is told only of one that the
 * broker has not seen under its number. So a client whose broker has lower limits after a restart can
 * ask for what it may not send again: by a batch of the same number and count, of one entry with too
 * large headers.
 *
 * A publisher whose connection is lost is remembered for ten minutes, and a hundred thousand of them
 * at a time. One that opens itself again says up to which number it has sent messages that may have no
 * answer (`sentUntil`) and how long ago the first of them was sent (`sentMs`): if it may have been
 * forgotten, these are refused with `PUBLISHER_FORGOTTEN`, and what it sends for the first time is
 * stored. Without `sentUntil` a publisher that is not known is taken for a new one.
 *
 * ## Following
 *
 * A follower holds at most its credit of messages and bytes unacknowledged (the last message may go
 * beyond the bytes). `credit` sets a new size; zero messages stops deliveries. Each message in
 * a `deliver` has a tag: `firstTag`, and counting on. Tags count from 1 for each follower of a
 * session and are valid in that session only.
 *
 * `ack` ends deliveries. `release` gives back what was not looked at: the message is ready again in
 * its old place and the delivery does not count as an attempt. `begin` says that a handler has the
 * messages: their time begins. It is sent within `beginMs` (in the `welcome`), unless they are done by
 * then. In a `deliver`, the highest bit of `attempts` says that a `begin` has to be sent before a
 * handler gets the messages: they were held by a follower that was lost or silent before it could send
 * one. When the session ends, what a follower holds is ready again, and `attempts` goes up for what
 * was begun and for its oldest delivery, unless that had the highest bit set. A client that ends a
 * follower by `closeFollower` gives back first what it has not looked at, and says the last tag that
 * it has received (or 0): what is still on its way to it does not count either.
 *
 * `streamMissing` tells that a follower that was opened waits for a stream that does not exist,
 * `streamDeleted` that a stream is gone that it was attached to.
 *
 * `nack` says that deliveries have failed: their messages are held back, for `ms` or for what the
 * stream's backoff says, and delivered again, or go to the dead letters if that was the last time.
 * `reject` sends them there at once. `extend` gives deliveries `ms` more from now. `revoke` tells a
 * follower that deliveries are not its any more: it was too slow, they were taken back by a cursor,
 * or their stream is gone. A follower that was too slow gets nothing more before it shows that
 * something goes on: by an `ack`, `nack`, `reject`, `extend` or `begin`, or by a `credit` that is no
 * less than before and more than it holds. Its `ack` counts yet if nobody else has the message. What is
 * only fetched does not run out as long as the follower shows such signs.
 *
 * An `ack`, `nack`, `reject` or `extend` with a query number is answered with a `response` when it is done as durably as the
 * engine promises. Ranges with deliveries that are not held are answered with `error`
 * (`UNKNOWN_DELIVERY`, `STALE_DELIVERY`); the rest of them is done.
 *
 * ## Requests and replies
 *
 * A message with the property `request` (flag 80: the name of a stream, and a number) is a request:
 * somebody waits for a reply. A client says by `openReplies`, once in a session and before its first
 * request, which stream its replies come to: `$reply.` and something that nobody can guess. It ends
 * with the session. It is no stream of messages: nothing in it is stored, and no bind finds it.
 *
 * A reply is an entry with the flag 80 and no other one, and with the same stream and number as the
 * request. Whoever answers sends replies to one stream as one `reply`, and the broker passes them on,
 * in order, as `replies`. A `reply` with a query number is answered with a `response` when it is
 * passed on; if there is no such stream, because its session is over, with `error`
 * (`STREAM_NOT_FOUND`), and without a number with nothing. A requester does not look at replies to
 * numbers that nobody waits for: those that come second, or too late. When more than 64 MiB
 * wait for slow requesters, over all sessions, the one that most waits for ends with `SLOW_READER`.
 *
 * ## Long lists
 *
 * `getStreams`, `getPels` and `getPel` are answered in pages. The answer is a {@linkcode Page}; its
 * `next`, if there is one, is the option `after` of the query for the next page. Streams come in the
 * order in which they were created, 500 to a page; lists come follower by follower, so that there may
 * be several of one name.
 *
 * ## Errors
 *
 * {@linkcode ERROR_CODES} is the list, with what each code means and whether it ends the session.
 *
 * @example What a client sends first
 * ```ts
 * import { FrameWriter, MAGIC, writeControlFrame } from "@simplemq/simplemq/protocol";
 * import { assertEquals } from "@std/assert";
 *
 * const writer = new FrameWriter();
 * writer.bytes(MAGIC);
 * writeControlFrame(writer, "hello", { client: "me", capabilities: [] });
 * assertEquals(new TextDecoder().decode(writer.take().subarray(0, 3)), "SMQ");
 * ```
 *
 * @module
 */

/** The version of the protocol that this module speaks. */
export const PROTOCOL_VERSION = 2;

/** What a client sends before its first frame: `SMQ` and the version. */
export const MAGIC: Uint8Array = new Uint8Array([0x53, 0x4d, 0x51, PROTOCOL_VERSION]);

export {
  BrokerError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  isErrorCode,
} from "./src/protocol/error.ts";
export {
  type BindFields,
  type ControlFrames,
  type ErrorReport,
  type Goodbye,
  type Hello,
  type OpenFollower,
  type OpenPublisher,
  type OpenReplies,
  readControlFrame,
  type Refusal,
  type SessionLimits,
  type StreamAbsence,
  type Welcome,
  writeControlFrame,
} from "./src/protocol/frames/control_frame.ts";
export { FrameDecoder } from "./src/protocol/frames/frame_decoder.ts";
export { FrameType } from "./src/protocol/frames/frame_type.ts";
export { FrameWriter } from "./src/protocol/frames/frame_writer.ts";
export {
  type ConfirmFields,
  type CreditFields,
  type DeliverFields,
  type PublishFields,
  readBatch,
  readConfirm,
  readDeliver,
  type StoredRange,
  type TagFields,
  type TagRange,
  writeCredit,
  writePublish,
  writeTags,
} from "./src/protocol/frames/message_frame.ts";
export {
  type Operation,
  OPERATIONS,
  type Page,
  type QueryFields,
  type QueryOptions,
  readResponse,
  readStream,
  readStreamsForgotten,
  writeQuery,
} from "./src/protocol/frames/query_frame.ts";
export { type ReplyFields, writeReply } from "./src/protocol/frames/reply_frame.ts";
export {
  type MessageInfo,
  type MessageState,
  type PeekedMessages,
  readMessages,
} from "./src/protocol/frames/peeked_messages.ts";
export type { PendingEntry, PendingEntryList } from "./src/protocol/frames/pending_entry_list.ts";
export type { StreamInfo } from "./src/protocol/frames/stream_info.ts";
export {
  readVerdict,
  type VerdictFields,
  type VerdictType,
  writeVerdict,
} from "./src/protocol/frames/verdict_frame.ts";
export {
  BODY_BYTES_MAX,
  FRAME_BYTES_RESERVE,
  LABEL_LENGTH_MAX,
  PATTERN_LENGTH_MAX,
  REASON_BYTES_MAX,
  STREAM_NAME_RULE,
} from "./src/protocol/limits.ts";
export type { MessageBatch } from "./src/protocol/messages/batch.ts";
export type { DeadLetter, DeadLetterCause } from "./src/protocol/messages/dead_letter.ts";
export { BodyKind } from "./src/protocol/messages/entry.ts";
export {
  decodeBatch,
  encodeBatch,
  type MessageContent,
  type ReceivedMessage,
} from "./src/protocol/messages/message_content.ts";
export {
  type MessageProperties,
  type ReplyAddress,
  SPAN_MS_MAX,
} from "./src/protocol/messages/properties.ts";
export type { PropertyWishes } from "./src/protocol/messages/property_wishes.ts";
export type {
  DifferenceWay,
  StreamCreation,
  StreamOptions,
  StreamOptionsInput,
} from "./src/protocol/messages/stream_options.ts";
