/**
 * Each rule of the checker finds what breaks it, and nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  CLUSTER_VIOLATIONS,
  type ClusterVerdict,
  type ClusterViolation,
  formatClusterVerdict,
} from "./cluster_verdict.ts";
import type { ClusterEvent } from "./history.ts";
import {
  A,
  check,
  confirmed,
  delivered,
  done,
  handled,
  kill,
  published,
  sent,
  SESSIONS,
  takeover,
} from "./told_history.ts";

type Violations = Partial<Record<ClusterViolation, number>>;

/** The violations of a history, with how often each of them was found. */
function violationsOf(verdict: ClusterVerdict): Violations {
  const found: Violations = {};
  for (const violation of Object.keys(CLUSTER_VIOLATIONS) as ClusterViolation[]) {
    if (verdict[violation] > 0) found[violation] = verdict[violation];
  }
  assertEquals(verdict.isClean, Object.keys(found).length === 0);
  assert(verdict.isClean === (verdict.examples.length === 0), "violations are told in words");
  return found;
}

/** What breaks a rule: what it is, the history, and what must be found, and nothing else. */
const broken: [what: string, events: ClusterEvent[], Violations][] = [
  ["confirmed, and never delivered", published(1), { lost: 1 }],
  ["confirmed, delivered, not acknowledged, and never seen again", [
    ...published(1),
    delivered(1),
    ...kill,
    ...takeover,
  ], { lost: 1 }],
  ["acknowledged to a broker that was gone, and never seen again", [
    ...published(1),
    delivered(1),
    { type: "reignEnded", reign: A },
    handled("acked", 1),
  ], { lost: 1 }],
  ["acknowledged to a broker that was deposed, and never seen again", [
    ...published(1),
    delivered(1),
    ...takeover,
    handled("acked", 1),
  ], { lost: 1 }],
  ["acknowledged, delivered again by the next broker, and then never seen again", [
    ...published(1),
    ...done(1),
    ...kill,
    ...takeover,
    delivered(1, { delivery: 2, session: SESSIONS.b1 }),
  ], { lost: 1 }],
  ["confirmed without a word about where, and never delivered", [
    sent(1),
    { type: "confirmed", publisher: "p", number: 1, storedIn: [] },
  ], { lost: 1 }],
  ["nobody's", [...published(1), ...done(1), delivered(2)], { unknownMessage: 1 }],
  ["confirmed, and nobody's", [confirmed(1)], { unknownMessage: 1 }],
  ["a body that nobody can read", [
    { ...delivered(1), label: undefined } as ClusterEvent,
  ], { unknownMessage: 1 }],
  ["a body that was changed", [...published(1), ...done(1), delivered(1, { hash: 0 })], {
    unknownMessage: 1,
  }],
  ["in a stream that it was not sent to", [
    ...published(1),
    ...done(1),
    delivered(1, { stream: "t", delivery: 2 }),
  ], { unknownMessage: 1 }],
  ["a message under two ids", [
    ...published(1),
    ...done(1),
    ...kill,
    ...takeover,
    ...done(1, { id: 2, delivery: 2, session: SESSIONS.b1 }),
  ], { storedTwice: 1 }],
  ["a message confirmed twice, under two ids", [
    ...published(1),
    confirmed(1, 2),
    ...done(1),
    ...done(1, { id: 2, delivery: 2 }),
  ], { storedTwice: 1 }],
  ["an id of two messages, in receipts", [
    sent(1),
    sent(2),
    confirmed(1, 1),
    confirmed(2, 1),
    ...done(1),
  ], { reusedIds: 1, lost: 1 }],
  ["an id that is another message's after a takeover", [
    sent(1),
    ...done(1, { id: 5 }),
    ...kill,
    ...takeover,
    sent(2),
    delivered(2, { id: 5, session: SESSIONS.b1 }),
  ], { reusedIds: 1 }],
  ["a later message of a publisher first", [
    sent(1),
    sent(2),
    confirmed(1, 2),
    confirmed(2, 1),
    ...done(1, { id: 2 }),
    ...done(2, { id: 1 }),
  ], { reordered: 1 }],
  ["a call of which one message is missing", [
    sent(1, { call: 1 }),
    sent(2, { call: 1 }),
    ...done(1),
  ], { torn: 1 }],
  ["a message that is in one of its two streams", [
    sent(1, { targets: ["s", "t"] }),
    ...done(1),
  ], { torn: 1 }],
  ["refused, and delivered", [
    sent(1),
    { type: "refused", publisher: "p", number: 1 },
    ...done(1),
  ], { refusedStored: 1 }],
  ["a message with two followers of one broker", [
    ...published(1),
    delivered(1),
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
  ], { heldTwice: 1 }],
  ["a message twice with one follower", [
    ...published(1),
    delivered(1),
    ...done(1, { delivery: 2 }),
  ], { heldTwice: 1 }],
  ["a message with a second follower long before the first one has lost its session", [
    ...published(1),
    delivered(1),
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
    { type: "fault", what: "none" },
    { type: "fault", what: "none" },
    { type: "fault", what: "none" },
    { type: "lost", session: SESSIONS.a1 },
  ], { heldTwice: 1 }],
  ["a key with two followers of one broker", [
    ...published(1),
    ...published(2),
    delivered(1, { key: "k" }),
    ...done(2, { key: "k", session: SESSIONS.a2 }),
    handled("acked", 1),
  ], { keyHeldTwice: 1 }],
  ["a key twice with one follower", [
    ...published(1),
    ...published(2),
    delivered(1, { key: "k" }),
    ...done(2, { key: "k" }),
    handled("acked", 1),
  ], { keyHeldTwice: 1 }],
  ["a later message of a key first", [
    ...published(1),
    ...published(2),
    ...done(2, { key: "k" }),
    ...done(1, { key: "k" }),
  ], { keyReordered: 1 }],
  ["delivered after an acknowledgement was confirmed", [
    ...published(1),
    ...done(1),
    handled("ackConfirmed", 1),
    ...done(1, { delivery: 2 }),
  ], { redelivered: 1 }],
  ["delivered by the next broker after an acknowledgement was confirmed", [
    ...published(1),
    ...done(1),
    handled("ackConfirmed", 1),
    ...kill,
    ...takeover,
    ...done(1, { delivery: 2, session: SESSIONS.b1 }),
  ], { redelivered: 1 }],
  ["delivered to somebody else while it was being acknowledged with success", [
    ...published(1),
    ...done(1),
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
    handled("ackConfirmed", 1),
  ], { redelivered: 1 }],
  ["a confirm of a broker whose lease was over", [
    ...takeover,
    { type: "cameLate", reign: A, what: "confirm" },
  ], { cameLate: 1 }],
];

for (const [what, events, violations] of broken) {
  Deno.test(`found: ${what}`, () => {
    assertEquals(violationsOf(check(events)), violations);
  });
}

/** What keeps the rules, although it looks bad. */
const kept: [what: string, events: ClusterEvent[]][] = [
  ["nothing", []],
  ["a message that is published, delivered and acknowledged", [...published(1), ...done(1)]],
  ["a message that is delivered before its confirm is heard", [sent(1), ...done(1), confirmed(1)]],
  ["a message that is confirmed twice, as the same", [...published(1), confirmed(1), ...done(1)]],
  ["a message of which nobody knows, delivered or not", [
    sent(1),
    sent(2),
    { type: "unknown", publisher: "p", number: 1 },
    { type: "unknown", publisher: "p", number: 2 },
    ...done(2),
  ]],
  ["a message that is refused and never seen", [
    sent(1),
    { type: "refused", publisher: "p", number: 1 },
  ]],
  ["a message that comes again after a plain acknowledgement", [
    ...published(1),
    ...done(1),
    ...kill,
    ...takeover,
    ...done(1, { delivery: 2, session: SESSIONS.b1 }),
  ]],
  ["a message that comes again after an acknowledgement of which nobody knows", [
    ...published(1),
    ...done(1),
    handled("ackUnknown", 1),
    ...kill,
    ...takeover,
    ...done(1, { delivery: 2, session: SESSIONS.b1 }),
  ]],
  ["a message and a key that two hold, one of each of two brokers", [
    ...published(1),
    delivered(1, { key: "k" }),
    ...takeover,
    ...done(1, { delivery: 2, key: "k", session: SESSIONS.b2 }),
    handled("acked", 1),
  ]],
  ["a broker of the past that delivers what was acknowledged to the next one", [
    ...published(1),
    ...takeover,
    ...done(1, { delivery: 2, session: SESSIONS.b1 }),
    handled("ackConfirmed", 2),
    delivered(1),
    handled("acked", 1),
  ]],
  [
    "a broker of the past that delivers, and nobody acknowledges, what was acknowledged to the next one",
    [
      ...published(1),
      ...takeover,
      ...done(1, { delivery: 2, session: SESSIONS.b1 }),
      delivered(1),
    ],
  ],
  ["a message that is given to another follower when its session is lost", [
    ...published(1),
    delivered(1),
    { type: "lost", session: SESSIONS.a1 },
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
  ]],
  ["a message that is given to another follower a little before its client hears of the loss", [
    ...published(1),
    delivered(1),
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
    { type: "lost", session: SESSIONS.a1 },
  ]],
  ["a message that is given to another follower since its client looked silent", [
    ...published(1),
    delivered(1),
    { type: "silenced", reign: A },
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
  ]],
  ["a message that is given back, and taken by another follower", [
    ...published(1),
    delivered(1),
    handled("returned", 1),
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
  ]],
  ["messages of a key, one after the other", [
    ...published(1),
    ...published(2),
    ...done(1, { key: "k" }),
    ...done(2, { key: "k", session: SESSIONS.a2 }),
  ]],
  ["one message in two streams, under two ids", [
    sent(1, { targets: ["s", "t"] }),
    ...done(1, { id: 3 }),
    ...done(1, { id: 9, stream: "t", delivery: 2 }),
  ]],
];

for (const [what, events] of kept) {
  Deno.test(`nothing is found: ${what}`, () => {
    assertEquals(violationsOf(check(events)), {});
  });
}

Deno.test("everything is counted, and told in a line", () => {
  const verdict = check([
    ...published(1),
    sent(2),
    { type: "refused", publisher: "p", number: 2 },
    ...done(1),
    ...kill,
    ...takeover,
    ...done(1, { delivery: 2, session: SESSIONS.b1 }),
    handled("ackConfirmed", 2),
  ]);
  const [counts, violations] = formatClusterVerdict(verdict).split(", lost ");
  assertEquals(
    counts,
    "faults 1, reigns 2, sessions 4, sent 2, confirmed 1, refused 1, unknown 0, delivered 2, " +
      "repeated 1, acked 2, ack confirmed 1, across reigns 0, taken over 0",
  );
  assertEquals(violations?.split(", ").length, Object.keys(CLUSTER_VIOLATIONS).length);
});

Deno.test("deliveries of the past, and what was taken from lost sessions, are counted", () => {
  const verdict = check([
    ...published(1),
    delivered(1),
    ...done(1, { delivery: 2, session: SESSIONS.a2 }),
    { type: "lost", session: SESSIONS.a1 },
    ...takeover,
    delivered(1, { delivery: 3, session: SESSIONS.a2 }),
    handled("returned", 3),
  ]);
  assertEquals([verdict.takenOver, verdict.acrossReigns], [1, 1]);
});

Deno.test("many violations are counted, and only some of them told in words", () => {
  const verdict = check(Array.from({ length: 100 }, (_, index) => published(index + 1)).flat());
  assertEquals([verdict.lost, verdict.examples.length], [100, 20]);
});
