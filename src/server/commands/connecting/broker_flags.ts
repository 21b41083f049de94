import type { Flag } from "../arguments.ts";

/** The flags of every command that talks to a broker. */
export const CONNECTION_FLAGS: readonly Flag[] = [
  {
    name: "server",
    value: "<address>",
    about: "The broker: host:port, smq://host:port, or smqs://host:port for TLS.\n" +
      "Environment: SIMPLEMQ_SERVER. Default: the context in use, or localhost:9090",
  },
  { name: "context", value: "<name>", about: 'The broker of a context: see "context add"' },
  {
    name: "token-file",
    value: "<file>",
    about: "The file with the token.\n" +
      "Environment: SIMPLEMQ_TOKEN_FILE, or SIMPLEMQ_TOKEN for the token itself",
  },
  {
    name: "ca",
    value: "<file>",
    about: "The authority that signed the broker's certificate, as PEM. Environment: SIMPLEMQ_CA",
  },
  {
    name: "client-certificate",
    value: "<file>",
    about: "The client's own certificate, as PEM, for brokers that ask for one",
  },
  { name: "client-key", value: "<file>", about: "The key of the client's certificate" },
];

/** The flags of commands that ask a broker, and wait for its answer. */
export const QUERY_FLAGS: readonly Flag[] = [
  ...CONNECTION_FLAGS,
  {
    name: "timeout",
    value: "<span>",
    about: "How long the command may take, such as 500ms or 5m; 30s by default",
  },
];
