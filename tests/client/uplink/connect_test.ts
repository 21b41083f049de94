import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect } from "@simplemq/simplemq";
import { BrokerError, FrameType, writeControlFrame } from "../../../protocol.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { PlayedBroker } from "../../support/wire/played_broker.ts";
import { PATIENCE_MS } from "../support.ts";

/** A port that was free a moment ago. */
function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("connect() refuses options that there are not, before it looks for a broker", async () => {
  const error = await assertRejects(() => connect({ host: "example.com" } as object), TypeError);
  assertEquals(
    error.message,
    'Cannot connect: there is no option "host"; is hostname meant?',
  );
});

Deno.test("connect() to a port where nobody listens fails at once and names the address", async () => {
  const port = findFreePort();
  const error = await assertRejects(() => connect({ port }), Error);
  assertStringIncludes(error.message, `localhost:${port}`);
  assert(error.cause instanceof Error);
});

Deno.test("connect() waits for a broker when asked", async () => {
  const port = findFreePort();
  const connecting = connect({ port, waitForBroker: true });
  await using _broker = await startBroker({ port });
  await using connection = await deadline(connecting, PATIENCE_MS);
  assertEquals(await connection.cursor().getStreams(), []);
});

Deno.test("waiting for a broker ends with the signal", async () => {
  const controller = new AbortController();
  const connecting = connect({
    port: findFreePort(),
    waitForBroker: true,
    signal: controller.signal,
  });
  controller.abort(new Error("enough"));
  await assertRejects(() => connecting, Error, "enough");
});

Deno.test("connect() to a server that says nothing fails in time", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept();
  await assertRejects(() => connect({ port: silent.addr.port, connectTimeoutMs: 50 }), Error);
  (await accepted).close();
});

Deno.test("connect() to a server of another protocol asks whether the port is right", async () => {
  await using server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("hello"));
  const error = await assertRejects(() => connect({ port: server.addr.port }), Error);
  assertStringIncludes(error.message, "is this the port of a broker?");
  let root: unknown = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  assertStringIncludes(String(root), "Cannot read a frame");
});

Deno.test("options of connect() are checked", async () => {
  await assertRejects(() => connect({ name: "" }), RangeError, "1 to 128");
  for (const connectTimeoutMs of [NaN, 0, -1, Infinity]) {
    await assertRejects(() => connect({ connectTimeoutMs }), RangeError, "connectTimeoutMs");
  }
});

Deno.test("a broker that is stopped right behind its welcome is left, as it asks for", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  door.sayBehind = (writer) => {
    door.sayBehind = () => {};
    writeControlFrame(writer, "goodbye", { code: "SHUTTING_DOWN", message: "it stops" });
  };
  await using connection = await connect({ port: door.port });
  const statuses: string[] = [];
  for await (const { type } of connection.status()) {
    statuses.push(type);
    if (statuses.length === 4) break;
  }
  assertEquals(statuses, ["connected", "lost", "reconnecting", "connected"]);
  assertEquals(await connection.cursor().getStreams(), []);
});

Deno.test("what else a broker says right behind its welcome is heard", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  const brokers = [`localhost:${door.port}`, "localhost:1"];
  door.sayBehind = (writer) => {
    writer.begin(FrameType.heartbeat);
    writer.end();
    writeControlFrame(writer, "brokers", { brokers });
  };
  await using connection = await connect({ port: door.port });
  assertEquals(connection.broker.brokers, brokers);
  assertEquals(await connection.cursor().getStreams(), []);
  assertEquals(door.hellos.length, 1);
});

Deno.test("why a broker ends a session is told, also if it says so right behind its welcome", async () => {
  await using broker = await startBroker();
  await using door = new PlayedBroker(broker.port);
  door.sayBehind = (writer) => {
    door.sayBehind = () => {};
    const message = "an operator has closed it";
    writeControlFrame(writer, "error", { code: "CLOSED_BY_OPERATOR", message });
  };
  await using connection = await connect({ port: door.port });
  const findReason = async () => {
    for await (const status of connection.status()) {
      if (status.type === "lost") return status.error;
    }
    return undefined;
  };
  const reason = await deadline(findReason(), PATIENCE_MS);
  assertInstanceOf(reason, BrokerError);
  assertEquals(reason.code, "CLOSED_BY_OPERATOR");
});
