import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs of permissions: what a user may do, and what is left when that changes. */
export const PERMISSIONS_BUGS: readonly PlantedBug[] = [
  {
    what: "members of one pattern share their streams, whatever their users may use",
    file: "src/broker/state/router.ts",
    from: "filter === undefined ? pattern : `${pattern.length}${pattern}${filter.key}`",
    to: "filter === undefined ? pattern : `${pattern.length}${pattern}`",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "who may publish to a stream may read its messages",
    file: "src/server/access/operation_verbs.ts",
    from: '  peek: { stream: "inspect" },\n',
    to: '  peek: { stream: "any" },\n',
    found: tests("server/access/matrix/matrix_test.ts"),
  },
  {
    what: "a follower keeps the deliveries of a stream that it may no longer follow",
    file: "src/broker/rules/broker_follower.ts",
    from: "      deliveries.forbid(follower, isLost, { reason, now: context.now() });\n",
    to:
      "      if (isLost === undefined) deliveries.forbid(follower, isLost, { reason, now: 0 });\n",
    found: tests("server/access/guarded_engine_test.ts"),
  },
  {
    what: "a publisher's identity is taken over by whoever knows it",
    file: "src/broker/state/publisher_registry.ts",
    from: "    if (owner === undefined || first === owner) return false;\n",
    to: "    if (first !== undefined || owner === undefined) return false;\n",
    found: tests("server/access/guarded_engine_test.ts"),
  },
  {
    what: "streams that are created at once go beyond the limit of their user",
    file: "src/server/access/guarded_engine.ts",
    from: "      const error = this.#usage.findStreamExcess(name);\n",
    to: "      await undefined;\n      await undefined;\n" +
      "      const error = this.#usage.findStreamExcess(name);\n      await undefined;\n",
    found: tests("server/access/user_limits_test.ts"),
  },
];
