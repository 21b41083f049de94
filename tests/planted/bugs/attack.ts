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

const CONNECTION = "src/server/http/http_connection.ts";
const SERVICE = "src/server/http/http_service.ts";

/** Bugs of the port for HTTP, and of what is read there. */
export const HTTP_BUGS: readonly PlantedBug[] = [
  {
    what: "a page of another site reaches the broker by a name that leads here",
    file: SERVICE,
    from: "if (this.#hosts.has(host)) return;",
    to: 'if (this.#hosts.has(host) || host !== "") return;',
    found: tests("server/http/requests_test.ts"),
  },
  {
    what: "half a head keeps its connection",
    file: CONNECTION,
    from: "return this.since + (this.#hasRequested ? IDLE_MS : firstMs);",
    to: "return this.#hasRequested ? this.since + IDLE_MS : firstMs * Infinity;",
    found: tests("server/http/http_connections_test.ts"),
  },
  {
    what: "a body that comes byte by byte gets more time with each",
    file: CONNECTION,
    from: "if (this.#arriving?.isReceived === false) return this.since + REQUEST_MS;",
    to: "if (this.#arriving?.isReceived === false) return Infinity * REQUEST_MS;",
    found: tests("server/http/http_connections_test.ts"),
  },
  {
    what: "connections of HTTP that are kept shut out the clients of the broker",
    file: "src/server/http/http_connections.ts",
    from: "Math.max(1, Math.min(most, Math.floor(connectionsMax / 2)))",
    to: "Math.max(connectionsMax, Math.min(most, Math.floor(connectionsMax / 2)))",
    found: tests("server/http/flood_test.ts"),
  },
  {
    what: "every user reads the metrics",
    file: "src/server/access/access.ts",
    from: "if (user.permissions.hasMetrics) return;",
    to: 'if (user.permissions.hasMetrics || user.name !== "") return;',
    found: tests("server/http/metrics_test.ts"),
  },
  {
    what: "a wrong token over HTTP costs its address nothing",
    file: "src/server/http/http_login.ts",
    from: "if (isTried) await this.#holdBack(error, caller);",
    to: "if (!isTried) await this.#holdBack(error, caller);",
    found: tests("server/http/http_login_test.ts"),
  },
  {
    what: "sockets wait until all streams are listed and written",
    file: "src/server/http/figures/time_slices.ts",
    from: "    setTimeout(() => {",
    to: "    queueMicrotask(() => {",
    found: tests("server/http/metrics_test.ts"),
  },
  {
    what: "HTTPS goes on with the old certificate",
    file: "src/server/certificates/certificates.ts",
    from: "    this.#httpAcceptor.renew(credentials);\n",
    to: "",
    found: tests("server/http/https_test.ts"),
  },
];
