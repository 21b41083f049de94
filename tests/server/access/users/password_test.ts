/**
 * Passwords of the page: which are taken, their hashes, and that one is hashed at a time.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { LoginRefusal } from "../../../../src/server/access/login_refusal.ts";
import { ShownProofs } from "../../../../src/server/access/shown_proofs.ts";
import {
  findPasswordHashMistake,
  findPasswordMistake,
  hashPassword,
  PASSWORD_BYTES_MAX,
  verifyPassword,
} from "../../../../src/server/access/users/password.ts";
import {
  PasswordQueue,
  PasswordQueueFull,
} from "../../../../src/server/access/users/password_queue.ts";
import { UserTable } from "../../../../src/server/access/users/user_table.ts";
import type { UserEntry } from "../../../../src/server/access/users/users_file.ts";

Deno.test("findPasswordMistake() refuses what is short, long or easy to guess", () => {
  for (
    const [password, mistake] of [
      ["", "found 0 characters, allowed 12 or more"],
      ["Xk4!vQz09ab", "found 11 characters"],
      ["ä".repeat(PASSWORD_BYTES_MAX / 2 + 1), "found more than 1024 bytes"],
      ["battery\nhorse staple", "a control character"],
      ["aaaaaaaaaaaaaaaa", "easy to guess"],
      ["abababababababab", "easy to guess"],
      ["Password12345", "easy to guess"],
      ["passwordpassword", "easy to guess"],
      ["qwertyuiop123456", "easy to guess"],
      ["simplemq-admin-1", "easy to guess"],
      ["annabel-annabel-1", "easy to guess"],
      ["0123456789012345", "easy to guess"],
    ] as const
  ) {
    const found = findPasswordMistake(password, "annabel@shop");
    assertStringIncludes(found ?? "nothing", mistake, JSON.stringify(password.slice(0, 30)));
  }
  for (
    const password of [
      "kettle orbit maple",
      "Xk4!vQz09abW",
      "дом река гора лес",
      "8531-9042-7716-2250",
    ]
  ) {
    assertEquals(findPasswordMistake(password, "ann"), undefined, password);
  }
});

Deno.test("verifyPassword() knows the password of a hash, in both forms of a letter", async () => {
  const hash = await hashPassword("kettle orbit m\u00e4ple");
  assertMatch(hash, /^\$argon2id\$v=19\$m=7168,t=5,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assertEquals(findPasswordHashMistake(hash), undefined);
  assertEquals(await verifyPassword("kettle orbit ma\u0308ple", hash), true);
  assertEquals(await verifyPassword("kettle orbit maple", hash), false);
  // A published vector of other programs, so that their hashes are taken, too.
  const foreign =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  assertEquals(await verifyPassword("password", foreign), true);
});

Deno.test("a queue runs one at a time, in their order, and turns away whom it has no room for", async () => {
  const queue = new PasswordQueue();
  const gates: PromiseWithResolvers<void>[] = [];
  const order: number[] = [];
  const add = (index: number, network: string) => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return queue.run(network, async () => {
      order.push(index);
      await gate.promise;
      if (index === 1) throw new Error("as the test wants");
      return index;
    });
  };
  const done = Array.from({ length: 17 }, (_, index) => add(index, `10.0.0.${index >> 2}`));
  const failed = assertRejects(() => done[1]!, Error, "as the test wants");
  // One network has four, and the line is full.
  await assertRejects(() => queue.run("10.0.0.1", () => Promise.resolve()), PasswordQueueFull);
  await assertRejects(() => queue.run("10.9.9.9", () => Promise.resolve()), PasswordQueueFull);
  await Promise.resolve();
  assertEquals(order, [0]);
  for (const [index, gate] of gates.entries()) {
    gate.resolve();
    await done[index]!.catch(() => {});
  }
  await failed;
  assertEquals(order, Array.from({ length: 17 }, (_, index) => index));
  await queue.run("10.0.0.1", () => Promise.resolve());
  assertEquals(queue.count, 0);
});

Deno.test("a wrong password, an unknown user and one without a password get the same answer", async () => {
  const user = { tokens: [], permissions: {}, limits: {} };
  const password = await hashPassword("kettle orbit maple");
  const users = new Map<string, UserEntry>([["ann", { ...user, password }], ["bob", user]]);
  const proofs = new ShownProofs(new UserTable({ users, anonymous: undefined }), () => 0);
  assert(proofs.hasUsers && proofs.hasPasswords);
  const told: string[] = [];
  const tries = [["ann", "kettle orbit mapl"], ["bob", ""], ["nobody", "x"], [
    "ann",
    "x".repeat(9999),
  ]];
  for (const [name, text] of tries) {
    const began = performance.now();
    const refusal = await assertRejects(
      () => proofs.provePassword(name!, text!, "::1"),
      LoginRefusal,
    );
    told.push(`${refusal.code} ${refusal.message} ${refusal.reason}`);
    // Nobody is told apart by the time: a hash is made for everybody.
    assert(performance.now() - began > 5);
  }
  assertEquals(new Set(told).size, 1);
  assertEquals(await proofs.provePassword("ann", "kettle orbit maple", "::1"), {
    user: "ann",
    passwordHash: password,
  });
});
