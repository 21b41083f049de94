import { assert, assertEquals } from "@std/assert";
import { Lease } from "../../../src/engine/replicated/lease.ts";

Deno.test("a lease is held for three quarters of its time after what counts was sent", () => {
  const lease = new Lease(2000, 100);
  assert(!lease.isHeld(100));
  assertEquals(lease.endsAt, 100);
  assert(lease.heartbeatDueAt <= 100);
  lease.note(1000);
  assertEquals([lease.endsAt, lease.heartbeatDueAt], [2500, 1500]);
  assert(lease.isHeld(2499.9));
  assert(!lease.isHeld(2500));
  lease.note(900);
  assertEquals([lease.endsAt, lease.heartbeatDueAt], [2500, 1500]);
  lease.note(2600);
  assert(lease.isHeld(2700));
});

Deno.test("what was sent long ago does not bring it back", () => {
  const lease = new Lease(2000, 0);
  lease.note(100);
  // The process stood still, and hears of the answer now.
  assert(!lease.isHeld(9000));
  lease.note(200);
  assert(!lease.isHeld(9000));
});

Deno.test("clients are sent away a quarter later, unless nobody leads the log", () => {
  const lease = new Lease(2000, 0);
  lease.note(1000);
  assert(!lease.sendsAway(2999));
  assert(lease.sendsAway(3000));
  lease.noteLeaderless(2500);
  assert(!lease.sendsAway(4499));
  assert(lease.sendsAway(4500));
  lease.note(3400);
  assert(!lease.sendsAway(4500));
});

Deno.test("another node is asked once in half of its time, and not while it is held", () => {
  const lease = new Lease(2000, 0);
  lease.note(1000);
  assertEquals([2000, 2500, 2501, 3499, 3500].map((now) => lease.takeNodeChange(now)), [
    false,
    true,
    false,
    false,
    true,
  ]);
});

Deno.test("a lease that was given back stays so", () => {
  const lease = new Lease(2000, 0);
  lease.note(1000);
  lease.end(1200);
  assert(!lease.isHeld(1200));
  lease.note(1300);
  assert(!lease.isHeld(1300));
  assertEquals([lease.endsAt, lease.heartbeatDueAt], [1200, Infinity]);
  lease.end(9000);
  assertEquals(lease.endsAt, 1200);
});

Deno.test("a machine that has slept does not have it until something counts that was sent later", () => {
  const lease = new Lease(2000, 0);
  lease.noteDate(0, 50_000);
  lease.note(1000);
  lease.noteDate(1000, 51_000);
  assert(lease.isHeld(1000));
  // A little is no sleep.
  lease.noteDate(1100, 51_600);
  assert(lease.isHeld(1100));
  // Many little ones are.
  lease.noteDate(1200, 51_701);
  assert(!lease.isHeld(1200));
  assertEquals([lease.endsAt, lease.heartbeatDueAt], [1200, 1200]);
  lease.note(1150);
  assert(!lease.isHeld(1200));
  lease.note(1250);
  lease.noteDate(1300, 51_801);
  assert(lease.isHeld(1300));
  assertEquals([lease.endsAt, lease.heartbeatDueAt], [2750, 1750]);
});

Deno.test("a date that is set costs the lease at most once, and one that goes wrong costs nothing", () => {
  const lease = new Lease(2000, 0);
  const look = (now: number, date: number) => {
    lease.note(now);
    lease.noteDate(now, date);
    return lease.isHeld(now);
  };
  assert(look(0, 9_000_000));
  assert(look(100, 1_000_100));
  // Back to what it was.
  assert(!look(200, 9_000_200));
  assert(look(300, 9_000_300));
  // Faster by a hundredth, for hours.
  for (let now = 300; now < 10_000_000; now += 500) assert(look(now, 9_000_000 + now * 1.01));
});
