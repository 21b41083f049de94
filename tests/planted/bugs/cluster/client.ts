import { type PlantedBug, tests } from "../../planted_bug.ts";

const TARGETS = "src/client/uplink/target_list.ts";
const OPENER = "src/client/uplink/session_opener.ts";

const SEVERAL_TESTS = tests("client/uplink/several_brokers_test.ts");
const TAKEOVER_TESTS = tests("client/uplink/takeover_test.ts");

/** Bugs of clients that look for the active broker. */
export const CLUSTER_CLIENT_BUGS: readonly PlantedBug[] = [
  {
    what: "a broker without TLS is believed, and the token goes to another one in the clear",
    file: TARGETS,
    from: "told !== undefined && (told.target.isEncrypted || !target.isEncrypted)",
    to: "told !== undefined && !told.target.isEncrypted",
    found: tests("client/dialing/broker_target_test.ts"),
  },
  {
    what: "brokers that a cluster has told are forgotten, and its loss of one is the client's end",
    file: TARGETS,
    from: "    this.#told = [...told.values()];\n",
    to: "",
    found: SEVERAL_TESTS,
  },
  {
    what: "a broker that was stopped is asked first, again and again",
    file: TARGETS,
    from: "    return now - this.#silentAt < DOUBT_MS;\n",
    to: "    return now < 0;\n",
    found: SEVERAL_TESTS,
  },
  {
    what: "the wait for a broker that was stopped takes the time in which another one takes over",
    file: OPENER,
    from: "!this.#isElecting || !known.isResting(now)",
    to: "true",
    found: SEVERAL_TESTS,
  },
  {
    what: "a name that is looked for without an end holds up all brokers",
    file: OPENER,
    from: "return await abortable(dialling, signal);",
    to: "return await dialling;",
    found: SEVERAL_TESTS,
  },
  {
    what: "after an election of some seconds a client comes seconds late",
    file: OPENER,
    from: "if (this.#mayBeTakenOver) await",
    to: "if (this.#targets.size === 0) await",
    found: SEVERAL_TESTS,
  },
  {
    what: "a broker that has handed over is waited for until it is gone",
    file: "src/client/uplink/client_session.ts",
    from: 'if (code === "NOT_ACTIVE") throw new BrokerError(code, message, { details });',
    to: "void details;",
    found: TAKEOVER_TESTS,
  },
];
