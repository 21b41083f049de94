/** Visits of those who speak something else: HTTP, JSON lines, and garbage. */
import { delay } from "@std/async/delay";
import { Arsenal } from "../../server/attack/arsenal.ts";
import { type Attack, manyAddresses, storm } from "../../server/attack/storm.ts";
import { helloBytes } from "../../support/wire/raw_client.ts";
import {
  ackLine,
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../support/wire/line_client.ts";
import type { Scene, Visit } from "./scene.ts";

const makeAddress = manyAddresses();

/** So many attacks are one visit. */
const ATTACKS = 40;

/** Makes the visits; the record is the first one of a client that speaks TLS. */
export function makeStrangerVisits(tlsHello: Uint8Array): readonly Visit[] {
  return [
    { name: "garbage", isDirect: true, run: (scene) => attack(scene, tlsHello) },
    { name: "JSON lines", isDirect: true, run: speakLines, suits: ({ ca }) => ca === undefined },
    {
      name: "HTTP",
      isDirect: true,
      run: speakHttp,
      suits: ({ broker }) => broker.httpPort !== undefined,
    },
  ];
}

async function attack(scene: Scene, tlsHello: Uint8Array): Promise<void> {
  const { random, place: { broker, ca, token } } = scene;
  const arsenal = new Arsenal(random.below(2 ** 32), tlsHello);
  const kinds: (() => Attack)[] = [
    () => ({ bytes: arsenal.handshake() }),
    () => ({ bytes: new Uint8Array(0) }),
    () => ({ bytes: helloBytes("x", `smq_${"B".repeat(43)}`) }),
    () => ({ bytes: helloBytes("x").subarray(0, random.below(20)) }),
  ];
  // Where there are no users, they might publish to everybody's streams.
  if (token !== undefined) {
    kinds.push(() => arsenal.frames(), () => ({ bytes: arsenal.line() }));
  }
  if (ca !== undefined) kinds.push(() => ({ bytes: arsenal.tlsRecords() }));
  const isHttp = broker.httpPort !== undefined && random.chance(0.3);
  const port = isHttp ? broker.httpPort : broker.port;
  await storm({ port, makeAddress }, random.pick(kinds), (count) => count >= ATTACKS);
  scene.notebook.count("attacks", ATTACKS);
}

async function speakLines(scene: Scene): Promise<void> {
  const { random, place: { broker } } = scene;
  const client = await LineClient.connect(broker.port);
  try {
    // One that everybody may use.
    const stream = scene.name("x.lines");
    await client.send(cursorLine("CREATE_STREAM", stream));
    const name = scene.name("reader");
    for (let count = 1; count <= 5; count++) {
      await client.send(publishLine(stream, `{"count": ${count}}`), giveMeLine(stream, name));
      let { id, message_body: body } = await client.next();
      // Garbage that is not quite garbage comes by patterns of strangers: bytes and texts.
      while (typeof body === "string") {
        await client.send(ackLine(stream, id, name), giveMeLine(stream, name));
        ({ id, message_body: body } = await client.next());
      }
      const isRight = JSON.stringify(body) === `{"count":${count}}`;
      scene.require(isRight, `a line has ${JSON.stringify(body)} and not ${count}`);
      await client.send(ackLine(stream, id, name));
    }
    if (random.chance(0.5)) await client.send(publishLine(stream, `"half of it"`).slice(0, -20));
    else scene.require(await client.ask(cursorLine("GET_STREAM", stream)) !== null, "no answer");
  } finally {
    await client[Symbol.asyncDispose]();
  }
  scene.notebook.count("lines", 15);
}

/** What anybody may ask for. */
const PATHS = [
  "/metrics",
  "/livez",
  "/readyz",
  "/",
  "/api/session",
  "/assets/logo.svg",
  "/nowhere",
];
/** What the page asks for. */
const PAGE_PATHS = ["/api/overview", "/api/connections", "/api/schedules", "/api/events"];

async function speakHttp(scene: Scene): Promise<void> {
  const { random, place: { broker, ca, token } } = scene;
  const base = `${ca === undefined ? "http" : "https"}://localhost:${broker.httpPort}`;
  using client = Deno.createHttpClient(ca === undefined ? {} : { caCerts: [ca] });
  const headers: Record<string, string> = { "sec-fetch-site": "same-origin", origin: base };
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(`${base}${path}`, { client, ...init, headers: { ...headers } });
    await response.text();
    return response;
  };
  for (const path of PATHS) {
    const { status } = await ask(path);
    // Metrics may be for users only.
    scene.require(status < 500, `${path} is answered with ${status}`);
  }
  const login = async (given: string) => {
    headers["content-type"] = "application/json";
    const body = JSON.stringify({ token: given });
    const { status, headers: answered } = await ask("/api/login", { method: "POST", body });
    const [cookie] = answered.getSetCookie();
    if (cookie !== undefined) headers.cookie = cookie.split(";")[0]!;
    return status;
  };
  if (token !== undefined) {
    const status = await login(token);
    scene.require(status === 200 || status === 429, `a login is answered with ${status}`);
  }
  for (const path of PAGE_PATHS) await ask(path);
  const ending = new AbortController();
  const feed = await fetch(`${base}/api/live`, { client, headers, signal: ending.signal });
  await feed.body?.getReader().read();
  await delay(random.below(30));
  ending.abort();
  if (headers.cookie !== undefined) await ask("/api/logout", { method: "POST", body: "{}" });
  scene.notebook.count("HTTP requests", PATHS.length + PAGE_PATHS.length + 3);
}
