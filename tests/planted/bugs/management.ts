import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs of what operators ask of a running broker. */
export const MANAGEMENT_BUGS: readonly PlantedBug[] = [
  {
    what: "a user closes the connections of others",
    file: "src/server/management/operator.ts",
    from: "if (info === undefined || this.#filter?.(info.user) === false) return false;",
    to: "if (info === undefined) return false;",
    found: tests("server/management/operator_test.ts"),
  },
  {
    what: "sessions without a credential close each other",
    file: "src/server/management/operator.ts",
    from: '=== "session" && user.needsProof;',
    to: '=== "session";',
    found: tests("server/management/operator_test.ts"),
  },
  {
    what: "who has pinged goes on without a login",
    file: "src/server/frames/session.ts",
    from: "this.#outlet.endWell();",
    to: 'this.#client = "";\n    link.flush();',
    found: tests("server/frames/ping_test.ts"),
  },
  {
    what: "a client whose connection an operator has closed is back at once",
    file: "src/client/uplink/session_opener.ts",
    from: '"CLOSED_BY_OPERATOR" ? CLOSED_PAUSE_MS : 0',
    to: '"CLOSED_BY_OPERATOR" ? 0 : 0',
    found: tests("client/cursor/operating_test.ts"),
  },
  {
    what: "messages that were dropped by their ids are there after a restart",
    file: "src/broker/rules/removal.ts",
    from:
      "const taken = share.takeUnheld(wanted);\n    for (const run of joinRanges(taken)) this.forget(share.store, run);",
    to: "const taken = share.takeUnheld(wanted);",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "the events of the log are kept without a bound",
    file: "src/server/event_ring.ts",
    from: "this.#events.length > EVENTS_MAX || ",
    to: "",
    found: tests("server/event_ring_test.ts"),
  },
];
