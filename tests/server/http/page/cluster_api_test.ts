/**
 * What the page asks a broker about its cluster.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { serve } from "../../../../server.ts";
import { createToken, hashToken } from "../../../../src/server/access/users/token.ts";
import { serveSeated } from "../../../support/cluster/seated_broker.ts";
import { RawHttp } from "../raw_http.ts";
import { ACTIVE, STANDBY, statusOf, TestSeat } from "../../../support/cluster/test_seat.ts";

const MEMORY = { storage: { engine: "memory" } } as const;

interface Asked {
  readonly method?: string;
  readonly token?: string;
}

async function ask(
  { http }: { readonly http: { readonly port: number } | undefined },
  path: string,
  { method = "GET", token }: Asked = {},
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const origin = `http://localhost:${http!.port}`;
  const headers = {
    origin,
    ...method === "POST" && { "content-type": "application/json" },
    ...token !== undefined && { authorization: `Bearer ${token}` },
  };
  const body = method === "POST" ? "{}" : null;
  const response = await fetch(`${origin}${path}`, { method, headers, body });
  return { status: response.status, body: await response.json() };
}

Deno.test("the page learns of the cluster, and a standby shows it without streams", async () => {
  const status = statusOf({ id: "b", role: "standby", serving: false });
  await using broker = await serveSeated(new TestSeat(status), MEMORY);
  const { body: session } = await ask(broker, "/api/session");
  assertEquals(session.cluster, { role: "standby" });
  assertEquals((session.may as Record<string, boolean>).cluster, true);
  assertEquals((await ask(broker, "/api/cluster")).body, { ...status, brokers: [ACTIVE, STANDBY] });
});

Deno.test("the live feed of a standby goes on without figures of streams", async () => {
  await using broker = await serveSeated(
    new TestSeat(statusOf({ id: "b", role: "standby", serving: false, problems: ["one"] })),
    MEMORY,
  );
  const ending = new AbortController();
  const response = await fetch(`http://localhost:${broker.http!.port}/api/live`, {
    signal: ending.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n\ndata") && !/^data: .*\n\n/m.test(text)) {
    text += (await reader.read()).value;
  }
  const { totals, role, serving, clusterProblems } = JSON.parse(/^data: (.*)$/m.exec(text)![1]!);
  assertEquals([totals, role, serving, clusterProblems], [null, "standby", false, 1]);
  ending.abort();
  await reader.cancel().catch(() => {});
});

Deno.test("only administrators hand the lead over", async () => {
  const [root, worker] = [createToken(), createToken()];
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(
    path,
    `users:
  root: { tokens: [{ sha256: "${hashToken(root)}" }], permissions: { admin: true } }
  worker: { tokens: [{ sha256: "${hashToken(worker)}" }], permissions: { follow: ["*"] } }
`,
    { mode: 0o600 },
  );
  {
    const seat = new TestSeat();
    await using broker = await serveSeated(seat, { ...MEMORY, users: path });
    const handover = "/api/cluster/handover";
    const refused = await ask(broker, handover, { method: "POST", token: worker });
    assertEquals([refused.status, refused.body.code, seat.handovers], [403, "FORBIDDEN", 0]);
    assertEquals((await ask(broker, "/api/cluster")).status, 401);
    const done = await ask(broker, handover, { method: "POST", token: root });
    assertEquals([done.status, seat.handovers], [200, 1]);
  }
  await Deno.remove(path);
});

Deno.test("the page answers by the name by which other brokers lead to it", async () => {
  await using broker = await serveSeated(new TestSeat(), MEMORY);
  using http = await RawHttp.open(broker.http!);
  const ask = async (host: string) => (await http.request("GET", "/", { Host: host })).status;
  assertEquals([await ask("mq-a.example:9190"), await ask("mq-b.example:9190")], [200, 421]);
});

Deno.test("a broker on one machine has no cluster to show", async () => {
  await using broker = await serve({ port: 0, http: { port: 0 }, ...MEMORY, logLevel: "error" });
  const { body: session } = await ask(broker, "/api/session");
  assertEquals(session.cluster, null);
  const { status, body } = await ask(broker, "/api/cluster");
  assertEquals([status, body.code], [404, "NOT_FOUND"]);
  assertStringIncludes(body.detail as string, "Cannot describe the cluster");
});
