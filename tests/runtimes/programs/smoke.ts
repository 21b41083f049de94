/**
 * The client's usual work.
 *
 * @module
 */

import assert from "node:assert/strict";
import { unlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import process from "node:process";
import { inspect } from "node:util";
import {
  BrokerError,
  connect,
  defineStream,
  ERROR_CODES,
  ping,
  type StandardSchema,
} from "@simplemq/simplemq";
import { FrameWriter, writeControlFrame } from "@simplemq/simplemq/protocol";
import { makeStream, readArgument, runCases, take, using } from "./cases.ts";

/** Where the brokers are. */
interface Places {
  readonly port: number;
  /** A broker where only a user with a token may do something. */
  readonly guardedPort: number;
  readonly token: string;
}

const { port, guardedPort, token } = readArgument<Places>();

/** Listens on a free port; resolves to its address. */
async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

await runCases({
  "a message is published, followed and acknowledged": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "hello");
      const receipt = await connection.publisher("hello").sendMessage("hello world");
      assert.deepEqual(receipt, { streams: [{ stream: "hello", id: 1 }], duplicate: false });
      const [message] = await take(connection, "hello", 1);
      assert.equal(message!.body, "hello world");
      assert.match(inspect(message), /^Message \{.*hello world/s);
      const { ready, pending } = await connection.cursor().getStream("hello");
      assert.deepEqual([ready, pending], [0, 0]);
    });
  },

  "bodies arrive as what they were: text, bytes, JSON, and large ones": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "bodies");
      const large = new Uint8Array(1_000_000).map((_, index) => index % 251);
      const bodies = ["grün ☂ 🎈", Uint8Array.of(0, 255), { a: [1, null, "x"] }, large];
      await connection.publisher("bodies").sendMessages(bodies);
      const taken = await take(connection, "bodies", bodies.length);
      for (const [index, { body }] of taken.entries()) assert.deepEqual(body, bodies[index]);
    });
  },

  "a broker is pinged without a token, and tells an operator of itself": async () => {
    for (const place of [port, guardedPort]) {
      assert.deepEqual((await ping({ port: place })).problems, []);
    }
    await using(connect({ port }), async (connection) => {
      const cursor = connection.cursor();
      const { connections, problems } = await cursor.getBroker();
      assert.deepEqual([connections! > 0, problems], [true, []]);
      assert.equal(await cursor.closeConnection(Number.MAX_SAFE_INTEGER), false);
    });
  },

  "many messages are published without waiting, and a batch at a time": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "many");
      const publisher = connection.publisher("many");
      const texts = Array.from({ length: 5000 }, (_, index) => `message ${index}`);
      await Promise.all(texts.map((text) => publisher.sendMessage(text)));
      await publisher.sendMessages(texts);
      const taken = await take(connection, "many", 2 * texts.length);
      assert.deepEqual(taken.map(({ body }) => body), [...texts, ...texts]);
    });
  },

  "a request is answered": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "sums");
      const answering = (async () => {
        for await (const message of connection.follower<number[]>("sums").getMessages()) {
          await message.reply(message.body.reduce((a, b) => a + b, 0));
          await message.ack();
          break;
        }
      })();
      const reply = await connection.publisher("sums").request([1, 2, 3]);
      assert.equal(reply.body, 6);
      assert.match(inspect(reply), /^Reply \{/);
      await answering;
    });
  },

  "of a key, one message at a time is in a handler": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "keyed");
      const publisher = connection.publisher("keyed");
      await publisher.sendMessages([1, 2, 3], { key: "one" });
      const held: unknown[] = [];
      let running = 0;
      const follower = connection.follower<number>("keyed", { prefetch: 10 });
      const work = follower.handle(async ({ body }) => {
        assert.equal(++running, 1);
        await new Promise((resolve) => setTimeout(resolve));
        running--;
        if (held.push(body) === 3) void work.close();
      }, { concurrency: 5 });
      await work.closed;
      assert.deepEqual(held, [1, 2, 3]);
    });
  },

  "handlers and batches end messages, and a definition checks them": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "rows");
      const schema: StandardSchema<number> = {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: (value) =>
            typeof value === "number" ? { value } : { issues: [{ message: "no number" }] },
        },
      };
      const rows = defineStream("rows", { schema });
      await connection.publisher(rows).sendMessages([1, 2, 3]);
      await connection.publisher("rows").sendMessages(["four", 5]);
      await assert.rejects(() => connection.publisher(rows).sendMessage("x" as never), TypeError);
      const seen: number[] = [];
      const follower = connection.follower(rows);
      const work = follower.handleBatches(({ bodies }) => {
        seen.push(...bodies);
        if (seen.length === 4) void work.close();
      }, { size: 2 });
      await work.closed;
      assert.deepEqual(seen, [1, 2, 3, 5]);
      const [dead] = await take(connection, "rows.dead", 1);
      assert.deepEqual([dead!.body, dead!.deadLetter?.reasons], ["four", ["invalid: no number"]]);
    });
  },

  "what is rejected is a dead letter, with the reason": async () => {
    await using(connect({ port }), async (connection) => {
      await makeStream(connection, "mails");
      await connection.publisher("mails").sendMessage("ann");
      for await (const message of connection.follower("mails").getMessages()) {
        await message.reject("nobody lives there", { confirm: true });
        break;
      }
      const [dead] = await connection.cursor().peek("mails.dead");
      assert.equal(dead!.deadLetter?.cause, "rejected");
      assert.match(JSON.stringify(dead!.deadLetter), /nobody lives there/);
    });
  },

  "mistakes are errors with a code": async () => {
    await using(connect({ port }), async (connection) => {
      const failing = connection.publisher("nowhere").sendMessage("x");
      await assert.rejects(failing, (error) => {
        return error instanceof BrokerError && error.code === "STREAM_NOT_FOUND";
      });
      assert.ok("STREAM_NOT_FOUND" in ERROR_CODES);
    });
    // deno-lint-ignore no-explicit-any
    await assert.rejects(() => connect({ prot: port } as any), TypeError);
  },

  "where nobody listens, a sentence says so": async () => {
    await assert.rejects(() => connect({ port: 1 }), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /^Cannot connect to a broker at localhost:1: .*refused/i);
      return true;
    });
  },

  "a standby is followed by the broker that it names, and a silent one is left": async () => {
    const silent = createServer(() => {});
    const standby = createServer((socket) => {
      socket.once("data", () => {
        const writer = new FrameWriter();
        const details = { active: `localhost:${port}` };
        const message = "Cannot open a session: this broker is a standby";
        writeControlFrame(writer, "error", { code: "NOT_ACTIVE", message, details });
        socket.end(writer.take());
      });
    });
    const servers = [await listen(silent), await listen(standby)];
    try {
      await using(connect({ servers, connectTimeoutMs: 200 }), async (connection) => {
        assert.equal(connection.broker.address, `localhost:${port}`);
        await makeStream(connection, "followed");
        await connection.publisher("followed").sendMessage("x");
      });
    } finally {
      silent.close();
      standby.close();
    }
  },

  "the token and the server come from the environment": async () => {
    await assert.rejects(() => connect({ port: guardedPort }), { code: "UNAUTHORIZED" });
    const { env } = process;
    try {
      env.SIMPLEMQ_SERVER = `localhost:${guardedPort}`;
      env.SIMPLEMQ_TOKEN = token;
      await using(connect(), async ({ broker }) => assert.equal(await broker.user, "shop"));
      delete env.SIMPLEMQ_TOKEN;
      env.SIMPLEMQ_TOKEN_FILE = "shop.token";
      writeFileSync("shop.token", ` ${token}\n`);
      await using(connect(), async ({ broker }) => assert.equal(await broker.user, "shop"));
      unlinkSync("shop.token");
      await assert.rejects(() => connect(), /shop.token \(SIMPLEMQ_TOKEN_FILE\)/);
    } finally {
      delete env.SIMPLEMQ_SERVER;
      delete env.SIMPLEMQ_TOKEN_FILE;
    }
  },
});
