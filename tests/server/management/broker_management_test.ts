/**
 * What a broker tells of itself and of its connections.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { ConnectionInfo, Page } from "../../../protocol.ts";
import { Log } from "../../../src/server/log.ts";
import { BrokerManagement } from "../../../src/server/management/broker_management.ts";
import type { ConnectionSource } from "../../../src/server/management/management.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { until } from "../../support/broker/broker.ts";
import { cursorLine, LineClient } from "../../support/wire/line_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const ENGINE = { name: "memory", durability: "memory", streamCount: 3 };

function makeManagement(problem?: string): BrokerManagement {
  return new BrokerManagement({
    version: "1.2.3",
    engine: ENGINE,
    log: new Log({ level: "info", write: () => {} }),
    hasUsers: true,
    certificates: { status: { problem } },
  });
}

/** Connections with these numbers, which tell who was closed. */
function makeSource(numbers: readonly number[], user: string, closed: string[]): ConnectionSource {
  const connections = numbers.map((number) => ({
    number,
    userName: user,
    describe: () => ({ id: number, user }) as ConnectionInfo,
    endWith: (error: Error) => void closed.push(`${number}: ${error.message}`),
  }));
  return { count: connections.length, listConnections: () => connections };
}

Deno.test("a broker is ready when it listens, until it stops, its disk or its certificate fails", () => {
  const management = makeManagement();
  management.noteListening("localhost:9090");
  assertEquals(management.findProblems(), []);
  management.noteStopping();
  assertEquals(management.findProblems(), ["the broker is being stopped"]);
  management.noteFailure("the disk is gone");
  management.noteFailure("something else");
  assertEquals(management.findProblems(), ["the disk is gone", "the broker is being stopped"]);
  const other = makeManagement("it ended yesterday");
  other.noteListening("localhost:9090");
  assertEquals(other.findProblems(), ["the certificate cannot be used: it ended yesterday"]);
});

Deno.test("a broker describes itself", () => {
  const management = makeManagement();
  management.noteListening("localhost:9090");
  management.addConnections(makeSource([1, 2], "app", []));
  const { runtime, startedAt, ...rest } = management.describe();
  assertEquals(rest, {
    version: "1.2.3",
    engine: "memory",
    durability: "memory",
    address: "localhost:9090",
    tls: true,
    hasUsers: true,
    logLevel: "info",
    connections: 2,
    streams: 3,
    problems: [],
  });
  assertEquals(runtime, `deno ${Deno.version.deno}`);
  assert(Math.abs(startedAt - Date.now()) < 60_000);
  management.noteHttp("localhost:9190");
  management.setLogLevel("debug");
  const { httpAddress, logLevel } = management.describe();
  assertEquals([httpAddress, logLevel], ["localhost:9190", "debug"]);
});

Deno.test("connections of several kinds are listed in pages, in the order of their numbers", () => {
  const management = makeManagement();
  const closed: string[] = [];
  const numbers = Array.from({ length: 500 }, (_, index) => index + 1);
  management.addConnections(makeSource(numbers.filter((n) => n % 3 > 0), "app", closed));
  management.addConnections(makeSource(numbers.filter((n) => n % 3 === 0), "page", closed));
  const list = (filter?: (user: string | undefined) => boolean) => {
    const all: number[] = [];
    const sizes: number[] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page: Page<ConnectionInfo> = management.listConnections(after, filter);
      all.push(...page.items.map(({ id }) => id));
      sizes.push(page.items.length);
      after = page.next;
    }
    return { all, sizes };
  };
  assertEquals(list(), { all: numbers, sizes: [200, 200, 100] });
  const own = list((user) => user === "page");
  assertEquals(own, { all: numbers.filter((n) => n % 3 === 0), sizes: [166] });
  assertEquals(management.findConnection(300)?.user, "page");
  assertEquals(management.findConnection(501), undefined);
  assertEquals(management.closeConnection(300, "bye"), true);
  assertEquals(management.closeConnection(501, "bye"), false);
  assertEquals(closed, ["300: bye"]);
});

Deno.test("a connection tells who it is and what it has sent, from its first byte to its end", async () => {
  await using sessions = new Sessions();
  const list = () => sessions.management.listConnections(0).items;
  await using silent = sessions.connect({ peer: "10.0.0.1:5", address: "10.0.0.1" });
  const { connectedAt, ...first } = list()[0]!;
  assert(Math.abs(connectedAt - Date.now()) < 60_000);
  assertEquals(first, {
    id: 1,
    client: "",
    address: "10.0.0.1:5",
    protocol: "none",
    encrypted: false,
    receivedBytes: 0,
    sentBytes: 0,
    outboundBytes: 0,
    publishers: 0,
    followers: 0,
  });
  await silent.shakeHands("worker");
  await silent.ask("createStream", "orders");
  await silent.openPublisher(1, "orders");
  await silent.openFollower(1, "orders");
  await silent.openFollower(2, "orders");
  await silent.ask("getStreams");
  const info = list()[0]!;
  assertEquals([info.client, info.user, info.protocol], ["worker", "local", "frames"]);
  assertEquals([info.publishers, info.followers], [1, 2]);
  assert(info.receivedBytes > 100 && info.sentBytes > 100, JSON.stringify(info));
  await using inside = sessions.connect({ inProcess: {} });
  await inside.shakeHands();
  assertEquals(list()[1]!.protocol, "in-process");
  silent.close();
  await until("it is gone", () => list().length === 1);
  assertEquals(list()[0]!.id, 2);
});

Deno.test("a client is told why its connection is closed, whatever it speaks, and others are not", async () => {
  await using sessions = new Sessions();
  await using silent = sessions.connect();
  await using client = await sessions.open("worker");
  await using other = await sessions.open("other");
  const [here, there] = createPipe();
  sessions.take(there);
  await using lines = new LineClient(here);
  await lines.send(cursorLine("GET_STREAMS"));
  await lines.next();
  assertEquals(sessions.management.findConnection(4)?.protocol, "lines");
  for (const id of [1, 2, 4]) assert(sessions.management.closeConnection(id, "maintenance"));
  for (const raw of [silent, client]) {
    assertEquals((await raw.expectFatalError("CLOSED_BY_OPERATOR")).message, "maintenance");
  }
  assertEquals((await lines.next()).error, {
    code: "CLOSED_BY_OPERATOR",
    message: "maintenance",
  });
  await other.ask("getStreams");
  await until("they are gone", () => sessions.table.count === 1);
  assertEquals(sessions.lines.filter((line) => line.includes("CLOSED_BY_OPERATOR")), []);
});
