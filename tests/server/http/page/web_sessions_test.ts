/**
 * How long sessions of the page last, and how many there are, by a clock of the test.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { BrokerError } from "../../../../protocol.ts";
import { createMemoryEngine } from "../../../../src/engine/memory.ts";
import { Access } from "../../../../src/server/access/access.ts";
import { LoginGuard } from "../../../../src/server/access/login_guard.ts";
import { UserTable } from "../../../../src/server/access/users/user_table.ts";
import { parseUsers } from "../../../../src/server/access/users/users_file.ts";
import { WebSessions } from "../../../../src/server/http/page/sessions/web_sessions.ts";
import { Log } from "../../../../src/server/log.ts";

const HOUR = 3_600_000;
const TOKEN_HASH = "a0".repeat(32);
const USERS = `
users:
  ann: { tokens: [{ sha256: "${TOKEN_HASH}", expires: 2001-01-01 }], limits: { connections: 1 } }
  bob: { tokens: [{ sha256: "${"b1".repeat(32)}" }] }
`;
const ANN = { user: "ann", tokenHash: TOKEN_HASH };
const BOB = { user: "bob", tokenHash: "b1".repeat(32) };

function makeWorld() {
  const world = { now: 0, date: 0 };
  const now = () => world.now;
  const log = new Log({ level: "error", write: () => {} });
  const access = new Access({
    engine: createMemoryEngine({ memoryLimit: 1e6, now }),
    users: new UserTable(parseUsers(USERS, "users.yaml")),
    log,
    now,
    dateNow: () => world.date,
  });
  const loginGuard = new LoginGuard({ log });
  const sessions = new WebSessions({ access, loginGuard, now });
  return { world, access, sessions };
}

Deno.test("a session lasts eight hours, and half an hour without a request", () => {
  const { world, access, sessions } = makeWorld();
  const { id } = sessions.open(BOB, "10.0.0.1");
  for (world.now = 0; world.now < 8 * HOUR - 1; world.now += HOUR / 2 - 1) {
    sessions.tick(world.now);
    assert(sessions.find(id) !== undefined, `${world.now}`);
  }
  world.now = 8 * HOUR;
  assertEquals([sessions.find(id), sessions.count, access.loginCount], [undefined, 0, 0]);
  const idle = sessions.open(BOB, "10.0.0.1");
  world.now += HOUR / 2;
  sessions.tick(world.now);
  assertEquals([sessions.find(idle.id), sessions.count, access.loginCount], [undefined, 0, 0]);
});

Deno.test("a session ends with its token, and what is not in the file opens none", () => {
  const { world, access, sessions } = makeWorld();
  const ended: string[] = [];
  const { id, session } = sessions.open(ANN, "10.0.0.1");
  session.watch({ ended: (reason) => ended.push(reason), changed: () => {} });
  world.date = Date.parse("2001-01-01");
  access.tick(world.now);
  assertEquals([sessions.find(id), ended.length], [undefined, 1]);
  for (
    const proven of [ANN, { ...BOB, user: "ann" }, { user: "bob" }, {
      user: "bob",
      passwordHash: "",
    }]
  ) {
    const error = assertThrows(() => sessions.open(proven, "10.0.0.1"), BrokerError);
    assertEquals(error.code, "UNAUTHORIZED");
  }
  assertEquals([sessions.count, access.loginCount], [0, 0]);
});

Deno.test("of too many sessions those end that were used longest ago, of the user first", () => {
  const { world, access, sessions } = makeWorld();
  const first = sessions.open(BOB, "10.0.0.1").id;
  const ann = sessions.open(ANN, "10.0.0.2").id;
  const ids = Array.from({ length: 15 }, () => sessions.open(BOB, "10.0.0.1").id);
  // The first one is in use, so the second one is the oldest.
  world.now = 1;
  assert(sessions.find(first) !== undefined);
  sessions.open(BOB, "10.0.0.1");
  assertEquals(sessions.find(ids[0]!), undefined);
  assert([first, ann, ...ids.slice(1)].every((id) => sessions.find(id) !== undefined));
  assertEquals([sessions.count, access.loginCount], [17, 17]);
  sessions.close();
  assertEquals([sessions.count, access.loginCount], [0, 0]);
});

Deno.test("sessions of the page are no connections: a user with one connection has both", () => {
  const { access, sessions } = makeWorld();
  const { id } = sessions.open(ANN, "10.0.0.1");
  sessions.open(ANN, "10.0.0.1");
  const login = access.login({ proven: undefined, inProcess: { user: "ann" } }, () => {});
  const error = assertThrows(
    () => access.login({ inProcess: { user: "ann" } }, () => {}),
    BrokerError,
  );
  assertEquals(error.code, "TOO_MANY_CONNECTIONS");
  login.end();
  assert(sessions.find(id) !== undefined);
  access.login({ inProcess: { user: "ann" } }, () => {}).end();
});
