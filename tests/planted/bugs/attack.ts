import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs that an attacker could use. */
export const ATTACK_BUGS: readonly PlantedBug[] = [
  {
    what: "the hash of texts that clients choose has no secret key",
    file: "src/broker/collections/keyed_hash.ts",
    from: "this.#key0 = key0 | 0;",
    to: "this.#key0 = 0 & key0;",
    found: tests("broker/collections/text_map_test.ts"),
  },
  {
    what: "half frames need no place when memory for them is short",
    file: "src/server/flow/outlet.ts",
    from: "inputMemory.isSpent ? decoder.bufferBytes : PLACELESS_BYTES_MAX",
    to: "inputMemory.isSpent ? PLACELESS_BYTES_MAX : decoder.bufferBytes",
    found: tests("server/flow/input_memory_test.ts"),
  },
  {
    what: "a byte now and then keeps a place for a large frame",
    file: "src/server/flow/receiving_room.ts",
    from: "if (bytes - seat.seenBytes >= RATE_MIN * (now - seat.seenAt) / 1000) {",
    to: "if (bytes > seat.seenBytes) {",
    found: tests("server/flow/receiving_room_test.ts"),
  },
  {
    what: "a TLS handshake that fails stays in memory until its deadline",
    file: "src/transport/tls_acceptor.ts",
    from: "const HANDSHAKE_MS = -1;",
    to: "const HANDSHAKE_MS = 2 ** 31 - 1;",
    found: tests("server/attack/handshake_end_test.ts"),
  },
  {
    what: "all queries of a client are answered at once, whether it reads or not",
    file: "src/server/frames/session_queries.ts",
    from: "LARGE.has(operation) ? this.#inTurn(work) : work()",
    to: "!LARGE.has(operation) ? this.#inTurn(work) : work()",
    found: tests("server/flow/waiting_replies_test.ts"),
  },
  {
    what: "a session gives way to a stranger",
    file: "src/server/front_door/session_table.ts",
    from: "if (outlet.login.isDone) this.#strangers.delete(outlet);",
    to: "if (outlet.link.isClosed) this.#strangers.delete(outlet);",
    found: tests("server/attack/flood_test.ts"),
  },
  {
    what: "a pattern that is refused costs nothing, however long that took",
    file: "src/broker/state/router.ts",
    from: "this.steps += REFUSED_STEPS;",
    to: "this.steps += 0 * REFUSED_STEPS;",
    found: tests("server/attack/names_test.ts"),
  },
  {
    what: "strangers fill the log",
    file: "src/server/flow/session_log.ts",
    from: "if (span.lines >= linesMax) {",
    to: "if (span.lines < 0 * linesMax) {",
    found: tests("server/flow/session_log_test.ts"),
  },
];
