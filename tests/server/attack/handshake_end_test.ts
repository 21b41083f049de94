/**
 * Handshakes of TLS that fail leave nothing behind.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createPipe } from "../../../src/transport/duplex.ts";
import { TlsAcceptor } from "../../../src/transport/tls_acceptor.ts";
import { passTurns, until } from "../../support/broker/broker.ts";
import { AUTHORITY } from "../../support/certificates/tls_pair.ts";
import { LOCAL_NAMES, validFor } from "../../support/certificates/test_certificates.ts";
import { recordTlsHello } from "./arsenal.ts";

const COUNT = 20;

/** Begins a handshake that ends in the middle; returns a reference that keeps nothing. */
async function failHandshake(acceptor: TlsAcceptor, hello: Uint8Array): Promise<WeakRef<object>> {
  const [here, there] = createPipe();
  const duplex = acceptor.secure(there, { noteFailure: () => {}, answerPlain: () => undefined });
  await here.write(hello);
  const reading = duplex.read(new Uint8Array(16));
  await passTurns();
  here.close();
  assertEquals(await reading.catch(() => null), null);
  duplex.close();
  return new WeakRef(duplex);
}

Deno.test("a handshake that ends in the middle leaves nothing behind", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const pair = AUTHORITY.makeServer(LOCAL_NAMES, validFor(10));
  const acceptor = new TlsAcceptor(pair);
  const hello = await recordTlsHello();
  const left: WeakRef<object>[] = [];
  for (let count = 0; count < COUNT; count++) left.push(await failHandshake(acceptor, hello));
  await until("all of them are collected", async () => {
    await passTurns();
    collect();
    // The last one may still be on the stack.
    return left.filter((one) => one.deref() !== undefined).length <= 1;
  });
});
