/**
 * Each rule of the checker finds what breaks it, and nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { checkHistory } from "./checker.ts";
import { type FaultKind, History, type HistoryEvent } from "./history.ts";
import { formatVerdict, type Verdict, type Violation, VIOLATIONS } from "./verdict.ts";

/** The publisher and the follower of these histories, unless another one is named. */
const PUBLISHER = "p";
const FOLLOWER = "f";

/** A message is sent to a stream; its hash is its number. */
function attempted(
  number: number,
  { publisher = PUBLISHER, targets = ["s"], call = number } = {},
): HistoryEvent {
  return { type: "attempted", publisher, number, targets, hash: number, call };
}

/** A message is confirmed with this id. */
function confirmed(number: number, id = number, stream = "s"): HistoryEvent {
  return { type: "confirmed", publisher: PUBLISHER, number, storedIn: [{ stream, id }] };
}

/** A message is sent and confirmed. */
function published(number: number): HistoryEvent[] {
  return [attempted(number), confirmed(number)];
}

/** A message is delivered, for the first time unless something else is said. */
function delivered(
  number: number,
  {
    id = number,
    stream = "s",
    follower = FOLLOWER,
    publisher = PUBLISHER,
    attempts = 1,
    hash = number,
  } = {},
): HistoryEvent {
  const label = { publisher, number };
  return { type: "delivered", follower, stream, id, attempts, label, hash };
}

/** An acknowledgement, as far as it has come. */
function ack(
  type: "ackSent" | "ackConfirmed" | "ackUnknown",
  id: number,
  { stream = "s", follower = FOLLOWER } = {},
): HistoryEvent {
  return { type, follower, stream, id };
}

/** A message is delivered and acknowledged. */
function handled(number: number, options: Parameters<typeof delivered>[1] = {}): HistoryEvent[] {
  const { id = number, ...rest } = options;
  return [delivered(number, { id, ...rest }), ack("ackSent", id, rest)];
}

/** Something is done to the broker, during which this is seen; then there is a new one. */
function fault(kind: FaultKind, before: HistoryEvent[] = [], after: HistoryEvent[] = []) {
  const events: HistoryEvent[] = [
    { type: "faultBegun", kind },
    ...before,
    { type: "faultStruck" },
    ...after,
    { type: "faultEnded" },
  ];
  return events;
}

/** The violations of a history, with how often each of them was found. */
function violationsOf(verdict: Verdict): Partial<Record<Violation, number>> {
  const found: Partial<Record<Violation, number>> = {};
  for (const violation of Object.keys(VIOLATIONS) as Violation[]) {
    if (verdict[violation] > 0) found[violation] = verdict[violation];
  }
  assertEquals(verdict.isClean, Object.keys(found).length === 0);
  assert(verdict.isClean === (verdict.examples.length === 0), "violations are told in words");
  return found;
}

/** What breaks a rule: what it is, the history, and what must be found, and nothing else. */
const broken: [what: string, events: HistoryEvent[], Partial<Record<Violation, number>>][] = [
  ["confirmed, and never delivered", published(1), { lost: 1 }],
  ["confirmed in two streams, and delivered in one", [
    attempted(1, { targets: ["s", "t"] }),
    {
      ...confirmed(1),
      storedIn: [{ stream: "s", id: 1 }, { stream: "t", id: 7 }],
    } as HistoryEvent,
    ...handled(1),
  ], { lost: 1, torn: 1 }],
  ["confirmed without a word about where, and never delivered", [
    attempted(1),
    { type: "confirmed", publisher: PUBLISHER, number: 1, storedIn: [] },
  ], { lost: 1 }],
  ["delivered, not acknowledged, and never seen again", [
    ...published(1),
    delivered(1),
    ...fault("kill"),
  ], { lost: 1 }],
  ["acknowledged to a broker that was gone, and never seen again", [
    ...published(1),
    delivered(1),
    ...fault("kill", [], [ack("ackSent", 1)]),
  ], { lost: 1 }],
  ["acknowledged to another broker than the one that had delivered it, and never seen again", [
    ...published(1),
    delivered(1),
    ...fault("kill"),
    ack("ackSent", 1),
  ], { lost: 1 }],
  ["acknowledged, delivered again, and then never seen again", [
    ...published(1),
    ...handled(1),
    ...fault("kill"),
    delivered(1),
    ...fault("kill"),
  ], { lost: 1 }],
  ["confirmed before the disk was cut off, and gone", [
    ...published(1),
    ...fault("cut"),
  ], { lost: 1 }],
  ["nobody's", [...published(1), ...handled(1), delivered(2)], { phantom: 1 }],
  ["confirmed, and nobody's", [confirmed(1)], { phantom: 1 }],
  ["a body that nobody can read", [
    { ...delivered(1), label: undefined } as HistoryEvent,
  ], { phantom: 1 }],
  ["a body that was changed", [...published(1), ...handled(1), delivered(1, { hash: 0 })], {
    phantom: 1,
  }],
  ["in a stream that it was not sent to", [
    ...published(1),
    ...handled(1),
    delivered(1, { stream: "t" }),
  ], { phantom: 1 }],
  ["delivered after an acknowledgement was confirmed", [
    ...published(1),
    ...handled(1),
    ack("ackConfirmed", 1),
    ...fault("kill"),
    ...handled(1, { attempts: 2 }),
  ], { redelivered: 1 }],
  ["delivered after an acknowledgement was confirmed, even to somebody else", [
    ...published(1),
    ...handled(1),
    ack("ackConfirmed", 1),
    ...handled(1, { follower: "g" }),
  ], { redelivered: 1 }],
  ["delivered to somebody else while it was being acknowledged with success", [
    ...published(1),
    ...handled(1),
    ...handled(1, { follower: "g" }),
    ack("ackConfirmed", 1),
  ], { redelivered: 1 }],
  ["a later message of a publisher first", [
    ...published(1),
    ...published(2),
    ...published(3),
    ...handled(3),
    ...handled(1),
    ...handled(2),
  ], { reordered: 2 }],
  ["an id of two messages, in receipts", [
    attempted(1),
    attempted(2),
    confirmed(1, 1),
    confirmed(2, 1),
    ...handled(1),
  ], { reusedIds: 1, lost: 1 }],
  ["an id that is another message's after a restart", [
    attempted(1),
    ...handled(1, { id: 5 }),
    ...fault("kill"),
    attempted(2),
    delivered(2, { id: 5 }),
  ], { reusedIds: 1 }],
  ["a message under two ids", [
    ...published(1),
    ...handled(1),
    ...fault("kill"),
    ...handled(1, { id: 2 }),
  ], { duplicates: 1 }],
  ["a message delivered under another id than was confirmed", [
    attempted(1),
    confirmed(1, 4),
    ...handled(1, { id: 5 }),
  ], { duplicates: 1 }],
  ["fewer attempts than before", [
    ...published(1),
    delivered(1, { attempts: 1 }),
    ...fault("kill"),
    delivered(1, { attempts: 2 }),
    ...fault("kill"),
    ...handled(1, { attempts: 1 }),
  ], { attemptsDown: 1 }],
  ["refused, and delivered", [
    attempted(1),
    { type: "refused", publisher: PUBLISHER, number: 1 },
    ...handled(1),
  ], { refusedDelivered: 1 }],
  ["delivered, and then refused", [
    attempted(1),
    ...handled(1),
    { type: "refused", publisher: PUBLISHER, number: 1 },
  ], { refusedDelivered: 1 }],
  ["a call of which one message is missing", [
    attempted(1, { call: 1 }),
    attempted(2, { call: 1 }),
    attempted(3, { call: 2 }),
    ...handled(1),
  ], { torn: 1 }],
  ["a message that is in one of its two streams", [
    attempted(1, { targets: ["s", "t"] }),
    ...handled(1),
  ], { torn: 1 }],
  ["sent and confirmed when there was no disk", [
    ...fault("cut", [], published(1)),
  ], { confirmedDead: 1 }],
];

for (const [what, events, violations] of broken) {
  Deno.test(`found: ${what}`, () => {
    assertEquals(violationsOf(checkHistory(events)), violations);
  });
}

/** What keeps the rules, although it looks bad. */
const kept: [what: string, events: HistoryEvent[]][] = [
  ["nothing", []],
  ["a message that is published, delivered and acknowledged", [...published(1), ...handled(1)]],
  ["a message that is delivered before its confirm is heard", [
    attempted(1),
    ...handled(1),
    confirmed(1),
  ]],
  ["a message of which nobody knows, delivered or not", [
    attempted(1),
    attempted(2),
    { type: "unknown", publisher: PUBLISHER, number: 1 },
    { type: "unknown", publisher: PUBLISHER, number: 2 },
    ...handled(2),
  ]],
  ["a message that is refused and never seen", [
    attempted(1),
    { type: "refused", publisher: PUBLISHER, number: 1 },
  ]],
  ["a message that comes again after a plain acknowledgement", [
    ...published(1),
    ...handled(1),
    ...fault("kill"),
    ...handled(1, { attempts: 2 }),
  ]],
  ["a message that comes again after an acknowledgement of which nobody knows", [
    ...published(1),
    ...handled(1),
    ...fault("kill", [ack("ackUnknown", 1)]),
    ...handled(1),
  ]],
  ["an acknowledgement of which nobody knows, and which was heard", [
    ...published(1),
    ...handled(1),
    ...fault("kill", [], [ack("ackUnknown", 1)]),
  ]],
  ["messages in any order, to two followers", [
    ...published(1),
    ...published(2),
    ...handled(2),
    ...handled(1, { follower: "g" }),
  ]],
  ["messages of two publishers in any order", [
    attempted(2),
    attempted(1, { publisher: "q" }),
    ...handled(2, { id: 1 }),
    ...handled(1, { id: 2, publisher: "q" }),
  ]],
  ["a message that comes again behind later ones", [
    ...published(1),
    ...published(2),
    delivered(1),
    ...handled(2),
    ...fault("kill"),
    ...handled(1, { attempts: 2 }),
  ]],
  ["one message in two streams, under two ids", [
    attempted(1, { targets: ["s", "t"] }),
    ...handled(1, { id: 3 }),
    ...handled(1, { id: 9, stream: "t" }),
  ]],
  ["confirmed while the disk was cut off, and gone", [
    attempted(1),
    ...fault("cut", [confirmed(1)]),
  ]],
  ["sent before the disk was cut off, and confirmed late", [
    attempted(1),
    ...fault("cut", [], [confirmed(1)]),
    ...handled(1),
  ]],
  ["delivered while the disk was cut off, and gone, and the id is another message's", [
    attempted(1, { call: 1 }),
    attempted(2, { call: 1 }),
    ...fault("cut", handled(1)),
    attempted(3),
    ...handled(3, { id: 1 }),
  ]],
  ["an acknowledgement that was confirmed while the disk was cut off, and forgotten", [
    ...published(1),
    ...handled(1),
    ...fault("cut", [ack("ackConfirmed", 1)]),
    ...handled(1),
  ]],
  ["attempts that are forgotten when the disk is cut off", [
    ...published(1),
    delivered(1, { attempts: 2 }),
    ...fault("cut"),
    ...handled(1, { attempts: 1 }),
  ]],
];

for (const [what, events] of kept) {
  Deno.test(`nothing is found: ${what}`, () => {
    assertEquals(violationsOf(checkHistory(events)), {});
  });
}

Deno.test("everything is counted, and told in a line", () => {
  const verdict = checkHistory([
    ...published(1),
    ...published(2),
    attempted(3),
    attempted(4),
    { type: "refused", publisher: PUBLISHER, number: 3 },
    { type: "unknown", publisher: PUBLISHER, number: 4 },
    ...handled(1),
    ack("ackConfirmed", 1),
    ...handled(2),
    ...fault("kill"),
    ...handled(2),
    attempted(5),
    ...fault("cut", [confirmed(5)]),
  ]);
  assertEquals(
    formatVerdict(verdict),
    "attempted 5, confirmed 2, uncertain 1, refused 1, unknown 1, delivered 3, repeated 1, " +
      "repeated after ack 1, acked 3, ack confirmed 1, faults 2, lost 0, phantom 0, " +
      "redelivered 0, reordered 0, reused ids 0, duplicates 0, attempts down 0, " +
      "refused delivered 0, torn 0, confirmed dead 0",
  );
});

Deno.test("many violations are counted, and only some of them told in words", () => {
  const events = Array.from({ length: 100 }, (_, index) => published(index + 1)).flat();
  const verdict = checkHistory(events);
  assertEquals([verdict.lost, verdict.examples.length], [100, 20]);
  assertEquals(verdict.examples[0], "lost: p 1 in s with id 1: 0 deliveries");
});

Deno.test("a history keeps its events, tells them, and wakes those who wait", async () => {
  const heard: HistoryEvent[] = [];
  const history = new History({ hear: (event) => heard.push(event) });
  const waiting = history.waitUntil("two things have come", () => history.progress >= 2);
  const events = [...published(1), delivered(1)];
  for (const event of events) history.record(event);
  await waiting;
  await history.waitUntil("that is so already", () => true);
  assertEquals([history.events, heard, history.progress], [events, events, 2]);
});

Deno.test("a history that is long is not kept", () => {
  const history = new History({ keepsEvents: false });
  for (const event of published(1)) history.record(event);
  assertEquals([history.events.length, history.progress], [0, 1]);
});
