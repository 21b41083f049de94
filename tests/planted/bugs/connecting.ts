import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs of finding a broker and of logging in. */
export const CONNECTING_BUGS: readonly PlantedBug[] = [
  {
    what: "a URL smqs:// connects without TLS, and everybody on the way can read its token",
    file: "src/client/dialing/connect_options.ts",
    from: "(isEncrypted ? TLS_DEFAULT : undefined)",
    to: "(isEncrypted === null ? TLS_DEFAULT : undefined)",
    found: tests("client/uplink/tls_test.ts"),
  },
  {
    what: "a file is not read again when its token was replaced during an attempt",
    file: "src/client/uplink/session_opener.ts",
    from: "isUnauthorized(error) ? await this.#readAnother(target) : undefined",
    to: "isUnauthorized(target) ? await this.#readAnother(target) : undefined",
    found: tests("client/uplink/login_test.ts"),
  },
  {
    what: "a reset connection is a fault of the program, and not the end of a connection",
    file: "src/transport/connection_end.ts",
    from: '  "ConnectionReset",\n',
    to: "",
    found: tests("transport/connection_end_test.ts"),
  },
  {
    what: "a socket of Node takes all that comes, whether it is read or not",
    file: "src/transport/node_duplex.ts",
    from: "    this.#socket.pause();\n",
    to: "",
    found: tests("transport/node_sockets_test.ts"),
  },
  {
    what: "the npm package needs a package that nobody installs",
    file: "npm/package_check.ts",
    from: 'specifier.startsWith("node:") && path.endsWith(".js")',
    to: 'path.endsWith(".js")',
    found: tests("npm/package_test.ts"),
  },
  {
    what: "a trace of the application's own is replaced by that of the call",
    file: "src/client/tracing/traced_publisher.ts",
    from: "const sent = isOwn || options === undefined ? options",
    to: "const sent = options === undefined ? options",
    found: tests("client/tracing/tracing_test.ts"),
  },
  {
    what: "messages of one caller are in the trace of another",
    file: "src/client/tracing/traced_publisher.ts",
    from: "shared.parent === spanOf(this.#tracing.context) && ",
    to: "",
    found: tests("client/tracing/tracing_test.ts"),
  },
];
