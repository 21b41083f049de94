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
  assert(!lease.sendsAway(3499));
  assert(lease.sendsAway(3500));
  lease.note(3400);
  assert(!lease.sendsAway(3500));
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
