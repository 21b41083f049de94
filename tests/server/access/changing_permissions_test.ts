/**
 * Users whose permissions change again and again, beside streams that come and go: after each step,
 * every pattern has exactly the streams that a model finds.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { GuardedEngine } from "../../../src/server/access/guarded_engine.ts";
import { type PermissionFields, Permissions } from "../../../src/server/access/permissions.ts";
import type { User } from "../../../src/server/access/user.ts";
import type { EngineUse, Following, Publishing } from "../../engine/engine_use.ts";
import { Random } from "../../support/random.ts";
import { GuardedUse } from "./guarded_use.ts";
import { PolicyModel } from "./matrix/policy_model.ts";

const NAMES = ["a", "a.b", "a.c", "b", "b.c", "c", "a.dead", "b.dead"];
const PATTERNS = ["a", "a*", "*.c", "b", "*", "*.dead", "z"];
const BINDS = [/a|dead/, /b/, /\./, /^[abc]$/];

interface Changing {
  readonly user: User;
  model: PolicyModel;
  readonly guarded: GuardedEngine;
  readonly use: EngineUse;
  readonly followers: Map<RegExp, Following>;
}

/** A world of random users. */
class World {
  readonly all = new GuardedUse();
  readonly random: Random;
  readonly users: Changing[];
  readonly streams = new Set<string>();
  #publisherCount = 0;
  /** How many streams were expected in all, so that a test without any is seen. */
  seenCount = 0;

  constructor(random: Random) {
    this.random = random;
    this.users = ["one", "two", "three"].map((name) => {
      const fields = this.#makeFields();
      const user = this.all.user(fields, {}, name);
      const model = new PolicyModel(fields);
      return { user, model, ...this.all.session(user), followers: new Map() };
    });
  }

  async step(): Promise<void> {
    const { random, all } = this;
    const changing = random.pick(this.users);
    const name = random.pick(NAMES);
    const bind = random.pick(BINDS);
    switch (random.below(5)) {
      case 0:
        if (!this.streams.has(name)) await all.bare.create(name);
        return void this.streams.add(name);
      case 1:
        if (random.chance(0.5) && this.streams.delete(name)) {
          await all.bare.engine.deleteStream(name);
        }
        return;
      case 2:
        return this.#change(changing);
      case 3:
        return this.#openOrClose(changing, bind);
      default:
        return await this.#publish(changing, bind);
    }
  }

  /** Compares the followers of every stream with the model. */
  async check(about: string): Promise<void> {
    const expected = [...this.streams].sort().map((name) => {
      let count = 0;
      for (const { model, followers } of this.users) {
        for (const bind of followers.keys()) if (finds(model, "follow", bind, name)) count++;
      }
      this.seenCount += count;
      return `${name} ${count}`;
    });
    const found = await this.all.bare.engine.getStreams();
    assertEquals(found.map(({ name, followers }) => `${name} ${followers}`), expected, about);
  }

  #makeFields(): PermissionFields {
    const some = () => PATTERNS.filter(() => this.random.chance(0.2));
    return { follow: some(), publish: some() };
  }

  #change(changing: Changing): void {
    const fields = this.#makeFields();
    changing.user.permissions = new Permissions(fields);
    changing.model = new PolicyModel(fields);
    changing.guarded.reconsider();
    if (changing.model.hasAny("follow")) return;
    for (const { sink } of changing.followers.values()) assertEquals(sink.ends.length, 1);
    changing.followers.clear();
  }

  #openOrClose({ model, use, followers }: Changing, bind: RegExp): void {
    const open = followers.get(bind);
    if (open !== undefined) {
      open.port.close();
      followers.delete(bind);
    } else if (model.hasAny("follow")) {
      followers.set(bind, use.follower(bind, { messages: 2 }));
    }
  }

  /** Publishes, with a publisher that is there before the permissions change. */
  async #publish(changing: Changing, bind: RegExp): Promise<void> {
    if (!changing.model.hasAny("publish")) return;
    const identity = `p-${this.#publisherCount++}`;
    const publisher: Publishing = changing.use.publisher(bind, identity);
    if (this.random.chance(0.5)) this.#change(changing);
    publisher.send("x");
    const [outcome] = await publisher.outcomes();
    const { model } = changing;
    const names = [...this.streams].filter((name) => finds(model, "publish", bind, name));
    const expected = !model.hasAny("publish")
      ? "FORBIDDEN"
      : names.length === 0
      ? "NO_MATCHING_STREAM"
      : names.sort().join();
    const found = outcome!.split(",").map((at) => at.replace(/:.*/, "")).sort().join();
    assertEquals(found, expected);
    publisher.port.close();
  }
}

/** Whether a pattern of a user finds a stream: dead letters only if it says so. */
function finds(
  model: PolicyModel,
  verb: "publish" | "follow",
  bind: RegExp,
  name: string,
): boolean {
  const isMeant = /dead/.test(bind.source) || !name.endsWith(".dead");
  return bind.test(name) && isMeant && model.may(verb, name);
}

Deno.test("patterns have the streams of their users, whatever changes (random)", async () => {
  const seed = Date.now();
  const random = new Random(seed);
  let seenCount = 0;
  for (let run = 0; run < 40; run++) {
    const world = new World(random);
    for (let step = 0; step < 100; step++) {
      try {
        await world.step();
      } catch (cause) {
        throw new Error(`seed ${seed}, run ${run}, step ${step}`, { cause });
      }
      await world.check(`seed ${seed}, run ${run}, step ${step}`);
    }
    seenCount += world.seenCount;
    await world.all.bare.engine.close();
  }
  assert(seenCount > 1000, `seed ${seed}: only ${seenCount} were to be found`);
});
