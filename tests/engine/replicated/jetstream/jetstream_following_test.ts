/**
 * A record that is told of while it is being asked for is handed over once.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Msg } from "@nats-io/transport-node";
import { JetStreamFollowing } from "../../../../src/engine/replicated/jetstream/jetstream_following.ts";
import type { NatsLink } from "../../../../src/engine/replicated/jetstream/nats_link.ts";

/** What a node tells of: a record, with its sequence. */
function told(sequence: number): Msg {
  const headers = { code: 0, get: () => String(sequence) };
  return { headers, data: Uint8Array.of(sequence) } as unknown as Msg;
}

Deno.test("a record that comes by itself while it is asked for is not taken for the next one", async () => {
  const asked = Promise.withResolvers<number>();
  const answer = Promise.withResolvers<Uint8Array>();
  const taken: (readonly [sequence: number, byte: number | undefined])[] = [];
  const following = new JetStreamFollowing({
    names: { stream: "s", subject: "s", told: "s.log", brokers: "s.brokers" },
    from: 1,
    reader: {
      take: (sequence, bytes) => void taken.push([sequence, bytes[0]]),
      trimmed: () => {},
      shorter: () => {},
    },
    silenceMs: 1000,
    log: {
      bounds: () =>
        Promise.resolve({
          first: 1,
          last: 1,
          bytes: 1,
          bytesMax: undefined,
          leader: "n",
          replicas: 3,
        }),
      read: (sequence) => {
        asked.resolve(sequence);
        return answer.promise;
      },
    },
    report: () => {},
    ended: () => {},
  });
  let hear: (message: Msg) => void = () => {};
  const link: Pick<NatsLink, "isClosed" | "subscribe" | "ask"> = {
    isClosed: false,
    subscribe: (_, heard) => {
      hear = heard;
      return () => {};
    },
    // The node that is asked has no such record yet.
    ask: ({ take }) => {
      take({ headers: { code: 404 } } as Msg);
      return Promise.resolve();
    },
  };
  following.attach(link as NatsLink);
  assertEquals(await asked.promise, 1);
  hear(told(1));
  answer.resolve(Uint8Array.of(1));
  await answer.promise;
  // Whoever has waited for the answer goes on before this does.
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  hear(told(2));
  following.stop();
  assertEquals(taken, [[1, 1], [2, 2]]);
});
