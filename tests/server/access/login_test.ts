/**
 * Logins of sessions, in frames and in JSON lines: who is let in, what the others are told and when, and
 * that no token is ever repeated.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { FrameType, MAGIC, writeControlFrame } from "../../../protocol.ts";
import { HANDSHAKE_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { createToken, hashToken, nameToken } from "../../../src/server/access/users/token.ts";
import type { Caller } from "../../../src/server/flow/speaker.ts";
import { createPipe, type Duplex } from "../../../src/transport/duplex.ts";
import { passTurns, turn, until } from "../../support/broker/broker.ts";
import { takeTime } from "../../support/broker/pace.ts";
import { cursorLine, giveMeLine, LineClient, publishLine } from "../../support/wire/line_client.ts";
import { bytesOf } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

/** A text that must not be found anywhere. */
const CANARY = "CanaryCanaryCanaryCanary";

const TOKEN = createToken();
const APP = `user=app token=${nameToken(hashToken(TOKEN))}`;
const OLD_TOKEN = createToken();
const WRONG_TOKEN = `smq_${CANARY}-${CANARY.slice(0, 18)}`;

const USERS = `users:
  app:
    tokens: [{ sha256: "${hashToken(TOKEN)}" }]
    permissions: { manage: ["*"], publish: ["*"], follow: ["*"] }
  old:
    tokens: [{ sha256: "${hashToken(OLD_TOKEN)}", expires: 1970-01-01T00:00:01Z }]
  shop: { certificate: shop.example }
`;
const ANONYMOUS = 'anonymous: { publish: ["public.*"], inspect: ["public.*"] }\n';
const REFUSED = "Cannot log in: the token or certificate is not valid";
const NOTHING_SHOWN =
  "Cannot log in: the broker has users, and no token (option token, SIMPLEMQ_TOKEN) or certificate was shown";

/** A connection from another machine. */
const OUTSIDE: Partial<Caller> = { address: "192.0.2.1" };

/** The same, encrypted, with a certificate. */
function outsideWith(...certificateNames: readonly string[]): Partial<Caller> {
  return { ...OUTSIDE, encryption: { certificateNames, hasBegun: true } };
}

function hello(token?: unknown): Uint8Array<ArrayBuffer> {
  const content = { client: "raw", capabilities: [], ...token !== undefined && { token } };
  return bytesOf((writer) => {
    writer.bytes(MAGIC);
    writeControlFrame(writer, "hello", content as { client: string; capabilities: string[] });
  });
}

function line(content: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(content)}\n`);
}

/** Says something, and lets the time pass that a refusal takes; resolves to all that is answered. */
async function askAll(
  sessions: Sessions,
  bytes: Uint8Array<ArrayBuffer>,
  caller: Partial<Caller> = OUTSIDE,
): Promise<string> {
  using _ = takeTime();
  const [here, there] = createPipe();
  sessions.take(there, caller);
  await here.write(bytes);
  await until("it is refused", () => sessions.loginGuard.waitingCount === 1);
  let isTold = false;
  const reading = readAll(here).finally(() => isTold = true);
  sessions.passTime(999);
  for (let count = 0; count < 10; count++) await turn();
  assertEquals(isTold, false, "nobody is told earlier");
  sessions.passTime(51);
  return await reading;
}

async function readAll(duplex: Duplex): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  for (;;) {
    const count = await duplex.read(buffer);
    if (count === null) return text;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
}

Deno.test("login: the answer is the same bytes for whatever is not valid", async () => {
  await using sessions = new Sessions({ users: USERS });
  const answers = [
    await askAll(sessions, hello(WRONG_TOKEN)),
    await askAll(sessions, hello(OLD_TOKEN)),
    await askAll(sessions, hello("")),
    await askAll(sessions, hello("x".repeat(HANDSHAKE_BYTES_MAX - 200))),
    await askAll(sessions, hello("app")),
    await askAll(sessions, hello(), outsideWith("nobody.example")),
    await askAll(sessions, hello(WRONG_TOKEN), outsideWith("shop.example")),
  ];
  assertEquals(new Set(answers).size, 1);
  assertStringIncludes(answers[0]!, `"UNAUTHORIZED"`);
  assertStringIncludes(answers[0]!, REFUSED);
  const lines = [
    await askAll(sessions, line({ token: WRONG_TOKEN })),
    await askAll(sessions, line({ token: OLD_TOKEN })),
    await askAll(sessions, line({ token: [TOKEN] })),
    await askAll(sessions, line({ token: null })),
    await askAll(sessions, line({ ...JSON.parse(cursorLine("GET_STREAMS")), token: WRONG_TOKEN })),
    await askAll(sessions, line({ a: 1 }), outsideWith("nobody.example")),
  ];
  assertEquals([...new Set(lines)], [
    `{"error":{"code":"UNAUTHORIZED","message":"${REFUSED}"}}\n`,
  ]);
  assertEquals([sessions.access.loginCount, sessions.faults], [0, []]);
});

Deno.test("login: whoever shows nothing is told what is missing", async () => {
  await using sessions = new Sessions({ users: USERS });
  for (const caller of [OUTSIDE, outsideWith()]) {
    assertStringIncludes(await askAll(sessions, hello(), caller), NOTHING_SHOWN);
    const says = line(JSON.parse(cursorLine("GET_STREAMS")));
    assertStringIncludes(await askAll(sessions, says, caller), NOTHING_SHOWN);
    assertStringIncludes(
      await askAll(sessions, new TextEncoder().encode("{no JSON\n"), caller),
      NOTHING_SHOWN,
    );
    assertStringIncludes(await askAll(sessions, line({ x: '"token"' }), caller), NOTHING_SHOWN);
  }
});

Deno.test("login: no token is found in the log or in an answer, whatever is wrong with it", async () => {
  for (const users of [USERS, USERS + ANONYMOUS, undefined]) {
    await using sessions = new Sessions({ ...users !== undefined && { users }, logLevel: "debug" });
    const said: string[] = [];
    const encoder = new TextEncoder();
    for (
      const bytes of [
        hello(WRONG_TOKEN),
        hello({ [WRONG_TOKEN]: WRONG_TOKEN }),
        hello([WRONG_TOKEN]),
        hello(WRONG_TOKEN.repeat(1000)),
        hello(WRONG_TOKEN).subarray(0, -3),
        line({ token: WRONG_TOKEN }),
        line({ token: { token: WRONG_TOKEN } }),
        line({ token: WRONG_TOKEN, sender_type: "CURSOR", request_type: "NONE" }),
        encoder.encode(`{"token": "${WRONG_TOKEN}"`),
        encoder.encode(`{"token": "${WRONG_TOKEN}", }\n`),
        encoder.encode(`{"token": "${WRONG_TOKEN}\n`),
        encoder.encode(`{"token": "${WRONG_TOKEN.repeat(1000)}"}\n`),
      ]
    ) {
      const [here, there] = createPipe();
      sessions.take(there, OUTSIDE);
      const reading = readAll(here);
      await here.write(bytes as Uint8Array<ArrayBuffer>);
      await until("all is taken", () => sessions.table.count === 1);
      for (let count = 0; count < 20; count++) await turn();
      // Whatever it waits for comes to its end.
      sessions.passTime(10_000);
      for (let count = 0; count < 20; count++) await turn();
      here.close();
      await until("the session has ended", () => sessions.table.count === 0);
      said.push(await reading.catch(() => ""));
    }
    const all = [...said, ...sessions.lines].join("\n");
    assertEquals(all.includes(CANARY.slice(0, 12)), false, all);
    assert(sessions.lines.length > 0);
  }
});

Deno.test("login: a session in frames is told its user, and so is the log", async () => {
  await using sessions = new Sessions({ users: USERS + ANONYMOUS });
  for (
    const [user, token, caller, tells] of [
      ["app", TOKEN, OUTSIDE, `${APP} tls=false`],
      ["app", TOKEN, outsideWith("shop.example"), `${APP} tls=true certificate=shop.example`],
      ["shop", undefined, outsideWith("x", "shop.example"), "user=shop tls=true certificate=x"],
      ["anonymous", undefined, outsideWith(), "user=anonymous tls=true"],
      ["local", undefined, { inProcess: {} }, "user=local tls=false"],
      ["app", undefined, { inProcess: { user: "app" } }, "user=app tls=false"],
    ] as const
  ) {
    await using client = sessions.connect(caller);
    await client.send(hello(token));
    assertEquals((await client.expect("welcome")).user, user);
    assertStringIncludes(sessions.lines.at(-1)!, "info session opened session=");
    assert(sessions.lines.at(-1)!.endsWith(`peer=test ${tells}\n`), sessions.lines.at(-1));
  }
  assertEquals(sessions.loginGuard.waitingCount, 0, "nobody who is let in waits");
});

Deno.test("login: whoever names an unknown user in the broker's process is told at once", async () => {
  await using sessions = new Sessions({ users: USERS });
  await using client = sessions.connect({ inProcess: { user: "nobody" } });
  await client.send(hello());
  const { message } = await client.expectFatalError("UNAUTHORIZED");
  assertEquals(message, 'Cannot log in: there is no user "nobody"');
  assertEquals(sessions.loginGuard.addressCount, 0);
});

Deno.test("login: nothing that is sent after a wrong token is read", async () => {
  await using sessions = new Sessions({ users: USERS });
  await using client = sessions.connect(OUTSIDE);
  await client.send(hello(WRONG_TOKEN));
  await client.openFollower(1, "a");
  await client.sendFrame(FrameType.goodbye);
  await until("it is refused", () => sessions.loginGuard.waitingCount === 1);
  assertEquals(await sessions.engine.getPels(), []);
  sessions.passTime(1050);
  await client.expectFatalError("UNAUTHORIZED");
});

Deno.test("login: refusals that wait do not keep a broker from closing", async () => {
  const sessions = new Sessions({ users: USERS, shutdownTimeoutMs: 60_000 });
  const [here, there] = createPipe();
  sessions.take(there, OUTSIDE);
  await here.write(hello(WRONG_TOKEN));
  await until("it is refused", () => sessions.loginGuard.waitingCount === 1);
  await sessions[Symbol.asyncDispose]();
  assertEquals(await readAll(here), "");
});

Deno.test("login: failures at one address keep no client out that has logged in there", async () => {
  await using sessions = new Sessions({ users: USERS });
  const address = OUTSIDE.address ?? "";
  const fail = () => {
    for (let index = 0; index < 20; index++) sessions.loginGuard.noteFailure(address, 0, "wrong");
  };
  const countAdmitted = () =>
    Array.from({ length: 100 }, () => sessions.loginGuard.admits(address, 0)).filter(Boolean)
      .length;
  fail();
  assertEquals(countAdmitted(), 10);
  const client = sessions.connect(OUTSIDE);
  await client.send(hello(TOKEN));
  await client.expect("welcome");
  assertEquals(countAdmitted(), 100);
  client.close();
  await until("it has left", () => sessions.table.count === 0);
  assertEquals(countAdmitted(), 100);
});

Deno.test("login: no line is carried out after its user was removed", async () => {
  await using sessions = new Sessions({ users: USERS });
  const [here, there] = createPipe();
  sessions.take(there, OUTSIDE);
  const ask = (type: string, name: string) => new TextEncoder().encode(cursorLine(type, name));
  await here.write(line({ token: TOKEN }));
  // More answers than a pipe takes: they keep the connection open while nobody reads them.
  for (let count = 0; count < 3000; count++) await here.write(ask("GET_STREAM", "x".repeat(100)));
  await here.write(ask("CREATE_STREAM", "a"));
  await until("all is carried out", () => sessions.engine.hasStream("a"));
  await passTurns();
  sessions.access.replace({ users: new Map(), anonymous: undefined });
  await here.write(new TextEncoder().encode(publishLine("a", "1")));
  await passTurns();
  assertEquals([sessions.table.count, (await sessions.engine.getStream("a")).ready], [1, 0]);
  here.close();
});

Deno.test("login: beyond so many refusals that wait, connections are closed without a word", async () => {
  await using sessions = new Sessions({ users: USERS, connectionsMax: 2000 });
  const held: Duplex[] = [];
  for (let index = 0; index < 1000; index++) {
    const [here, there] = createPipe();
    sessions.take(there, { address: `10.0.${index >> 8}.${index & 255}` });
    await here.write(hello(WRONG_TOKEN));
    held.push(here);
  }
  await until("all wait", () => sessions.loginGuard.waitingCount === 1000);
  const [here, there] = createPipe();
  sessions.take(there, OUTSIDE);
  await here.write(hello(WRONG_TOKEN));
  assertEquals(await readAll(here), "");
  // Others do not wait for them.
  await using client = sessions.connect(OUTSIDE);
  await client.send(hello(TOKEN));
  await client.expect("welcome");
  sessions.passTime(1050);
  for (const one of held) assertStringIncludes(await readAll(one), REFUSED);
  await until("they are gone", () => sessions.table.count === 1);
  const warnings = sessions.lines.filter((line) => line.includes("logins have failed"));
  assertEquals(warnings.length, 1, "one line tells of all");
});

Deno.test("login: clients that have handshakes of TLS made and leave are held back", async () => {
  await using sessions = new Sessions({ users: USERS });
  const admits = async (encryption: Caller["encryption"]) => {
    for (let count = 0; count < 200; count++) {
      const [here, there] = createPipe();
      sessions.take(there, { address: "192.0.2.9", encryption });
      here.close();
    }
    await until("they are gone", () => sessions.table.count === 0);
    let admitted = 0;
    for (let count = 0; count < 100; count++) {
      admitted += Number(sessions.loginGuard.admits("192.0.2.9", 1_000_000));
    }
    return admitted;
  };
  assertEquals(await admits(undefined), 100);
  assertEquals(await admits({ hasBegun: false, certificateNames: [] }), 100);
  assertEquals(await admits({ hasBegun: true, certificateNames: [] }), 10);
  assertEquals(sessions.lines.filter((line) => line.includes("failed")), []);
});

// JSON lines.

/** Opens a session of JSON lines. */
function openLines(sessions: Sessions): LineClient {
  const [here, there] = createPipe();
  sessions.take(there, OUTSIDE);
  return new LineClient(here);
}

function withToken(text: string): string {
  return `${JSON.stringify({ ...JSON.parse(text), token: TOKEN })}\n`;
}

for (
  const [how, first] of [
    ["alone", [`{"token":"${TOKEN}"}\n`, cursorLine("CREATE_STREAM", "a")]],
    ["beside a request", [withToken(cursorLine("CREATE_STREAM", "a"))]],
  ] as const
) {
  Deno.test(`JSON lines: the first line has a token, ${how}`, async () => {
    await using sessions = new Sessions({ users: USERS });
    await using client = openLines(sessions);
    await client.send(...first, publishLine("a", '"hello"'), giveMeLine("a"));
    const { message_body: body, id } = await client.next();
    assertEquals([body, id], ["hello", 1]);
    assertStringIncludes(
      sessions.lines.join(""),
      `client=json-lines peer=test ${APP} tls=false`,
    );
  });
}

Deno.test("JSON lines: a token in a later line changes nothing", async () => {
  await using sessions = new Sessions({ users: USERS + ANONYMOUS });
  await using client = openLines(sessions);
  await client.send(cursorLine("CREATE_STREAM", "a"));
  await client.expectError("FORBIDDEN");
  await client.send(withToken(cursorLine("CREATE_STREAM", "a")));
  await client.expectError("FORBIDDEN");
  await client.send(`{"token":"${TOKEN}"}\n`);
  const message = await client.expectError("BAD_REQUEST");
  assertEquals(message.includes(TOKEN), false);
});

Deno.test("JSON lines: without a token they have the permissions of anonymous", async () => {
  await using sessions = new Sessions({ users: USERS + ANONYMOUS });
  await sessions.engine.createStream("public.a");
  await sessions.engine.createStream("secret");
  await using client = openLines(sessions);
  const body = JSON.stringify("x".repeat(HANDSHAKE_BYTES_MAX));
  await client.send(publishLine("public.a", body), publishLine("secret", '"no"'));
  assertStringIncludes(await client.expectError("FORBIDDEN"), 'user "anonymous"');
  const list = await client.ask(cursorLine("GET_STREAMS"));
  assertEquals(Object.keys(list as object), ["public.a"]);
});

Deno.test("JSON lines: before the login a line is as long as a handshake, and then as a message", async () => {
  await using sessions = new Sessions({ users: USERS });
  const long = publishLine("a", JSON.stringify("x".repeat(HANDSHAKE_BYTES_MAX)));
  {
    await using client = openLines(sessions);
    await client.send(withToken(long));
    await client.expectError("FRAME_TOO_LARGE");
    await client.expectEnd();
  }
  {
    await using client = openLines(sessions);
    await client.send("{".padEnd(HANDSHAKE_BYTES_MAX + 1));
    await client.expectError("FRAME_TOO_LARGE");
    await client.expectEnd();
  }
  await sessions.engine.createStream("a");
  await using client = openLines(sessions);
  await client.send(`{"token":"${TOKEN}"}\n`, long, giveMeLine("a"));
  const { message_body: body } = await client.next();
  assertEquals((body as string).length, HANDSHAKE_BYTES_MAX);
});

Deno.test("JSON lines: where there are no users, a token is passed over", async () => {
  await using sessions = new Sessions();
  await using client = openLines(sessions);
  await client.send(`{"token":"${WRONG_TOKEN}"}\n`, cursorLine("CREATE_STREAM", "a"));
  assertEquals(await client.ask(cursorLine("GET_STREAMS")), { a: [] });
});

Deno.test("login: without users a token in a hello is passed over", async () => {
  await using sessions = new Sessions();
  await using client = sessions.connect(OUTSIDE);
  await client.send(hello(WRONG_TOKEN));
  assertEquals((await client.expect("welcome")).user, "local");
});
