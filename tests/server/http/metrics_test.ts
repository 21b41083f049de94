/**
 * Metrics: the text, which streams are in it, who may read it, and in how many slices it is written.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serve } from "../../../server.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { Histogram } from "../../../src/broker/collections/histogram.ts";
import { createToken, hashToken } from "../../../src/server/access/users/token.ts";
import { BROKER_FAMILIES } from "../../../src/server/http/metrics/broker_families.ts";
import {
  writeHistogram,
  writeLabels,
  writeSample,
} from "../../../src/server/http/metrics/metric_text.ts";
import { writeStreamPage } from "../../../src/server/http/metrics/metric_pages.ts";
import {
  METRIC_COLUMNS,
  STREAM_FAMILIES,
} from "../../../src/server/http/metrics/stream_families.ts";
import { findRows, sumRows } from "../../../src/server/http/metrics/metric_rows.ts";

const MEMORY = { port: 0, storage: { engine: "memory" }, http: { port: 0 } } as const;

/** How many figures only streams with a breaker, with lanes or with limits have. */
const OPTIONAL_COLUMN_COUNT = 5;

/** The samples of a text, by name and labels. */
function readSamples(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

Deno.test("samples are written as Prometheus reads them", () => {
  assertEquals(writeSample("a", "", 1.5), "a 1.5\n");
  assertEquals(writeSample("a", writeLabels("b", 'x"\\\n'), Infinity), 'a{b="x\\"\\\\\\n"} +Inf\n');
  assertEquals(writeLabels("a", "1", "b", "2"), 'a="1",b="2"');
  const histogram = new Histogram([1, 2]);
  for (const value of [0.5, 1.5, 1.6, 9]) histogram.observe(value);
  assertEquals(
    writeHistogram("h", histogram),
    'h_bucket{le="1"} 1\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 4\nh_sum 12.6\nh_count 4\n',
  );
});

Deno.test("names of metrics tell their units, and each is there once", () => {
  const families = [...STREAM_FAMILIES, ...BROKER_FAMILIES];
  for (const { name, type, help } of families) {
    assertMatch(name, /^(simplemq|process)_[a-z_]+$/);
    assertEquals(name.endsWith("_total"), type === "counter", name);
    if (type === "histogram") assert(name.endsWith("_seconds"), name);
    assertMatch(help, /^[A-Z].*[^.]$/, name);
  }
  assertEquals(new Set(families.map(({ name }) => name)).size, families.length);
});

Deno.test("/metrics tells of the broker, /metrics/streams of the streams that match", async () => {
  await using broker = await serve(MEMORY);
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  for (const name of ["orders-b", "orders-a", "mails"]) await cursor.createStream(name);
  await connection.publisher("orders-a").sendMessages(["1", "2", "3"]);
  await cursor.pauseStream("mails");
  const origin = `http://localhost:${broker.http!.port}`;
  const response = await fetch(`${origin}/metrics`);
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const whole = readSamples(await response.text());
  assertEquals(whole.get("simplemq_ready_messages"), 3);
  assertEquals(whole.get("simplemq_paused"), 1);
  assertEquals(whole.get("simplemq_streams"), 3);
  assertEquals(whole.get('simplemq_connections{protocol="http"}'), 1);
  const streams = async (query: string) =>
    readSamples(await (await fetch(`${origin}/metrics/streams${query}`)).text());
  const all = await streams("");
  assertEquals(all.get('simplemq_ready_messages{stream="orders-a"}'), 3);
  assertEquals(all.get('simplemq_paused{stream="mails"}'), 1);
  // What only streams with a breaker, lanes or limits have is left out for the others.
  const columnCount = METRIC_COLUMNS.length - OPTIONAL_COLUMN_COUNT;
  assertEquals(all.size, 1 + 3 * columnCount);
  const some = await streams("?match=orders-*&limit=1");
  assertEquals(some.get("simplemq_streams_omitted"), 1);
  assertEquals(some.get('simplemq_ready_messages{stream="orders-a"}'), 3);
  assertEquals(some.size, 1 + columnCount);
});

for (
  const [query, detail] of [
    ["/metrics?match=a", 'the parameter "match", allowed none'],
    ["/metrics/streams?limit=0", 'limit: found "0", allowed 1 to 100000'],
    ["/metrics/streams?limit=1e3", 'limit: found "1e3", allowed 1 to 100000'],
    ["/metrics/streams?limit=9999999", 'limit: found "9999999", allowed 1 to 100000'],
    ["/metrics/streams?match=^a", "match: a pattern has letters, digits"],
    ["/metrics/streams?match=", "match: a pattern has letters, digits"],
    [
      "/metrics/streams?match=a&match=b",
      'the parameter "match", allowed each of match, limit once',
    ],
    ["/metrics/streams?stream=a", 'the parameter "stream", allowed each of match, limit once'],
  ] as const
) {
  Deno.test(`metrics are not written for ${query}`, async () => {
    await using broker = await serve(MEMORY);
    const response = await fetch(`http://localhost:${broker.http!.port}${query}`);
    const problem = await response.json();
    assertEquals([response.status, problem.code], [400, "BAD_REQUEST"]);
    assertStringIncludes(problem.detail, detail);
  });
}

Deno.test("where there are users, metrics need the permission, which shows all streams", async () => {
  const [watcher, worker] = [createToken(), createToken()];
  using file = new UsersFile(`users:
  watcher: { tokens: [{ sha256: "${hashToken(watcher)}" }], permissions: { metrics: true } }
  worker: { tokens: [{ sha256: "${hashToken(worker)}" }], permissions: { follow: ["*"] } }
`);
  await using broker = await serve({ ...MEMORY, users: file.path, logLevel: "error" });
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const get = async (path: string, token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`http://localhost:${broker.http!.port}${path}`, { headers });
    return [response.status, await response.text(), response.headers] as const;
  };
  for (const path of ["/metrics", "/metrics/streams"]) {
    const [status, text] = await get(path, watcher);
    assertEquals(status, 200);
    assertStringIncludes(text, "simplemq_ready_messages");
    const [none, problem, headers] = await get(path);
    assertEquals([none, JSON.parse(problem).code], [401, "UNAUTHORIZED"]);
    assertEquals(headers.get("www-authenticate"), 'Bearer realm="simplemq"');
    const [missing, refused] = await get(path, worker);
    assertEquals([missing, JSON.parse(refused).code], [403, "FORBIDDEN"]);
  }
  assertStringIncludes((await get("/metrics/streams", watcher))[1], '{stream="orders"}');
  const [wrong, answer] = await get("/metrics", createToken());
  assertEquals([wrong, JSON.parse(answer).code], [401, "UNAUTHORIZED"]);
  const basic = await fetch(`http://localhost:${broker.http!.port}/metrics`, {
    headers: { authorization: `Basic ${btoa(`watcher:${watcher}`)}` },
  });
  assertEquals(basic.status, 401);
  await basic.body?.cancel();
  assertEquals((await get("/readyz"))[0], 200);
});

/** A file of users. */
class UsersFile implements Disposable {
  readonly path = Deno.makeTempFileSync({ suffix: ".yaml" });

  constructor(text: string) {
    Deno.writeTextFileSync(this.path, text, { mode: 0o600 });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

/** Goes to and fro over a socket while something is done, and counts how often. */
async function countTrips<Result>(work: () => Promise<Result>): Promise<[Result, number]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  using near = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using far = await accepted;
  let trips = 0;
  let isOver = false;
  const answering = (async () => {
    const buffer = new Uint8Array(1);
    while (await far.read(buffer) !== null) await far.write(buffer);
  })();
  const asking = (async () => {
    const buffer = new Uint8Array(1);
    while (!isOver) {
      await near.write(buffer);
      await near.read(buffer);
      if (!isOver) trips++;
    }
    near.closeWrite();
  })();
  const result = await work();
  const found = trips;
  isOver = true;
  await Promise.all([asking, answering]);
  return [result, found];
}

Deno.test("sockets are served while figures of 10,000 streams are read and written", async () => {
  const engine = createMemoryEngine({ memoryLimit: 1024 * 1024 * 1024, now: Date.now });
  for (let number = 0; number < 10_000; number++) await engine.createStream(`s-${number}`);
  const [{ rows, omitted }, found] = await countTrips(() => findRows(engine, 10_000));
  assertEquals([rows.length, omitted], [10_000, 0]);
  assert(rows.every(({ name }, index) => index === 0 || rows[index - 1]!.name < name));
  const [lines, written] = await countTrips(async () => {
    let lines = 0;
    let length = 0;
    for await (const text of writeStreamPage({ rows, omitted })) {
      lines += text.split("\n").length - 1;
      length = Math.max(length, text.length);
    }
    assert(length < 40_000, `${length} characters at once`);
    return lines;
  });
  const families = STREAM_FAMILIES.length + 1;
  const columnCount = METRIC_COLUMNS.length - OPTIONAL_COLUMN_COUNT;
  assertEquals(lines, 10_000 * columnCount + 2 * families + 1);
  const [sums, summed] = await countTrips(() => sumRows(engine, () => engine.counters.totals));
  assertEquals(sums.length, METRIC_COLUMNS.length);
  // There are about a hundred slices, and in the pause behind each there is time for some.
  const trips = `${found} + ${written} + ${summed} trips`;
  assert(Math.min(found, written, summed) >= 8, trips);
  await engine.close();
});

Deno.test("the first streams by name are found, whatever the order of their creation", async () => {
  const engine = createMemoryEngine({ memoryLimit: 1024 * 1024 * 1024, now: Date.now });
  for (let number = 0; number < 1200; number++) {
    await engine.createStream(`s-${String(number * 7919 % 1200).padStart(4, "0")}`);
  }
  const { rows, omitted } = await findRows(engine, 3);
  assertEquals(rows.map(({ name }) => name), ["s-0000", "s-0001", "s-0002"]);
  assertEquals(omitted, 1197);
  await engine.close();
});
