import type { Engine } from "../../../../src/broker/engine.ts";
import { createMemoryEngine } from "../../../../src/engine/memory.ts";
import type { Login } from "../../../../src/server/access/access.ts";
import { Audit } from "../../../../src/server/access/audit.ts";
import { GuardedEngine } from "../../../../src/server/access/guarded_engine.ts";
import { type PermissionFields, Permissions } from "../../../../src/server/access/permissions.ts";
import { User } from "../../../../src/server/access/user.ts";
import { Log } from "../../../../src/server/log.ts";
import { encodeBase64 } from "../../../../src/protocol/base64.ts";
import { batchOf } from "../../../support/wire/batches.ts";
import { EngineUse } from "../../../engine/engine_use.ts";
import { Sessions } from "../../../support/wire/sessions.ts";

/** The messages that a world begins with: those that followers hold, and those that are ready. */
export const CONTENTS: Readonly<
  Record<string, { held: readonly number[]; ready: readonly number[] }>
> = {
  orders: { held: [2], ready: [3] },
  "orders.dead": { held: [], ready: [1] },
  other: { held: [1], ready: [2] },
};

/** The streams that a cell is about; the last one does not exist. */
export const TARGETS = ["orders", "orders.dead", "orders-none"] as const;

/** The message of a schedule. */
export function entryOf(text: string): string {
  return encodeBase64(batchOf(text).buffer);
}

/** The follower that holds messages of two streams. */
export const HOLDER = "holder";

/** A broker with some streams, and sessions of one user. */
export class MatrixWorld implements AsyncDisposable {
  /** The bare engine. */
  readonly engine: Engine;
  /** The sessions around it. */
  readonly sessions: Sessions;
  /** Logs the user in. */
  readonly logIn: () => Login;

  private constructor(engine: Engine, fields: PermissionFields) {
    this.engine = engine;
    const user = new User("app", new Permissions(fields));
    const audit = new Audit(new Log({ level: "error", write: () => {} }), () => 0);
    this.logIn = () => {
      if (user.permissions.isAdmin) return { user, engine, end: () => {} };
      const guarded = new GuardedEngine(engine, user, audit);
      return { user, engine: guarded, end: () => guarded.end() };
    };
    this.sessions = new Sessions({ engine, access: { login: this.logIn } });
  }

  /** Makes a world for a user with some permissions. */
  static async create(fields: PermissionFields): Promise<MatrixWorld> {
    const engine = createMemoryEngine({ memoryLimit: 1e9, now: () => 1_700_000_000_000 });
    const use = new EngineUse(engine);
    await use.create("orders", "other");
    const both = use.follower(/^(orders|other)$/, { name: HOLDER, messages: 1 });
    await use.publisher("orders", "1").store("to be dead");
    await both.received(1);
    await both.reject([1], "for the test");
    both.port.setCredit(2, 1e6);
    await use.publisher("orders", "2").store("held");
    await use.publisher("other", "3").store("held");
    await both.received(3);
    await use.publisher(/^(orders|other)$/, "4").store("ready");
    for (const stream of Object.keys(CONTENTS)) {
      await engine.schedules.put(stream, { stream, entry: entryOf("first"), everyMs: 1e9 });
    }
    return new MatrixWorld(engine, fields);
  }

  /** What is in the streams: the next id and the number of followers of each. */
  async look(): Promise<Map<string, { nextId: number; followers: number }>> {
    const streams = await this.engine.getStreams();
    return new Map(streams.map(({ name, nextId, followers }) => [name, { nextId, followers }]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sessions[Symbol.asyncDispose]();
  }
}
