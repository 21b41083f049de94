// Connections by TLS leave nothing in memory, whichever side ends them.

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { TlsAcceptor } from "../../src/transport/tls_acceptor.ts";
import { makeAcceptor, TlsPair } from "../support/certificates/tls_pair.ts";
import { passTurns, until } from "../support/broker/broker.ts";

/** Opens a connection and ends it; returns references that keep nothing. */
async function openAndEnd(acceptor: TlsAcceptor, isEndedHere: boolean): Promise<WeakRef<object>[]> {
  const pair = new TlsPair({ acceptor });
  const buffer = new Uint8Array(10);
  const reading = pair.there.read(buffer);
  const here = await pair.open();
  await here.write(new Uint8Array(3));
  assertEquals(await reading, 3);
  const [ended, other] = isEndedHere ? [here, pair.there] : [pair.there, here];
  ended.close();
  assertEquals(await other.read(buffer), null);
  other.close();
  return [new WeakRef(pair.there), new WeakRef(pair.socket), new WeakRef(here)];
}

for (const isEndedHere of [false, true]) {
  Deno.test(`connections that the ${isEndedHere ? "client" : "broker"} ends leave nothing behind`, async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const acceptor = makeAcceptor();
    const left: WeakRef<object>[] = [];
    for (let count = 0; count < 20; count++) left.push(...await openAndEnd(acceptor, isEndedHere));
    await until("all of them are collected", async () => {
      await passTurns();
      collect();
      // The last one may still be on the stack.
      return left.filter((one) => one.deref() !== undefined).length <= 3;
    });
  });
}

/** What a connection takes up whose client sends a mebibyte, and whose broker reads one byte of it. */
async function measureHeld(isThrifty: boolean): Promise<number> {
  using pair = new TlsPair({ isThrifty: () => isThrifty });
  const reading = pair.there.read(new Uint8Array(1));
  const here = await pair.open();
  const sent = (async () => {
    const body = new Uint8Array(1024 * 1024).fill(7);
    for (let at = 0; at < body.length;) at += await here.write(body.subarray(at, at + 4096));
    return body.length;
  })();
  assertEquals(await reading, 1);
  await passTurns();
  const { heldBytes } = pair.there;
  // All of it comes when it is read.
  const buffer = new Uint8Array(64 * 1024);
  for (let count = 1; count < 1024 * 1024;) count += (await pair.there.read(buffer))!;
  assertEquals(await sent, 1024 * 1024);
  return heldBytes;
}

Deno.test("what a connection takes up is told, and is little while memory is short", async () => {
  const usual = await measureHeld(false);
  assertGreater(usual, 64 * 1024);
  assertLess(usual, 256 * 1024);
  assertLess(await measureHeld(true), 20 * 1024);
});
