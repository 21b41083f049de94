/**
 * Who asks over HTTP: wrong tokens are told late, counted with those of sessions, and an address with
 * many of them is held back on both ports; a login that is no longer valid ends its request.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { createToken, hashToken } from "../../../src/server/access/users/token.ts";
import { type FoundLogin, HttpLogin } from "../../../src/server/http/http_login.ts";
import type { HttpPage, HttpParts } from "../../../src/server/http/http_route.ts";
import type { Caller } from "../../../src/server/flow/speaker.ts";
import { Log } from "../../../src/server/log.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { turn } from "../../support/broker/broker.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const TOKEN = createToken();
const USERS = `users:
  app: { tokens: [{ sha256: "${hashToken(TOKEN)}" }], permissions: { metrics: true } }
`;
const NO_PAGE: HttpPage = {
  routes: [],
  identify: () => undefined,
  tick: () => {},
  close: () => {},
};

/** Logins of requests from one address, by the clock of the sessions of a broker. */
class World {
  readonly sessions = new Sessions({ users: USERS });
  readonly login: HttpLogin;
  readonly caller: Caller;

  constructor(page = NO_PAGE) {
    const [, duplex] = createPipe();
    this.caller = { duplex, peer: "192.0.2.1:1", address: "192.0.2.1" };
    const { access, loginGuard, counters } = this.sessions;
    const log = new Log({ level: "error" });
    const parts = { access, loginGuard, counters, log, now: access.audit.now };
    this.login = new HttpLogin(parts as unknown as HttpParts, page);
  }

  find(authorization?: string): Promise<FoundLogin> {
    const headers = authorization === undefined ? {} : { authorization };
    return this.login.find(new Request("http://localhost/", { headers }), this.caller, () => {});
  }

  /** The code of the error. */
  fail(authorization?: string): Promise<string> {
    return this.find(authorization).then(() => "found", ({ code }) => code);
  }
}

Deno.test("a token in the header Authorization is a login", async () => {
  const world = new World();
  for (const header of [`Bearer ${TOKEN}`, `bearer  ${TOKEN}`]) {
    const { login, end } = await world.find(header);
    assertEquals(login.user.name, "app");
    assertEquals(world.sessions.access.loginCount, 1);
    end();
    assertEquals(world.sessions.access.loginCount, 0);
  }
});

Deno.test("a wrong token is told late, counted, and holds its address back", async () => {
  const world = new World();
  const { access, counters, loginGuard } = world.sessions;
  const now = access.audit.now();
  const failing = Array.from({ length: 20 }, () => world.fail(`Bearer ${createToken()}`));
  let told = 0;
  for (const one of failing) one.then(() => told++);
  for (let count = 0; count < 10; count++) await turn();
  assertEquals([told, loginGuard.waitingCount], [0, 20]);
  assertEquals(counters.authFailures.token, 20);
  assertEquals(loginGuard.admits("192.0.2.1", now), true);
  const admitted = Array.from({ length: 50 }, () => loginGuard.admits("192.0.2.1", now));
  assert(admitted.filter((isAdmitted) => isAdmitted).length < 20);
  world.sessions.passTime(2000);
  assertEquals(new Set(await Promise.all(failing)), new Set(["UNAUTHORIZED"]));
});

Deno.test("nothing shown is told at once, since browsers and scrapers ask first", async () => {
  const world = new World();
  assertEquals(await world.fail(), "UNAUTHORIZED");
  assertEquals(await world.fail("Basic YTpi"), "UNAUTHORIZED");
  assertEquals(await world.fail("Bearer"), "UNAUTHORIZED");
  assertEquals(await world.fail(`Bearer ${"a".repeat(600)}`), "UNAUTHORIZED");
  assertEquals(world.sessions.loginGuard.addressCount, 0);
});

Deno.test("a cookie of the page counts where there is no token, and its login stays", async () => {
  let ended = 0;
  const sessions = new Sessions({ users: USERS });
  const { user, engine } = sessions.access.login({ token: TOKEN }, () => {});
  const cookie = { user, engine, end: () => void ended++ };
  const world = new World({ ...NO_PAGE, identify: () => cookie });
  const { login, end } = await world.find();
  assertEquals(login === cookie, true);
  end();
  assertEquals(ended, 0);
  const failing = world.fail(`Bearer ${createToken()}`);
  await turn();
  world.sessions.passTime(2000);
  assertEquals(await failing, "UNAUTHORIZED", "a wrong token is not made good by a cookie");
});
