/**
 * A soak finds what it is there for: in brokers with something wrong it names what grows and what is lost, and
 * in one that is as it should be it finds nothing.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Verdict } from "../support/checking/verdict.ts";
import { isLong } from "../support/length.ts";
import { Random } from "../support/random.ts";
import type { Plant } from "./broker/planted.ts";
import { SoakedBroker } from "./broker/soaked_broker.ts";
import { Place } from "./load/place.ts";
import { ToldLoad } from "./load/told_load.ts";
import { Flatness, LOOKS_AGAIN, LOOKS_MIN } from "./watch/flatness.ts";

/** How long there is load, in milliseconds. */
const LOAD_MS = 500;

/** In so many of them at most a message goes. */
const LOADS_MAX = 20;

/** Starts a broker in memory, perhaps with something wrong. */
async function open(plant?: Plant): Promise<Place> {
  const settings = { storage: { engine: "memory" }, logLevel: "error" } as const;
  const broker = await SoakedBroker.start({ settings, plant });
  return new Place({ name: "light", broker, random: new Random(1), isMortal: false });
}

/** Has a few streams come and go between looks; returns what has grown. */
async function churn(place: Place): Promise<string[]> {
  const flatness = new Flatness();
  let number = 0;
  const look = async () => {
    {
      await using connection = await place.connect();
      const cursor = connection.cursor();
      number++;
      for (const stream of ["a", "b", "c"].map((name) => `${name}${number}`)) {
        await cursor.createStream(stream);
        await connection.publisher(stream).sendMessage("x");
        await cursor.deleteStream(stream);
      }
    }
    while (await place.broker.countConnections() > 0) await delay(5);
    flatness.add(await place.broker.takeFigures());
  };
  for (let left = LOOKS_MIN; left > 0; left--) await look();
  for (let left = flatness.doubt() ? LOOKS_AGAIN : 0; left > 0; left--) await look();
  return flatness.findGrowth();
}

/** Loads a broker, and tells what clients have seen; each time by another name. */
async function load(place: Place, name: number = 1): Promise<Verdict> {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  // deno-lint-ignore no-console
  console.log(`seed ${seed}`);
  const told = await ToldLoad.start(place, `${name}`, new Random(seed));
  await told.run(AbortSignal.timeout(LOAD_MS));
  place.relay.isHealed = true;
  return await told.finish();
}

Deno.test("what grows in a broker is named, whatever it is and whoever holds it", async () => {
  await using place = await open("growth");
  const growth = await churn(place);
  const names = growth.map((line) => line.slice(0, line.indexOf(":", 10)));
  for (
    const name of [
      "Plot.#seen",
      "all objects of Weed",
      "timers: Timeout",
      "resources: fsFile",
      "descriptors of null",
    ]
  ) {
    assert(growth.some((line) => line.startsWith(`${name}: `)), `${name} is not in ${names}`);
  }
});

Deno.test("a confirmed message that goes is found", async () => {
  await using place = await open("loss");
  // A message can only go while it is ready, which it hardly ever is when followers are fast.
  for (let name = 1;; name++) {
    const { lost, isClean, examples } = await load(place, name);
    assertEquals(isClean, lost === 0, `${examples}`);
    if (lost > 0) break;
    assert(name < LOADS_MAX, "nothing was lost");
  }
});

Deno.test("nothing is found in a broker as it should be, also on ways that are cut", async () => {
  await using place = await open();
  const { examples, confirmed } = await load(place);
  assertEquals(examples, []);
  assert(confirmed > 0);
  // The soak itself does that, too.
  if (isLong) assertEquals(await churn(place), []);
});
