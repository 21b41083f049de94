import { nkeys } from "@nats-io/transport-node";

/** What identifies somebody to nodes: a pair of keys. */
type Keys = ReturnType<typeof nkeys.createUser>;

/** No limit of any kind. */
const LIMITS = {
  "subs": -1,
  "data": -1,
  "payload": -1,
  "imports": -1,
  "exports": -1,
  "wildcards": true,
  "conn": -1,
  "leaf": -1,
};

/** For an account that may have streams. */
const STREAM_LIMITS = {
  "mem_storage": -1,
  "disk_storage": -1,
  "streams": -1,
  "consumer": -1,
};

/** An operator of nodes with one account and one user, as `nsc` would make them. */
export class NatsOperator {
  /** The lines for the nodes' configuration. */
  readonly lines: string;
  /** The file of credentials of the user. */
  readonly credentials: string;

  constructor() {
    const [operator, system, account] = [
      nkeys.createOperator(),
      nkeys.createAccount(),
      nkeys.createAccount(),
    ];
    const user = nkeys.createUser();
    const accounts = [system, account].map((one) => {
      const limits = one === system ? LIMITS : { ...LIMITS, ...STREAM_LIMITS };
      const jwt = sign(operator, one, { type: "account", limits });
      return `${one.getPublicKey()}: ${jwt}`;
    });
    this.lines = [
      `operator: ${sign(operator, operator, { type: "operator" })}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload: { ${accounts.join("\n")} }`,
    ].join("\n");
    const claims = { type: "user", subs: -1, data: -1, payload: -1 };
    this.credentials = [
      "-----BEGIN NATS USER JWT-----",
      sign(account, user, claims),
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      new TextDecoder().decode(user.getSeed()),
      "------END USER NKEY SEED------",
      "",
    ].join("\n");
  }
}

/** Says something of somebody, signed. */
function sign(issuer: Keys, subject: Keys, nats: Record<string, unknown>): string {
  const encoder = new TextEncoder();
  const claims = {
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: "test",
    sub: subject.getPublicKey(),
    nats: { version: 2, ...nats },
  };
  const parts = [{ typ: "JWT", alg: "ed25519-nkey" }, claims]
    .map((part) => encode(encoder.encode(JSON.stringify(part))));
  const signature = issuer.sign(encoder.encode(parts.join(".")));
  return [...parts, encode(signature)].join(".");
}

function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}
