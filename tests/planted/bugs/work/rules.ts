import { type PlantedBug, tests } from "../../planted_bug.ts";

/** Bugs of lanes, limits, lent keys, breakers, coalescing, cancelling and postponing. */
export const WORK_BUGS: readonly PlantedBug[] = [
  {
    what: "what a follower does not take of a key that is lent to it is news to all, for ever",
    file: "src/broker/rules/dispatcher.ts",
    from: "    if (share === this.#offered) return;\n",
    to: "",
    found: tests("broker/rules/rest_test.ts"),
  },
];
