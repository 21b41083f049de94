// Frames that cannot be read, and what the client is told.

import { BATCH_COUNT_MAX } from "../../../src/protocol/limits.ts";
import { FrameType } from "../../../protocol.ts";
import { frameOf, u32, u64, utf8 } from "../../support/wire/frames.ts";
import { textFrame } from "./bad_input.ts";

/** A bind of an opened member, as JSON. */
const BIND = '"bind":{"routeString":"a","bindType":"direct"}';

/** The fields in front of a batch: publisher 1, sequence 1, nothing settled. */
const PUBLISH_HEAD = [...u32(1), ...u64(1), ...u64(0)];

/** The fields in front of a batch of replies: no answer is wanted. */
const REPLY_HEAD = [...u32(0), 8, ...utf8("$reply.x")];

/** A message of one byte. */
const ENTRY = [...u32(9), 1, 0, 0, 0, 0x61];

export const malformedFrames:
  readonly (readonly [what: string, frame: Uint8Array, tells: string])[] = [
    ["a frame without a type", new Uint8Array(4), "it has no type"],
    ["a heartbeat with something in it", frameOf(FrameType.heartbeat, 1), "1 bytes are left"],
    ["a progress that is too short", frameOf(FrameType.progress, 1), "it ends too early"],
    [
      "a publisher that is no JSON",
      textFrame(FrameType.openPublisher, `{"publisher":2`),
      "its JSON cannot be parsed",
    ],
    ["a publisher that is nothing", frameOf(FrameType.openPublisher), "JSON cannot be parsed"],
    ["a publisher that is null", textFrame(FrameType.openPublisher, "null"), "a JSON object"],
    [
      "a publisher whose number is a text",
      textFrame(FrameType.openPublisher, `{"publisher":"2","identity":"i",${BIND}}`),
      '"publisher" must be a whole number',
    ],
    [
      "a publisher whose number is negative",
      textFrame(FrameType.openPublisher, `{"publisher":-1,"identity":"i",${BIND}}`),
      '"publisher" must be a whole number',
    ],
    [
      "a publisher without an identity",
      textFrame(FrameType.openPublisher, `{"publisher":2,${BIND}}`),
      '"identity" must be a string',
    ],
    [
      "a publisher with an empty identity",
      textFrame(FrameType.openPublisher, `{"publisher":2,"identity":"",${BIND}}`),
      '"identity": a name must have 1 to 128 characters',
    ],
    [
      "a publisher without a bind",
      textFrame(FrameType.openPublisher, `{"publisher":2,"identity":"i"}`),
      '"bind" must be an object',
    ],
    [
      "a bind of an unknown type",
      textFrame(
        FrameType.openPublisher,
        `{"publisher":2,"identity":"i","bind":{"routeString":"a","bindType":"glob"}}`,
      ),
      '"bind.bindType" must be one of direct, regex',
    ],
    [
      "a bind without a route",
      textFrame(
        FrameType.openPublisher,
        `{"publisher":2,"identity":"i","bind":{"bindType":"regex"}}`,
      ),
      '"bind.routeString" must be a string',
    ],
    [
      "a bind with a wrong flag",
      textFrame(
        FrameType.openPublisher,
        `{"publisher":2,"identity":"i","bind":{"routeString":"a","bindType":"regex","ignoreCase":1}}`,
      ),
      '"bind.ignoreCase" must be true or false',
    ],
    [
      "a follower with a credit that is a fraction",
      textFrame(
        FrameType.openFollower,
        `{"follower":2,"name":"f",${BIND},"messages":1.5,"bytes":1}`,
      ),
      '"messages" must be a whole number',
    ],
    [
      "a follower without a credit of bytes",
      textFrame(FrameType.openFollower, `{"follower":2,"name":"f",${BIND},"messages":1}`),
      '"bytes" must be a whole number',
    ],
    [
      "a follower with a name that is too long",
      textFrame(
        FrameType.openFollower,
        `{"follower":2,"name":"${"x".repeat(129)}",${BIND},"messages":1,"bytes":1}`,
      ),
      '"name": a name must have 1 to 128 characters, found 129',
    ],
    [
      "a publisher that is open already",
      textFrame(FrameType.openPublisher, `{"publisher":1,"identity":"i",${BIND}}`),
      "Cannot open publisher 1: it is open already",
    ],
    [
      "a follower that is open already",
      textFrame(FrameType.openFollower, `{"follower":1,"name":"f",${BIND},"messages":1,"bytes":1}`),
      "Cannot open follower 1: it is open already",
    ],
    ["a goodbye that is no JSON", textFrame(FrameType.goodbye, "bye"), "JSON cannot be parsed"],
    [
      "a goodbye without a message",
      textFrame(FrameType.goodbye, "{}"),
      '"message" must be a string',
    ],
    ["a query cut short", frameOf(FrameType.query, 0, 0), "it ends too early"],
    ["a query with the number 0", frameOf(FrameType.query, ...u32(0), 0x7b, 0x7d), "number is 0"],
    ["a query that is no JSON", frameOf(FrameType.query, ...u32(7), 0x7b), "cannot be parsed"],
    ["the end of a publisher, cut short", frameOf(FrameType.closePublisher, 0), "ends too early"],
    [
      "the end of a publisher, with more behind it",
      frameOf(FrameType.closePublisher, ...u32(1), 0),
      "1 bytes are left",
    ],
    ["the end of a follower, cut short", frameOf(FrameType.closeFollower, ...u32(1)), "too early"],
    [
      "a publish of a publisher that is not open",
      frameOf(FrameType.publish, ...u32(9), ...u64(1), ...u64(0), ...u32(1), ...ENTRY),
      "Cannot find publisher 9: it is not open",
    ],
    [
      "a publish with the number 0",
      frameOf(FrameType.publish, ...u32(1), ...u64(0), ...u64(0), ...u32(1), ...ENTRY),
      "messages are numbered from 1",
    ],
    [
      "a publish with a number that is too large",
      frameOf(FrameType.publish, ...u32(1), ...u64(2n ** 53n), ...u64(0), ...u32(1), ...ENTRY),
      "not a safe integer",
    ],
    ["a publish without a batch", frameOf(FrameType.publish, ...PUBLISH_HEAD), "ends too early"],
    [
      "a batch of no messages",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(0)),
      "allowed are 1 to 4096",
    ],
    [
      "a batch of too many messages",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(BATCH_COUNT_MAX + 1), ...ENTRY),
      "it has 4097",
    ],
    [
      "a batch with fewer messages than it says",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(2), ...ENTRY),
      "message 1 of 2 begins behind the end",
    ],
    [
      "a batch with more messages than it says",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...ENTRY, ...ENTRY),
      "9 bytes are left behind message 1",
    ],
    [
      "a message that says it is larger than its batch",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(10), ...ENTRY.slice(4)),
      "says it has 10 bytes",
    ],
    [
      "a message that says it is smaller than its head",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(7), ...ENTRY.slice(4)),
      "says it has 7 bytes",
    ],
    [
      "a message with headers beyond its end",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0, 0, 2, 0x61),
      "says it has 9 bytes",
    ],
    [
      "a message of an unknown kind",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 3, 0, 0, 0, 0x61),
      "unknown kind",
    ],
    [
      "a query without the address for its reply",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x80, 0, 0, 0x61),
      "they are cut short",
    ],
    [
      "a message with a story that is none",
      frameOf(
        FrameType.publish,
        ...[...PUBLISH_HEAD, ...u32(1), ...u32(12), 1, 0x20, 0, 4, 0, 2, 0x7b, 0x7d],
      ),
      "in the story of a dead letter is missing",
    ],
    [
      "a message with a span and no time",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x02, 0, 0, 0x61),
      "flags are 2",
    ],
    [
      "a message with a time that is cut short",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x01, 0, 0, 0x61),
      "they are cut short",
    ],
    [
      "a message that expires at a time instead of after a span",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(16), 1, 0x04, 0, 8, ...u64(5)),
      "an expiry is said as a span",
    ],
    [
      "a message with an empty message id",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(9), 1, 0x10, 0, 1, 0),
      "a dedup id must have 1 to 128 bytes",
    ],
    [
      "a message with a dedup id that is no UTF-8",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(10), 1, 0x10, 0, 2, 1, 0xff),
      "a dedup id is not UTF-8",
    ],
    [
      "a message with a key that is half a surrogate pair",
      frameOf(
        FrameType.publish,
        ...[...PUBLISH_HEAD, ...u32(1), ...u32(12), 1, 0x40, 0, 4, 3, 0xed, 0xa0, 0xbc],
      ),
      "a key is not UTF-8",
    ],
    [
      "a message with a header whose name is no UTF-8",
      frameOf(
        FrameType.publish,
        ...[...PUBLISH_HEAD, ...u32(1), ...u32(13), 1, 0, 0, 5, 1, 0xff, 0, 1, 0x61],
      ),
      "a header's name is not UTF-8",
    ],
    [
      "a message with a header whose value is no UTF-8",
      frameOf(
        FrameType.publish,
        ...[...PUBLISH_HEAD, ...u32(1), ...u32(13), 1, 0, 0, 5, 1, 0x61, 0, 1, 0xff],
      ),
      "a header's value is not UTF-8",
    ],
    [
      "a message with a header without a name",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(11), 1, 0, 0, 3, 0, 0, 0),
      "a header is cut short",
    ],
    [
      "a message with a header that is cut short",
      frameOf(FrameType.publish, ...PUBLISH_HEAD, ...u32(1), ...u32(12), 1, 0, 0, 4, 1, 0x61, 0, 1),
      "a header is cut short",
    ],
    [
      "credit for a follower that is not open",
      frameOf(FrameType.credit, ...u32(9), ...u32(1), ...u32(1)),
      "Cannot find follower 9",
    ],
    [
      "credit with more behind it",
      frameOf(FrameType.credit, ...u32(1), ...u32(1), ...u32(1), ...u32(1), 0),
      "1 bytes are left",
    ],
    ["a reply that is cut short", frameOf(FrameType.reply, ...u32(0), 8, 0x24), "has 8 bytes"],
    ["a reply to a stream without a name", frameOf(FrameType.reply, ...u32(0), 0), "has 0 bytes"],
    ["a reply to a stream that is no UTF-8", frameOf(FrameType.reply, ...u32(0), 1, 0xff), "UTF-8"],
    ["a reply without a batch", frameOf(FrameType.reply, ...REPLY_HEAD), "ends too early"],
    ["a reply of no messages", frameOf(FrameType.reply, ...REPLY_HEAD, ...u32(0)), "1 to 4096"],
    [
      "a reply that does not say which request it answers",
      frameOf(FrameType.reply, ...REPLY_HEAD, ...u32(1), ...ENTRY),
      "says which request it answers, and nothing else",
    ],
    [
      "a reply for another stream than its frame's",
      frameOf(
        FrameType.reply,
        ...[...REPLY_HEAD, ...u32(1), ...u32(14), 1, 0x80, 0, 6, 1, 0x61, ...u32(1)],
      ),
      "for another stream",
    ],
    [
      "replies to a stream that has no name",
      textFrame(FrameType.openReplies, "{}"),
      '"stream" must be a string',
    ],
    ...(["ack", "release", "begin"] as const).flatMap((verb) =>
      [
        [
          `${verb} of a follower that is not open`,
          frameOf(FrameType[verb], ...u32(9), ...u32(0), ...u32(1), ...u64(1), ...u32(1)),
          "Cannot find follower 9",
        ],
        [
          `${verb} of fewer ranges than it says`,
          frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(0xffff_ffff), ...u64(1), ...u32(1)),
          "it ends too early",
        ],
        [
          `${verb} of more ranges than it says`,
          frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(0), ...u64(1), ...u32(1)),
          "12 bytes are left",
        ],
        [
          `${verb} of an empty range`,
          frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(1), ...u64(1), ...u32(0)),
          "it is empty",
        ],
        [
          `${verb} of the tag 0`,
          frameOf(FrameType[verb], ...u32(1), ...u32(0), ...u32(1), ...u64(0), ...u32(1)),
          "it is empty",
        ],
      ] as [string, Uint8Array, string][]
    ),
  ];
