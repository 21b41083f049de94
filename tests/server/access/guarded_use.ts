import type { Engine } from "../../../src/broker/engine.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { Audit } from "../../../src/server/access/audit.ts";
import { GuardedEngine } from "../../../src/server/access/guarded_engine.ts";
import { type PermissionFields, Permissions } from "../../../src/server/access/permissions.ts";
import { User, type UserLimits } from "../../../src/server/access/user.ts";
import { Log } from "../../../src/server/log.ts";
import { EngineUse, TestClock } from "../../engine/engine_use.ts";

/** An engine, and users who may use some of it. */
export class GuardedUse {
  /** The time of all. */
  readonly clock: TestClock = new TestClock();
  /** The bare engine. */
  readonly bare: EngineUse;
  /** What was logged, line by line. */
  readonly lines: string[] = [];
  readonly audit: Audit;

  constructor(engine?: Engine) {
    const now = () => this.clock.now;
    const { clock } = this;
    this.bare = new EngineUse(engine ?? createMemoryEngine({ memoryLimit: 1e9, now }), { clock });
    const write = (line: string) => void this.lines.push(line.trimEnd().replace(/^\S+ /, ""));
    this.audit = new Audit(new Log({ level: "debug", write, now }), now);
  }

  /** A user with some permissions. */
  user(fields: PermissionFields, limits: UserLimits = {}, name = "app"): User {
    return new User(name, new Permissions(fields), limits);
  }

  /** A session of a user. */
  session(user: User): { readonly guarded: GuardedEngine; readonly use: EngineUse } {
    const guarded = new GuardedEngine(this.bare.engine, user, this.audit);
    return { guarded, use: new EngineUse(guarded, { clock: this.clock }) };
  }
}
