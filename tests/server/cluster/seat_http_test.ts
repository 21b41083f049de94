/**
 * HTTP of a broker in a cluster: health that tells roles, and what a standby does not answer.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import type { Server } from "../../../src/server/process/broker_server.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { serveSeated } from "../../support/cluster/seated_broker.ts";
import { ACTIVE, statusOf, TestSeat } from "../../support/cluster/test_seat.ts";

const MEMORY = { storage: { engine: "memory" } } as const;

async function ask({ http }: Pick<Server, "http">, path: string, method = "GET") {
  const response = await fetch(`http://localhost:${http!.port}${path}`, { method });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json");
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

Deno.test("/readyz tells the role: a standby that follows is ready, and is not the active one", async () => {
  const seat = new TestSeat(statusOf({ id: "b", role: "standby", serving: false }));
  await using broker = await serveSeated(seat, MEMORY);
  const ready = async (path = "/readyz") => {
    const { status, body } = await ask(broker, path);
    return [status, body.role, ...body.reasons];
  };
  const noActive = "this broker is a standby";
  assertEquals(await ready(), [200, "standby"]);
  assertEquals(await ready("/readyz?role=standby"), [200, "standby"]);
  assertEquals(await ready("/readyz?role=active"), [503, "standby", noActive]);
  assertEquals((await ask(broker, "/readyz?role=leader")).status, 400);

  seat.set({ lastAppendMs: 7100 });
  const lost = "the standby cannot follow the log: for 7 s nothing was heard of it";
  assertEquals(await ready(), [503, "standby", lost]);

  seat.set({ role: "active" });
  const opening = await ready();
  assertEquals(opening.slice(0, 2), [503, "active"]);
  seat.take();
  assertEquals(await ready("/readyz?role=active"), [200, "active"]);
  seat.set({ serving: false });
  const [status, , reason] = await ready("/readyz?role=active");
  assertEquals(status, 503);
  assertMatch(String(reason), /^the log cannot be appended to, and nothing is confirmed/);
  assertEquals((await ask(broker, "/livez")).status, 200);
});

Deno.test("a broker on one machine is the active one", async () => {
  await using broker = await startBroker({ http: { port: 0 } });
  assertEquals((await ask(broker, "/readyz?role=active")).status, 200);
  assertEquals((await ask(broker, "/readyz?role=standby")).status, 503);
});

Deno.test("a standby serves its page and metrics, and refuses what needs streams with the address", async () => {
  const seat = new TestSeat(statusOf({ id: "b", role: "standby", serving: false }));
  await using broker = await serveSeated(seat, MEMORY);
  for (const path of ["/", "/metrics", "/metrics/streams", "/api/session", "/api/events"]) {
    assertEquals((await ask(broker, path)).status, 200, path);
  }
  const { body: overview } = await ask(broker, "/api/overview");
  assertEquals([overview.totals, overview.broker.role], [null, "standby"]);
  for (const path of ["/api/streams", "/api/streams/a", "/api/streams/a/messages"]) {
    const { status, body } = await ask(broker, path);
    assertEquals([status, body.code, body.details], [503, "NOT_ACTIVE", {
      active: ACTIVE.address,
    }], path);
  }
});
