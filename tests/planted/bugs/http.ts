import { type PlantedBug, tests } from "../planted_bug.ts";

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
    what: "thousands of streams are written at once while the broker stands still",
    file: "src/server/http/metrics/metric_pages.ts",
    from: "        await nextSlice();\n        yield writeRows(",
    to: "        yield writeRows(",
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
