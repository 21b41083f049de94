/**
 * A broker that is killed while messages are on their way, and started again.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect } from "@simplemq/simplemq";
import { makeStream, print, readArgument, runCases, take, using } from "./cases.ts";

const { port } = readArgument<{ port: number }>();

/** How many messages are on their way when the broker is killed. */
const COUNT = 500;

/** How often it is killed. */
const KILLS = 3;

await runCases({
  "a broker is killed and comes back: each message is stored, and once": async () => {
    await using(connect({ port }), async (connection) => {
      const states: string[] = [];
      let noteLost = () => {};
      const watching = (async () => {
        for await (const { type } of connection.status()) {
          states.push(type);
          if (type === "lost") noteLost();
        }
      })();
      await makeStream(connection, "survivors");
      const publisher = connection.publisher("survivors");
      const sent: string[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        const lost = new Promise<void>((resolve) => noteLost = resolve);
        const sending: Promise<unknown>[] = [];
        const send = (part: string, count: number) => {
          for (let number = 0; number < count; number++) {
            const text = `${kill} ${part} ${number}`;
            sent.push(text);
            sending.push(publisher.sendMessage(text));
          }
        };
        send("before", COUNT);
        await sending[0];
        print("kill broker");
        send("meanwhile", COUNT);
        await lost;
        send("without", 10);
        await Promise.all(sending);
      }
      const { ready } = await connection.cursor().getStream("survivors");
      assert.equal(ready, sent.length);
      const taken = await take(connection, "survivors", sent.length);
      assert.deepEqual(taken.map(({ body }) => body), sent);
      assert.deepEqual([...new Set(states)], ["connected", "lost", "reconnecting"]);
      await connection.close();
      await watching;
    });
  },
});
