/**
 * TLS: who is trusted, and who is not.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect } from "@simplemq/simplemq";
import { makeStream, readArgument, runCases, take, using } from "./cases.ts";

/** Where the brokers are, and certificates in PEM. */
interface Places {
  readonly port: number;
  /** A broker that wants a certificate of its clients. */
  readonly strictPort: number;
  /** A broker whose certificate is for another name. */
  readonly otherPort: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const { port, strictPort, otherPort, ca, cert, key } = readArgument<Places>();

await runCases({
  "a broker with TLS is trusted by its authority, and messages of any size pass": async () => {
    await using(connect({ port, tls: { ca } }), async (connection) => {
      await makeStream(connection, "secrets");
      const bodies = [1, 1000, 70_000, 1_000_000].map((size) => "x".repeat(size));
      for (let round = 0; round < 5; round++) {
        await connection.publisher("secrets").sendMessages(bodies);
      }
      const taken = await take(connection, "secrets", 5 * bodies.length);
      assert.deepEqual(taken.slice(0, 4).map(({ body }) => body), bodies);
    });
  },

  "a request by TLS does not wait for anything": async () => {
    await using(connect({ port, tls: { ca } }), async (connection) => {
      const cursor = connection.cursor();
      await makeStream(connection, "quick");
      let fastest = Infinity;
      for (let round = 0; round < 20; round++) {
        const before = performance.now();
        await cursor.getStream("quick");
        fastest = Math.min(fastest, performance.now() - before);
      }
      // With Nagle's algorithm each of them would take 40 ms.
      assert.ok(fastest < 35, `the fastest took ${fastest} ms`);
    });
  },

  "an address is checked as a name is": async () => {
    const servers = [`smqs://127.0.0.1:${port}`];
    await using(connect({ servers, tls: { ca } }), async () => {});
  },

  "an unknown authority is refused": async () => {
    await assert.rejects(() => connect({ port, tls: true }), (error) => {
      assert.match(String(error), /signed by an unknown authority; give its authority as tls\.ca/);
      return true;
    });
  },

  "a wrong name is refused, and given as tls.serverName it is right": async () => {
    await assert.rejects(() => connect({ port: otherPort, tls: { ca } }), (error) => {
      assert.match(String(error), /its certificate is not for "localhost", but for other\.example/);
      return true;
    });
    const tls = { ca, serverName: "other.example" };
    await using(connect({ port: otherPort, tls }), async () => {});
  },

  "a client shows its certificate, and without one it is told so": async () => {
    await using(connect({ port: strictPort, tls: { ca, cert, key } }), async (connection) => {
      await makeStream(connection, "vault");
      await connection.publisher("vault").sendMessage("gold");
    });
    await assert.rejects(() => connect({ port: strictPort, tls: { ca } }), (error) => {
      assert.match(
        String(error),
        /the client has shown no certificate, and the broker requires one/,
      );
      return true;
    });
  },

  "a port without TLS, and one with it, are told apart": async () => {
    await assert.rejects(() => connect({ port, waitForBroker: false }), /TLS/);
  },
});
