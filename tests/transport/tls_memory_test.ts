// Connections by TLS leave nothing in memory, whichever side ends them.

import { assertEquals } from "@std/assert";
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
