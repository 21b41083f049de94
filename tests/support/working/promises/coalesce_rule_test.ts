/**
 * The checker of worlds knows which messages may bring a quiet time forward, and finds one that ends too early.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import type { Coalesce } from "../../../../protocol.ts";
import { Random } from "../../random.ts";
import type { WorkLife } from "../work_parts.ts";
import { describeWorkStreams } from "../work_streams.ts";
import { type ToldPlace, WorkLedger } from "./work_ledger.ts";

const DOCS = describeWorkStreams(new Random(1)).find(({ name }) => name === "docs")!;
const LIFE = { name: "a/1", leads: true, leadsSince: 0 } as WorkLife;

function send(ledger: WorkLedger, label: string, coalesce: Partial<Coalesce>, now: number): void {
  const init = { label, lane: undefined, key: undefined, delayMs: undefined };
  const times = { id: "c", quietMs: 1000, atMostMs: 12_000, take: "last", whileWorked: "wait" };
  ledger.send({ ...init, coalesce: { ...times, ...coalesce } as Coalesce }, DOCS, now);
}

function deliver(ledger: WorkLedger, label: string, id: number, now: number): void {
  const seen = { stream: "docs", id, label, lane: undefined, key: undefined, attempts: 1 };
  ledger.deliver(LIFE, seen, now);
}

/** The second one is sent later, and brings the limit forward. */
function sendTwo(): WorkLedger {
  const ledger = new WorkLedger(true);
  send(ledger, "first", {}, 0);
  send(ledger, "second", { quietMs: 0, atMostMs: 50 }, 100);
  return ledger;
}

function confirm(ledger: WorkLedger, label: string, id: number, told: Partial<ToldPlace>): void {
  const place = { stream: "docs", id, replaced: undefined, isKept: false, ...told };
  ledger.confirm(ledger.find("docs", label)!, place, 120);
}

Deno.test("a message that was sent later, and stored before, may bring a quiet time forward", () => {
  const ledger = sendTwo();
  confirm(ledger, "second", 1, {});
  deliver(ledger, "first", 2, 150);
  assertEquals(ledger.violations, []);
});

Deno.test("a message of which nobody knows where it is stored may bring it forward, too", () => {
  const ledger = sendTwo();
  deliver(ledger, "first", 2, 150);
  assertEquals(ledger.violations, []);
});

Deno.test("no quiet time ends before the limit of any message", () => {
  const ledger = sendTwo();
  deliver(ledger, "first", 2, 140);
  assertMatch(ledger.violations.join(), /^a\/1: first .* at 140, and not before 150$/);
});

Deno.test("a message that was stored after another one does not bring its quiet time forward", () => {
  const ledger = sendTwo();
  confirm(ledger, "second", 2, {});
  deliver(ledger, "first", 1, 160);
  assertMatch(ledger.violations.join(), /not before 1000/);
});

Deno.test("a message that was let go does not bring a quiet time forward", () => {
  const ledger = sendTwo();
  confirm(ledger, "second", 1, { isKept: true });
  deliver(ledger, "first", 1, 160);
  assertMatch(ledger.violations.join(), /not before 1000/);
});

Deno.test("only what a message has replaced brings its quiet time forward, if its publisher was told", () => {
  const ledger = sendTwo();
  confirm(ledger, "second", 1, {});
  confirm(ledger, "first", 2, {});
  deliver(ledger, "first", 2, 160);
  assertMatch(ledger.violations.join(), /not before 1000/);
  const other = sendTwo();
  confirm(other, "second", 1, {});
  confirm(other, "first", 2, { replaced: 1 });
  deliver(other, "first", 2, 160);
  assertEquals(other.violations, []);
});

Deno.test("a limit goes on from one message to the next", () => {
  const ledger = sendTwo();
  send(ledger, "third", {}, 130);
  confirm(ledger, "second", 1, {});
  confirm(ledger, "first", 2, { replaced: 1 });
  confirm(ledger, "third", 3, { replaced: 2 });
  deliver(ledger, "third", 3, 150);
  assertEquals(ledger.violations, []);
});

Deno.test("a message that was gone when another one was sent does not bring its quiet time forward", () => {
  const ledger = sendTwo();
  confirm(ledger, "first", 1, {});
  confirm(ledger, "second", 2, { replaced: 1 });
  ledger.find("docs", "second")!.end("acknowledged", 160);
  send(ledger, "third", {}, 170);
  deliver(ledger, "third", 3, 200);
  assertMatch(ledger.violations.join(), /third .* at 200, and not before 1170/);
});

Deno.test("one with a limit and no quiet time waits as long as it may", () => {
  const ledger = new WorkLedger(true);
  send(ledger, "one", { quietMs: 0, atMostMs: 500 }, 0);
  deliver(ledger, "one", 1, 100);
  assertMatch(ledger.violations.join(), /not before 500/);
});
