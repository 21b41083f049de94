/**
 * Files of users that change at random, beside sessions that come and go: whoever has a session must
 * have one by the file, and nobody else. Run again with `ACCESS_SEED`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { BrokerError } from "../../../protocol.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { Access, type Credentials, type Login } from "../../../src/server/access/access.ts";
import { hashToken } from "../../../src/server/access/users/token.ts";
import { UserTable } from "../../../src/server/access/users/user_table.ts";
import {
  parseUsers,
  type TokenEntry,
  type UserEntry,
  type UsersFile,
  UsersFileError,
} from "../../../src/server/access/users/users_file.ts";
import { formatUsers } from "../../../src/server/access/users/users_text.ts";
import { Log } from "../../../src/server/log.ts";
import { Random } from "../../support/random.ts";

const seed = Number(
  Deno.env.get("ACCESS_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
);

const START = Date.parse("2026-11-30T12:00:00Z");
const NAMES = ["a", "b", "c", "d"];
const TOKENS = Array.from({ length: 8 }, (_, index) => `smq_${index}`);

/** A file with some of the users, each with some of the tokens, which no other one has. */
function createFile(random: Random, now: number): UsersFile {
  const users = new Map<string, UserEntry>();
  const certificates = ["x", "y"];
  let tokens = [...TOKENS];
  for (const name of NAMES) {
    if (random.chance(0.3)) continue;
    const own = tokens.filter(() => random.chance(0.3));
    tokens = tokens.filter((token) => !own.includes(token));
    const [certificate] = random.chance(0.3) ? certificates.splice(0, 1) : [];
    users.set(name, {
      tokens: own.map((token) => createToken(token, random, now)),
      certificate,
      permissions: random.chance(0.2)
        ? { admin: true }
        : { follow: ["a*", "b*"].filter(() => random.chance(0.5)) },
      limits: random.chance(0.3) ? { connections: 1 + random.below(3) } : {},
    });
  }
  return { users, anonymous: random.chance(0.3) ? { follow: ["p*"] } : undefined };
}

function createToken(token: string, random: Random, now: number): TokenEntry {
  const expires = new Date(now + (random.below(20) - 5) * 1000).toISOString();
  return { sha256: hashToken(token), ...random.chance(0.5) && { expires } };
}

/** Whose session it must be by a file; none if it must be refused. */
function expectUser(file: UsersFile, { token, certificateNames = [] }: Credentials, now: number) {
  const users = [...file.users];
  const anonymous = file.anonymous && "anonymous";
  if (token === undefined) {
    const owner = users.find(([, { certificate = "" }]) => certificateNames.includes(certificate));
    return owner?.[0] ?? anonymous;
  }
  const isValid = ({ sha256, expires }: TokenEntry) =>
    sha256 === hashToken(token) && (expires === undefined || now < Date.parse(expires));
  return users.find(([, { tokens }]) => tokens.some(isValid))?.[0];
}

/** A session, and whether it was told to end. */
interface Session {
  readonly credentials: Credentials;
  readonly login: Login;
  isEnded: boolean;
}

/** A broker's access with random sessions, and the file by which they are judged. */
class World {
  readonly random = new Random(seed);
  readonly engine = createMemoryEngine({ memoryLimit: 1e6, now: () => this.now });
  readonly access: Access;
  sessions: Session[] = [];
  refusedCount = 0;
  file: UsersFile;
  now = START;

  constructor() {
    this.file = createFile(this.random, this.now);
    this.access = new Access({
      engine: this.engine,
      users: new UserTable(this.file),
      log: new Log({ level: "error" }),
      now: () => this.now,
      dateNow: () => this.now,
    });
  }

  step(): void {
    const { random } = this;
    const choice = random.below(10);
    if (choice < 5) this.#open();
    else if (choice < 7) this.#close();
    else if (choice < 8) this.now += random.below(3000);
    else this.#replace();
    this.access.tick(this.now);
    this.sessions = this.sessions.filter((session) => this.#check(session));
    assertEquals(this.access.loginCount, this.sessions.length);
  }

  #open(): void {
    const { random } = this;
    const credentials: Credentials = {
      ...random.chance(0.7) && { token: random.pick(TOKENS) },
      ...random.chance(0.5) && { certificateNames: [random.pick(["x", "y", "z"])] },
    };
    const name = expectUser(this.file, credentials, this.now);
    const { connections = Infinity } = this.file.users.get(name ?? "")?.limits ?? {};
    const isFull =
      this.sessions.filter(({ login }) => login.user.name === name).length >= connections;
    try {
      const session: Partial<Session> & { isEnded: boolean } = { credentials, isEnded: false };
      const login = this.access.login(credentials, () => session.isEnded = true);
      assertEquals([login.user.name, isFull], [name, false]);
      const { admin = false } = this.file.users.get(name ?? "")?.permissions ?? {};
      assertEquals(login.engine === this.engine, admin);
      this.sessions.push(Object.assign(session, { login }) as Session);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      assertEquals([error.code, name !== undefined], [
        isFull ? "TOO_MANY_CONNECTIONS" : "UNAUTHORIZED",
        isFull,
      ]);
      this.refusedCount++;
    }
  }

  #close(): void {
    if (this.sessions.length === 0) return;
    const [session] = this.sessions.splice(this.random.below(this.sessions.length), 1);
    session!.login.end();
  }

  #replace(): void {
    this.file = createFile(this.random, this.now);
    // What is written is what is read.
    const read = parseUsers(formatUsers(this.file), "users.yaml");
    this.access.replace(read);
  }

  /** Checks a session by the file; returns whether it goes on. */
  #check({ credentials, login, isEnded }: Session): boolean {
    const name = expectUser(this.file, credentials, this.now);
    const entry = this.file.users.get(login.user.name);
    const isBare = login.engine === this.engine;
    // A session that had no guard must end with the permission to do everything.
    const isOpen = name === login.user.name && !(isBare && entry?.permissions.admin !== true);
    const wasAnonymous = login.user.name === "anonymous" && this.file.anonymous !== undefined;
    if (!isEnded) assert(isOpen || wasAnonymous, `${login.user.name} is not ${name}`);
    if (!isEnded) return true;
    assert(!isOpen || name === "anonymous" || !credentials.token, "nobody ends without a reason");
    login.end();
    return false;
  }
}

Deno.test("random files of users: sessions are as the file in force says", async () => {
  // deno-lint-ignore no-console
  console.log(`ACCESS_SEED=${seed}`);
  const world = new World();
  for (let count = 0; count < 1500; count++) world.step();
  assert(world.refusedCount > 50);
  await world.engine.close();
});

Deno.test("a damaged file of users is refused as a whole, or is another good one", () => {
  // deno-lint-ignore no-console
  console.log(`ACCESS_SEED=${seed}`);
  const random = new Random(seed);
  const text = formatUsers(createFile(random, START)) +
    "  e:\n    tokens:\n      - label: laptop\n        sha256: " + "ab".repeat(32) + "\n";
  const pieces = [
    "",
    "\n",
    " ",
    ":",
    "- ",
    "{",
    "}",
    "[",
    '"',
    "#",
    "&a ",
    "*a",
    "!!x ",
    "\0",
    "ä",
  ];
  let refusedCount = 0;
  for (let count = 0; count < 400; count++) {
    let damaged = text;
    for (let left = 1 + random.below(3); left > 0; left--) {
      const at = random.below(damaged.length);
      const piece = random.chance(0.2) ? text.slice(at).slice(0, 40) : random.pick(pieces);
      damaged = damaged.slice(0, at) + piece + damaged.slice(at + random.below(5));
    }
    if (random.chance(0.3)) damaged = damaged.slice(0, random.below(damaged.length));
    try {
      const file = parseUsers(damaged, "users.yaml");
      const written = formatUsers(file);
      assertEquals(formatUsers(parseUsers(written, "users.yaml")), written);
    } catch (error) {
      if (!(error instanceof UsersFileError)) throw error;
      assert(error.mistakes.length > 0);
      refusedCount++;
    }
  }
  assert(refusedCount > 200, `${refusedCount} were refused`);
});
