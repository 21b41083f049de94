/**
 * What failed logins cost: refusals that are told late, addresses that are held back, and lines of the
 * log. Time is an argument.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { KnownAddresses } from "../../../src/server/access/known_addresses.ts";
import { findNetwork, LoginGuard } from "../../../src/server/access/login_guard.ts";
import { Log } from "../../../src/server/log.ts";
import { takeTime } from "../../support/broker/pace.ts";
import { Random } from "../../support/random.ts";

const START = 1_000_000;

function createGuard(options: { waitingMax?: number; random?: () => number } = {}) {
  const lines: string[] = [];
  const hastened: number[] = [];
  const log = new Log({ level: "info", write: (line) => lines.push(line), now: () => 0 });
  const guard = new LoginGuard({ log, hasten: (at) => hastened.push(at), ...options });
  return { guard, lines, hastened };
}

/** Lets logins fail, all at one time. */
function fail(guard: LoginGuard, address: string, count: number, now = START): void {
  for (let index = 0; index < count; index++) guard.noteFailure(address, now, "no such token");
}

/** How many of so many connections at one time are admitted. */
function countAdmitted(guard: LoginGuard, address: string, count: number, now = START): number {
  let admitted = 0;
  for (let index = 0; index < count; index++) admitted += Number(guard.admits(address, now));
  return admitted;
}

Deno.test("findNetwork() takes together what belongs to one client", () => {
  for (
    const [address, network] of [
      ["10.1.2.3", "10.1.2.3"],
      ["::ffff:10.1.2.3", "10.1.2.3"],
      ["::FFFF:0a01:0203", "10.1.2.3"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
      ["2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
      ["2001:db8::1", "2001:db8:0:0::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
      ["::1", "0:0:0:0::/64"],
      ["::", "0:0:0:0::/64"],
      ["::ffff:x:y", "::ffff:x:y"],
      ["nonsense", "nonsense"],
    ] as const
  ) assertEquals(findNetwork(address), network, address);
});

Deno.test("a guard admits everybody, and an address with 19 failures in a minute", () => {
  const { guard } = createGuard();
  assertEquals(countAdmitted(guard, "a", 1000), 1000);
  fail(guard, "a", 19);
  assertEquals(countAdmitted(guard, "a", 1000), 1000);
  // Twenty failures in more than a minute are not too many.
  fail(guard, "a", 1, START + 60_000);
  assertEquals(countAdmitted(guard, "a", 1000, START + 60_000), 1000);
});

Deno.test("a guard admits ten connections a second from an address with 20 failures in a minute", () => {
  const { guard } = createGuard();
  fail(guard, "a", 20);
  assertEquals(countAdmitted(guard, "a", 1000), 10);
  assertEquals(countAdmitted(guard, "a", 1000, START + 100), 1);
  assertEquals(countAdmitted(guard, "a", 1000, START + 1100), 10);
  assertEquals(countAdmitted(guard, "a", 1000, START + 50_000), 10);
  assertEquals(countAdmitted(guard, "b", 1000, START + 50_000), 1000, "others do not suffer");
  // A minute after the failures all is forgotten.
  assertEquals(countAdmitted(guard, "a", 1000, START + 60_000), 1000);
  guard.tick(START + 60_000);
  assertEquals(guard.addressCount, 0);
});

Deno.test("a guard does not hold back an address from which a user has logged in", () => {
  const { guard } = createGuard();
  fail(guard, "a", 20);
  guard.noteLogin("a");
  guard.noteLogin("a");
  assertEquals(countAdmitted(guard, "a", 1000), 1000);
  guard.noteLogout("a", START);
  guard.noteLogout("a", START);
  const later = START + 60 * 60_000;
  fail(guard, "a", 20, later - 1);
  assertEquals(countAdmitted(guard, "a", 1000, later - 1), 1000, "it may be about to come back");
  assertEquals(countAdmitted(guard, "a", 1000, later), 10);
  guard.noteLogin("a");
  assertEquals(countAdmitted(guard, "a", 1000, later), 1000);
});

Deno.test("a guard remembers 4,096 addresses that users have left, and all where they are", () => {
  const known = new KnownAddresses();
  for (let index = 0; index < 6000; index++) known.enter(`open ${index}`);
  for (let index = 0; index < 6000; index++) {
    known.enter(`left ${index}`);
    known.leave(`left ${index}`, START);
  }
  assertEquals(known.count, 6000 + 4096);
  assertEquals(known.has("left 1903", START), false);
  assert(known.has("left 1904", START) && known.has("open 0", START));
  known.enter("one");
  known.leave("one", START + 60 * 60_000);
  assertEquals(known.count, 6001, "the others are forgotten by then");
});

Deno.test("a guard admits fifty connections a second from all held back addresses together", () => {
  const { guard } = createGuard();
  const addresses = Array.from({ length: 40 }, (_, index) => `10.0.0.${index}`);
  for (const address of addresses) fail(guard, address, 20);
  const count = (now: number) =>
    addresses.reduce((sum, address) => sum + countAdmitted(guard, address, 100, now), 0);
  assertEquals([count(START), count(START), count(START + 1000)], [50, 0, 50]);
  assertEquals(countAdmitted(guard, "10.1.1.1", 100), 100);
});

Deno.test("a guard takes all addresses of a network of IPv6 for one client", () => {
  const { guard } = createGuard();
  for (let index = 0; index < 20; index++) guard.noteFailure(`2001:db8::${index}`, START, "wrong");
  assertEquals(countAdmitted(guard, "2001:db8::ffff", 100), 10);
  assertEquals(countAdmitted(guard, "2001:db8:0:1::1", 100), 100);
  assertEquals(guard.addressCount, 1);
});

Deno.test("a guard takes ten handshakes that lead to no login for one failure, and tells nobody", () => {
  const { guard, lines } = createGuard();
  for (let index = 0; index < 199; index++) guard.noteUnfinished("a", START);
  assertEquals(countAdmitted(guard, "a", 1000), 1000);
  guard.noteUnfinished("a", START);
  assertEquals(countAdmitted(guard, "a", 1000), 10);
  assertEquals(countAdmitted(guard, "a", 1000, START + 60_000), 1000);
  guard.tick(START + 60_000);
  assertEquals([guard.addressCount, lines.length], [0, 1], "but of those that were closed");
});

Deno.test("a guard takes no ping for a failure, but for those of a flood", () => {
  const { guard } = createGuard();
  let now = START;
  for (; now < START + 3_600_000; now += 25) guard.notePing("check", now);
  assertEquals([guard.addressCount, countAdmitted(guard, "check", 1000, now)], [0, 1000]);
  for (let count = 0; count < 1000; count++) guard.notePing("flood", now);
  for (let count = 0; count < 6; count++) guard.notePing("check", now + count);
  assertEquals(countAdmitted(guard, "flood", 1000, now), 10);
  assertEquals(countAdmitted(guard, "check", 1000, now), 1000);
});

Deno.test("a guard remembers 4,096 addresses, and forgets those that failed longest ago", () => {
  const { guard } = createGuard();
  fail(guard, "first", 20);
  for (let index = 0; index < 4095; index++) fail(guard, `a${index}`, 1);
  assertEquals([guard.addressCount, countAdmitted(guard, "first", 100)], [4096, 10]);
  fail(guard, "first", 1);
  for (let index = 0; index < 100_000; index++) fail(guard, `b${index % 4095}`, 1);
  assertEquals([guard.addressCount, countAdmitted(guard, "first", 100, START + 1000)], [4096, 10]);
  fail(guard, "another", 1);
  assertEquals([guard.addressCount, countAdmitted(guard, "first", 100)], [4096, 100]);
});

Deno.test("a guard tells a refusal after a second, more or less", async () => {
  using _ = takeTime();
  const random = new Random(7);
  const { guard, hastened } = createGuard({ random: () => random.next() });
  const told: number[] = [];
  const all: Promise<void>[] = [];
  let now = START;
  for (let index = 0; index < 200; index++) {
    all.push(guard.hold(START)!.then(() => void told.push(now - START)));
  }
  while (guard.waitingCount > 0) {
    const next = guard.tick(now);
    assert(next > now);
    await Promise.resolve();
    if (next < Infinity) now = next;
  }
  await Promise.all(all);
  assertEquals(told.length, 200);
  const [least, most] = [Math.min(...told), Math.max(...told)];
  assert(least >= 750 && least < 850 && most > 1200 && most <= 1300, `${least} to ${most}`);
  assert(new Set(told).size <= 11, "many are told together");
  assertEquals(Math.min(...hastened) - START, least);
});

Deno.test("a guard lets so many refusals wait, and the others are not told", async () => {
  const { guard } = createGuard({ waitingMax: 3, random: () => 0 });
  const held = Array.from({ length: 5 }, () => guard.hold(START));
  assertEquals(held.map((one) => one !== undefined), [true, true, true, false, false]);
  guard.tick(START + 800);
  await Promise.all(held);
  assertEquals(guard.waitingCount, 0);
  assert(guard.hold(START) !== undefined);
  const { guard: other } = createGuard();
  for (let index = 0; index < 1000; index++) assert(other.hold(START) !== undefined);
  assertEquals(other.hold(START), undefined);
});

Deno.test("a guard writes a line at once, and then one a minute with counts", () => {
  const { guard, lines } = createGuard();
  fail(guard, "10.0.0.1", 500);
  fail(guard, "10.0.0.2", 20, START + 30_000);
  countAdmitted(guard, "10.0.0.2", 100, START + 30_000);
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, "warning logins have failed failures=1 addresses=1");
  assertEquals(guard.tick(START + 59_999), START + 60_000);
  assertEquals(lines.length, 1);
  assertEquals(guard.tick(START + 60_000), Infinity);
  assertEquals(lines.length, 2);
  assertStringIncludes(lines[1]!, "failures=519 closed=90 addresses=1 last=10.0.0.2");
  assertStringIncludes(lines[1]!, 'reason="no such token"');
  guard.tick(START + 120_000);
  assertEquals(lines.length, 2, "nothing more happened");
});
