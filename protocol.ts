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
 * The first frame of a client is `hello`, the first of the broker `welcome` (or `error`). Before the
 * handshake is complete, a client may send 8 KiB and one frame, within 5 seconds. `hello` and `welcome`
 * name capabilities: what a side can do beyond version 2. The broker answers with those that both
 * sides have, and only these are in force. There are three. `storedAt`: `deliver` frames tell when their
 * messages were stored. `brokers`: a broker tells when other brokers belong to its cluster. `work`: lanes
 * and coalescing, `beginBatch`, slots, and all but the first flag of a `nack` and a `revoke`.
 *
 * In place of a `hello` a client may send a `ping`: the broker answers with a `pong`, which tells its
 * version and why it is not ready, and closes the connection. That needs no credential.
 *
 * A port may speak TLS, version 1.2 or later, with `smq/1` as the protocol's name (ALPN): then all of
 * this is inside it. If the broker has users, the `token` in the `hello` tells whose session it is; without
 * one, the certificate that the client has shown does. What is not valid is answered with `UNAUTHORIZED`
 * after about a second. The same code ends a session whose token or certificate is valid no longer.
 *
 * The `welcome` tells the limits and the heartbeat. A side that has sent nothing for `heartbeatMs`
 * sends a `heartbeat`. A side that has received nothing for `heartbeatTimeoutMs` closes the connection,
 * with one exception: from a client that holds messages, the broker takes them back (`revoke`) and keeps
 * the connection open for ten times as long. Late acknowledgements count if no other follower has the
 * message.
 *
 * After a client has received something, it sends a `progress` frame within `progressMs` (in the
 * `welcome`) with the number of bytes received in all. The broker closes connections whose client reads
 * nothing; without `progress`, megabytes in the buffers of the system would hide that a slow client
 * still reads.
 *
 * A malformed frame is answered with one `error` frame with a fatal code; then the connection is
 * closed. There is no search for the next frame. Complete frames before the malformed one count. The JSON
 * of a client's frame may have 256 strings, keys included; more are a `BAD_FRAME`.
 *
 * The broker reads frames larger than 128 KiB only as far as its limit of unconfirmed bytes allows, over
 * all connections; further ones wait their turn unread. While others wait, a frame may take 10 seconds
 * and one second more for each 16 KiB; after that its session ends with `SLOW_WRITER`.
 *
 * ## Clusters
 *
 * Of the brokers of a cluster one is active; the others, its standbys, answer a `hello` with the fatal error
 * `NOT_ACTIVE`, whose `details.active` is the address of the active one, if it is known; while that one is
 * silent, they answer a little later, and welcome who is there when they take over. A broker that stops
 * being active ends its sessions with the same code, in an `error` or a `goodbye`: what it has not answered by
 * then, it does not answer. `brokers` in the `welcome` are the addresses of all brokers, its own one first.
 * With `standby` in its `hello`, a client is let in by a standby, which answers questions about itself and its
 * cluster.
 *
 * A client remembers the `brokers` that it was told last, by a `welcome` or a `brokers` frame, beside those
 * that it was given, and ignores what is no `host:port`. It never reaches one without TLS that was told by one
 * with TLS. After `NOT_ACTIVE` it tries `details.active` at once, unless that one has just failed, then the
 * others, each once; then it pauses, for a random time of at most 300 ms, since an election may end at any
 * moment. It gives a broker no longer to connect and to answer than `heartbeatTimeoutMs`: a process that was
 * stopped still accepts connections. One that was silent it tries last, for some seconds, by
 * whatever name: that of the program, or the one that the broker has told first.
 *
 * ## Frames
 *
 * Publishers, followers, streams and queries have numbers within a session. Clients choose the numbers
 * of members and queries (a query's is not 0), the broker those of streams. A `stream` frame precedes
 * the first use of a stream's number. A `streamsForgotten` frame names numbers that the broker will not
 * use again, because their streams are gone; a new stream of the same name gets another number.
 *
 * A frame about a member that is closed, or could not be opened, does not end the session: a `publish`
 * is refused with `PUBLISHER_CLOSED`, and a frame with a query number is answered with
 * `STALE_DELIVERY`. This holds for every number up to the highest one that the client has given to a
 * member of that kind. A frame about a higher number is a `BAD_FRAME`.
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
 * | 0b | `ping` | client | – |
 * | 0c | `pong` | broker | JSON {@linkcode Pong} |
 * | 0d | `brokers` | broker | JSON {@linkcode ClusterMembers} |
 * | 0e | `streamOpen` | broker | JSON {@linkcode StreamAbsence} |
 * | 0f | `streamResumed` | broker | JSON {@linkcode StreamAbsence} |
 * | 10 | `query` | client | query u32, JSON `{ "operation", "name", "options" }` |
 * | 11 | `response` | broker | query u32, JSON result |
 * | 12 | `messages` | broker | query u32, n u32, n bytes of entries, JSON list of {@linkcode MessageInfo} |
 * | 13 | `backupPiece` | broker | query u32, bytes |
 * | 20 | `openPublisher` | client | JSON {@linkcode OpenPublisher} |
 * | 21 | `closePublisher` | client | publisher u32 |
 * | 22 | `publish` | client | publisher u32, sequence u64, settled u64, count u32, entries |
 * | 23 | `confirm` | broker | publisher u32, sequence u64, count u32, repetition u8, n u32, n × (stream u32, firstId u64, [other]) |
 * | 24 | `refuse` | broker | JSON {@linkcode Refusal} |
 * | 30 | `openFollower` | client | JSON {@linkcode OpenFollower} |
 * | 31 | `closeFollower` | client | follower u32, lastTag u64 |
 * | 32 | `credit` | client | follower u32, messages u32, bytes u32, slots u32 (`work`) |
 * | 33 | `deliver` | broker | follower u32, stream u32, firstTag u64, firstId u64, attempts u32, count u32, entries |
 * | 34 | `ack` | client | follower u32, query u32, n u32, n × (firstTag u64, count u32) |
 * | 35 | `release` | client | like `ack` |
 * | 36 | `begin` | client | like `ack` |
 * | 37 | `nack` | client | follower u32, query u32, flags u8, ms u64, n u32, n × (firstTag u64, count u32), reason text |
 * | 38 | `reject` | client | like `nack` |
 * | 39 | `extend` | client | like `nack` |
 * | 3a | `revoke` | broker | like `nack` |
 * | 3b | `beginBatch` | client | like `ack` |
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
 *  kind, the lower three bits: 0 bytes, 1 text, 2 JSON; the next one: there are further properties;
 *    the upper four: priority + 1, or 0 for 4
 *  headers: n × (u8 length, name, u16 length, value)
 *  properties, those whose flag is set, in this order:
 *    01 deliver at u64 │ 04 expires at u64 │ 40 key: u8 length, text
 *    │ 80 request: u8 length, stream for the reply, number u32
 *    │ 10 dedup id: u8 length, text │ 20 story: u16 length, JSON
 *  further properties (`work`): u8 flags, then those whose flag is set:
 *    01 lane: u8 length, text
 *    │ 02 coalesce: mode u8 (1 take the first, 2 drop while worked on), quiet ms u64, at most ms u64,
 *      u8 length, id text
 * ```
 *
 * Sessions without the capability `work` get messages without the further properties.
 *
 * Texts in properties and headers are UTF-8; anything else is a `BAD_FRAME`. Times are milliseconds
 * since 1970. With flag 02, the first time is a span that begins when the broker gets the message. With
 * flag 08, the second one is a span that begins when the message may be delivered; clients can give an
 * expiry only as a span. The broker replaces both by times; the flags then say that the time is one of
 * the broker's monotonic clock, and not one of the calendar.
 *
 * A message with a dedup id or a coalesce id is the only one of its batch. Messages with the same key are delivered one
 * at a time, in their order. Ready messages are delivered by descending priority. The broker writes
 * stories ({@linkcode DeadLetter}), and leaves only `{ redrives }` when it sends a dead letter back; a
 * client may send a story only if its user is an administrator, who imports a dead letter. Others are
 * refused with `FORBIDDEN`.
 *
 * ## Publishing
 *
 * A publisher numbers its messages 1, 2, 3 … for as long as it lives, over all its connections. A
 * `publish` gives the number of its first message. Every `publish` is answered, in order, by a `confirm`
 * or a `refuse` for the whole batch: every message is stored at the promised durability, or none is.
 * `settled` tells the broker which outcomes it may forget: those of all messages below that number.
 *
 * After a lost connection a publisher opens itself again with the same `identity` and repeats every
 * batch without an answer, with the same boundaries; an identity is for the user that opened it first.
 * The `repetition` in a `confirm` is 2 for a batch that was stored before, with its ids; 1 for a message
 * whose dedup id the stream remembers, with the ids of the first one; otherwise 0. With 4 added (`work`),
 * behind each id stands what became of another message of the same coalesce id: u8 0 nothing, 1 it was
 * replaced, 2 it stays, and the first id is its own; and its id u64 if it was replaced, otherwise 0.
 *
 * `MESSAGE_TOO_LARGE` and `HEADERS_TOO_LARGE` are reported only for a batch that the broker has not
 * seen under its number. A client whose broker came back with lower limits can therefore ask for a
 * batch that it may not send again: by a batch of the same number and count, of one entry with too
 * large headers.
 *
 * A publisher whose connection is lost is remembered for ten minutes; up to 100,000 are. When it opens
 * itself again, `sentUntil` is the number of the last message that may lack an answer, and `sentMs` the
 * time since the first of them was sent. If the broker may have forgotten the publisher, these messages
 * are refused with `PUBLISHER_FORGOTTEN`; messages that it sends for the first time are stored. Without
 * `sentUntil`, an unknown publisher counts as new.
 *
 * ## Following
 *
 * A follower holds at most its credit of messages and bytes unacknowledged; the last message may exceed
 * the bytes. `credit` sets a new size; zero messages stops deliveries. Each message in a `deliver` has a
 * tag: `firstTag`, and counting on. Tags count from 1 for each follower of a session and are valid in
 * that session only.
 *
 * `ack` ends deliveries. `release` gives back messages that no handler has seen: they are ready again in
 * their old places, and the delivery does not count as an attempt. `begin` says that a handler has the
 * messages, and their time begins. A client sends it within `beginMs` (in the `welcome`) after a handler
 * has got a message, unless the message is done by then. If the highest bit of `attempts` in a
 * `deliver` is set, the `begin` has to be sent before a handler gets the messages: an earlier follower
 * was lost or silent before it could send one.
 *
 * When a session ends, all messages that its followers hold are ready again. `attempts` goes up for
 * deliveries that were begun and for the oldest one, unless that had the highest bit set or was the
 * last allowed delivery. Before a client ends a follower by `closeFollower`, it releases messages that
 * no handler has seen. It gives the last tag that it has received, or 0: deliveries still on their way
 * do not count either.
 *
 * With the capability `storedAt`, the second highest bit of `attempts` in a `deliver` is set, and behind
 * `attempts` come n u32 and n × (count u32, storedAt u64): runs of messages, in order, with the time at
 * which they were stored, in milliseconds since 1970, or 0 if the broker does not know it.
 *
 * `streamMissing` tells that a new follower waits for a stream that does not exist, `streamDeleted`
 * that the stream of a follower was deleted. With the capability `work`, `streamOpen` tells that the
 * breaker of its stream is open, and `streamResumed` that it is closed again.
 *
 * `nack` says that deliveries have failed: their messages are delivered again after `ms` (flag 01), or
 * after the stream's backoff; after the last attempt that is allowed they go to the dead letters. With
 * flag 02 something else is at fault, which a breaker counts. With flag 04 the messages are postponed: that
 * is no attempt, and `ms` is required; with flag 08, too, all messages of their lanes wait as long. With
 * flag 10 one handler had them together: they come back in two halves, and only a message that is alone
 * pays the attempt. `reject` sends them to the dead letters at once. `extend` gives deliveries `ms` more
 * from now.
 *
 * `beginBatch` is a `begin` of deliveries that one handler has together. When their follower is lost, they
 * come back in halves as well; one handler has 4,096 at most. If the third highest bit of `attempts` in a `deliver` is set, the messages
 * in it are such a half: a client hands them out in batches of their own.
 *
 * A follower opened with `ordersKeys` may get several messages of one key at once. Its client hands a
 * message out only when no other one of the key is with a handler; a batch may have several of one key. When
 * one of them fails, is postponed, rejected or released, the broker takes back the later ones that are not
 * begun, and names them in a `revoke`, after which the follower goes on. Until then they must not be handed
 * out, and may be on their way: a `release` without deliveries, with a query number, is answered behind that
 * `revoke`.
 * `slots` is the number of messages that a follower works on at once, 1 if it is not told: messages under a
 * limit are not delivered beyond it.
 *
 * `revoke` tells a follower that it has lost deliveries: it was too slow, a cursor took them back or
 * cancelled their messages (flag 20), or their stream was deleted or may no longer be followed. A follower that was too slow gets nothing more
 * until it shows life: by an `ack`, `nack`, `reject`, `extend` or `begin`, or by a `credit` that is no
 * less than before and more than it holds. Its late `ack` counts if no other follower has the message.
 * Messages that no handler has do not run out as long as the follower shows life.
 *
 * An `ack`, `nack`, `reject` or `extend` with a query number is answered with a `response` when it is as
 * durable as the engine promises. If some of its deliveries are not held, it is answered with an `error`
 * (`UNKNOWN_DELIVERY`, `STALE_DELIVERY`); the others are done all the same.
 *
 * ## Requests and replies
 *
 * A message with the property `request` (flag 80: the name of a stream, and a number) is a request: its
 * sender waits for a reply. Once in a session, before its first request, a client names the stream for
 * its replies by `openReplies`: `$reply.` and characters that cannot be guessed. This stream ends with
 * the session. It stores nothing, and no bind finds it. In answers to `peek` and `getMessage` the name is
 * `$reply.` and dashes, and the number 0: whoever knows the address can answer.
 *
 * A reply is an entry with the flag 80 and no other one, and with the stream and number of the request.
 * A client sends replies to one stream as one `reply`; the broker passes them on, in order, as
 * `replies`. A `reply` with a query number is answered with a `response` when it is passed on. If the
 * requester's session is over, it is answered with `error` (`STREAM_NOT_FOUND`); without a query
 * number, with nothing. A requester ignores second and late replies. When more than 64 MiB wait for
 * slow requesters, over all sessions, the session for which most wait ends with `SLOW_READER`.
 *
 * ## Answers to queries
 *
 * Answers may come in another order than the queries; the number of a query tells which one is
 * answered. Of what was sent before a malformed frame, all is done, but not all may be answered.
 *
 * ## Long lists
 *
 * `getStreams`, `getPels`, `getPel`, `getConnections` and `getEvents` are answered with a {@linkcode Page}. Its `next`, if present, is
 * the option `after` of the query for the next page. Streams are listed in the order of their creation,
 * at most 500 to a page; where a user sees only some of them, a page may have none and yet a `next`.
 * Connections and events come in the order of their numbers, at most 200 to a page; who asks for the events
 * behind the last one that came gets later ones.
 * Pending entry lists come follower by follower, so that several may have one name.
 *
 * ## Backups
 *
 * `openBackup` fixes a position of the journal up to which everything is flushed, and is answered with a
 * {@linkcode BackupInfo}. `readBackup` names one of its files, the backup and an offset (`from`); a
 * `backupPiece` has the bytes from there on, at most 256 KiB. Files are read in the order in which they
 * are listed: the broker may remove those before the one that is read. `closeBackup` ends a backup. It
 * ends by itself when nothing of it was read for a minute, or when it is in the way of a full disk.
 *
 * ## Errors
 *
 * {@linkcode ERROR_CODES} is the list, with what each code means and whether it ends the session.
 *
 * An `error` about a publisher or a follower that was open, `FORBIDDEN` as a rule, closes it: its user
 * may not use it any more. Batches under way are answered before, and later ones are refused with
 * the same code.
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
export * from "./src/protocol/public_frames.ts";
export type { LogLevel } from "./src/protocol/log_level.ts";
export {
  BODY_BYTES_MAX,
  FRAME_BYTES_RESERVE,
  LABEL_LENGTH_MAX,
  PATTERN_LENGTH_MAX,
  REASON_BYTES_MAX,
  SPAN_MS_MAX,
  STREAM_NAME_RULE,
} from "./src/protocol/limits.ts";
export type { MessageBatch } from "./src/protocol/messages/batch.ts";
export type { DeadLetter, DeadLetterCause, Redrives } from "./src/protocol/messages/dead_letter.ts";
export { BodyKind } from "./src/protocol/messages/entry.ts";
export type { Coalesce, MoreProperties } from "./src/protocol/messages/more_properties.ts";
export {
  decodeBatch,
  encodeBatch,
  type MessageContent,
  type ReceivedMessage,
} from "./src/protocol/messages/message_content.ts";
export { type MessageProperties, type ReplyAddress } from "./src/protocol/messages/properties.ts";
export type { PropertyWishes } from "./src/protocol/messages/property_wishes.ts";
export type {
  MissedWay,
  OverlapWay,
  ScheduleInput,
  ScheduleSettings,
} from "./src/protocol/messages/schedule_settings.ts";
export type {
  BreakerOptions,
  DifferenceWay,
  LaneLimits,
  Rate,
  StreamCreation,
  StreamOptions,
  StreamOptionsInput,
} from "./src/protocol/messages/stream_options.ts";
