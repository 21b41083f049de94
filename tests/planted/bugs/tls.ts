import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs of TLS and of certificates. */
export const TLS_BUGS: readonly PlantedBug[] = [
  {
    what: "a certificate that is not valid names its user all the same",
    file: "src/server/front_door/tls_door.ts",
    from: "if (certificate.fault === undefined) return",
    to: "if (certificate.der.length > 0) return",
    found: tests("server/front_door/tls_test.ts"),
  },
  {
    what: "a certificate is required of clients, and missed by nobody",
    file: "src/server/front_door/tls_door.ts",
    from: 'if (this.#mode !== "required") return [];',
    to: 'if (this.#mode !== "off") return [];',
    found: tests("server/front_door/tls_test.ts"),
  },
  {
    what: "a renewed pair that does not fit is put into use",
    file: "src/server/certificates/certificate_check.ts",
    from: "if (!leaf.checkPrivateKey(key)) {",
    to: "if (!leaf.publicKey) {",
    found: tests("server/certificates/certificates_test.ts"),
  },
  {
    what: "a pair is read between the replacements of its two files",
    file: "src/server/file_watch.ts",
    from: "if (owner === undefined || state !== this.#seen) return",
    to: "if (owner === undefined) return",
    found: tests("server/certificates/certificates_test.ts"),
  },
  {
    what: "TLS takes all that comes, whether it is read or not",
    file: "src/transport/duplex_stream.ts",
    from: "    this.#isHeld = true;\n",
    to: "",
    found: tests("transport/tls_acceptor_test.ts"),
  },
  {
    what: "a write is over before anybody has taken its bytes",
    file: "src/transport/duplex_stream.ts",
    from: "this.#writeAll(chunk).then(() => done(), done);",
    to: "this.#writeAll(chunk.slice()).catch(() => {});\n    done();",
    found: tests("transport/tls_acceptor_test.ts"),
  },
  {
    what: "answers wait for acknowledgements, which come late",
    file: "src/transport/deno_sockets.ts",
    from: "  socket.setNoDelay(true);\n  // Clients",
    to: "  // Clients",
    found: tests("server/front_door/tls_traffic_test.ts"),
  },
];
