import { assertEquals } from "@std/assert";
import { readBounds } from "../../../../src/engine/replicated/jetstream/log_bounds.ts";

const HEARD = { current: true, offline: false, active: 0.9e9 };
const UNHEARD = { current: true, offline: false, active: 1.3e9 };
const OFFLINE = { current: false, offline: true, active: 0 };

Deno.test("jetstream: a node that hears too few of the others leads nobody, though it answers", () => {
  const look = (...replicas: object[]) => {
    const state = { "first_seq": 1, "last_seq": 7, bytes: 9 };
    return readBounds({ state, config: {}, cluster: { leader: "n1", replicas } }, "n2").hasMajority;
  };
  assertEquals([look(), look(HEARD, HEARD), look(HEARD, UNHEARD)], [true, true, true]);
  assertEquals([look(UNHEARD, UNHEARD), look(OFFLINE, UNHEARD)], [false, false]);
  assertEquals(look(HEARD, HEARD, UNHEARD, OFFLINE), true);
  assertEquals(look(HEARD, UNHEARD, UNHEARD, OFFLINE), false);
});
