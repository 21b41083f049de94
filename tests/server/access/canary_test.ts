/**
 * A user does whatever a client can, in random order, beside a stream that the user may not know: neither
 * its name nor its messages may reach the client, and nothing in it may change.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { OPERATIONS, type QueryOptions } from "../../../protocol.ts";
import { GuardedEngine } from "../../../src/server/access/guarded_engine.ts";
import { VERBS } from "../../../src/server/access/permissions.ts";
import { createPipe, type Duplex } from "../../../src/transport/duplex.ts";
import { Random } from "../../support/random.ts";
import { cursorLine, giveMeLine, LineClient, publishLine } from "../../support/wire/line_client.ts";
import { RawClient } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";
import { GuardedUse } from "./guarded_use.ts";

const CANARY = "canary-stream";
const CANARY_BODY = "canary-body";
const NAMES = ["own-1", "own-2", "own-1.dead", "nowhere", "other", "holder", "canary", ""];
const BINDS = [/./, /dead|./, /canary/, /own/, "own-1", "own-2", "other", "canary"];

/** A broker with the secret stream, and a follower that holds messages of it and of the user's. */
class CanaryWorld implements AsyncDisposable {
  readonly all = new GuardedUse();
  readonly sessions: Sessions;
  /** All that came to clients. */
  received = "";

  constructor() {
    const user = this.all.user(Object.fromEntries(VERBS.map((verb) => [verb, ["own-*"]])));
    const login = () => {
      const guarded = new GuardedEngine(this.all.bare.engine, user, this.all.audit);
      return { user, engine: guarded, end: () => guarded.end() };
    };
    this.sessions = new Sessions({ engine: this.all.bare.engine, access: { login } });
  }

  async fill(): Promise<void> {
    const { bare } = this.all;
    await bare.create(CANARY, "own-1");
    const holder = bare.follower(/^(canary-stream|own-1)$/, { name: "holder", messages: 3 });
    await bare.publisher(CANARY, "1").store(CANARY_BODY, CANARY_BODY);
    await bare.publisher("own-1", "2").store("mine", "mine too", "and this");
    await holder.received(3);
    await holder.reject([3]);
    await bare.fence();
  }

  /** What is in the secret stream. */
  async look(): Promise<unknown> {
    const { engine } = this.all.bare;
    const { infos } = await engine.peek(CANARY, 1, 100);
    return [await engine.getStream(CANARY), infos];
  }

  /** A connection of which all that the broker sends is kept. */
  connect(): Duplex {
    const [here, there] = createPipe();
    this.sessions.take(there);
    const decoder = new TextDecoder("latin1");
    return {
      read: async (buffer) => {
        const count = await here.read(buffer);
        if (count !== null) this.received += decoder.decode(buffer.subarray(0, count));
        return count;
      },
      write: (bytes) => here.write(bytes),
      close: () => here.close(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sessions[Symbol.asyncDispose]();
  }
}

/** Does something random; answers are read later. */
async function act(client: RawClient, random: Random, step: number): Promise<void> {
  const name = random.pick(NAMES);
  switch (random.below(8)) {
    case 0:
      return await client.openPublisher(step, random.pick(BINDS), random.pick(["1", "2", "3"]));
    case 1: {
      const options = { name: random.pick(["holder", "mine"]), messages: random.below(5) };
      return await client.openFollower(step, random.pick(BINDS), options);
    }
    case 2:
      await client.openPublisher(step, random.pick(BINDS));
      return await client.publish(step, 1, ["x"]);
    default: {
      const options: QueryOptions = {
        ...random.chance(0.3) && { stream: { maxMessages: 1 + random.below(9) } },
        ...random.chance(0.5) && { from: random.below(5) },
        ...random.chance(0.3) && { after: random.below(5) },
        ...random.chance(0.5) && { ids: [1, 2, 3] },
        ...random.chance(0.5) && { ifDifferent: random.pick(["fail", "update"] as const) },
      };
      return await client.query(step, random.pick(OPERATIONS), name, options);
    }
  }
}

Deno.test("nothing of a forbidden stream reaches a client, or is changed by it (random)", async () => {
  const seed = Date.now();
  const random = new Random(seed);
  let receivedBytes = 0;
  for (let run = 0; run < 60; run++) {
    await using world = new CanaryWorld();
    await world.fill();
    const before = await world.look();
    await using client = new RawClient(world.connect());
    await client.shakeHands();
    for (let step = 1; step <= 40; step++) {
      await act(client, random, step);
      // Also what comes later, when others do something.
      if (step % 10 === 0) {
        await world.all.bare.publisher("own-1", `${step}`).store("new").catch(() => {});
      }
    }
    await client.query(999, "getStreams");
    for (let isDone = false; !isDone;) {
      const frame = await client.next();
      assert(frame !== undefined, `seed ${seed}, run ${run}: the session has ended`);
      isDone = frame.name === "response" && frame.content.query === 999;
    }
    const about = `seed ${seed}, run ${run}`;
    assert(!world.received.includes(CANARY), `${about}: its name`);
    assert(!world.received.includes(CANARY_BODY), `${about}: its messages`);
    assertEquals(await world.look(), before, about);
    receivedBytes += world.received.length;
  }
  assert(receivedBytes > 100_000, `seed ${seed}: ${receivedBytes} bytes`);
});

Deno.test("nothing of a forbidden stream reaches a client of JSON lines", async () => {
  const seed = Date.now();
  const random = new Random(seed);
  for (let run = 0; run < 20; run++) {
    await using world = new CanaryWorld();
    await world.fill();
    const before = await world.look();
    await using client = new LineClient(world.connect());
    for (let step = 0; step < 30; step++) {
      const type = random.pick([
        "CREATE_STREAM",
        "GET_STREAMS",
        "GET_STREAM",
        "GET_PELS",
        "GET_PEL",
      ]);
      await client.send(random.pick([
        cursorLine(type, random.pick(NAMES)),
        publishLine(random.pick(BINDS), "1"),
        giveMeLine(random.pick(BINDS)),
      ]));
    }
    await client.send(cursorLine("GET_STREAM", "own-1"));
    await client.send(cursorLine("GET_PEL", "no such follower"));
    for (let text: string | undefined = ""; !text?.includes("no such follower");) {
      text = await client.nextText();
      assert(text !== undefined, `seed ${seed}, run ${run}: the session has ended`);
    }
    const about = `seed ${seed}, run ${run}`;
    assert(!world.received.includes(CANARY), `${about}: its name`);
    assert(!world.received.includes(CANARY_BODY), `${about}: its messages`);
    assertEquals(await world.look(), before, about);
  }
});
