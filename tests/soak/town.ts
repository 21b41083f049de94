/**
 * The brokers of a soak, each configured in another way, and the files of theirs that change meanwhile.
 *
 * | name     | storage            | ways                            | faults                              |
 * | -------- | ------------------ | ------------------------------- | ----------------------------------- |
 * | `secure` | journal            | TLS, users, HTTPS with the page | files of users, certificates change |
 * | `mortal` | journal, no memory | plain, JSON lines               | killed in each round                |
 * | `light`  | memory             | plain, JSON lines, HTTP, users  | files of users change, small limits |
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { PartialSettings } from "../../server.ts";
import { createToken, hashToken } from "../../src/server/access/users/token.ts";
import { TestCertificates } from "../support/certificates/test_certificates.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { Random } from "../support/random.ts";
import type { Plant } from "./broker/planted.ts";
import { SoakedBroker } from "./broker/soaked_broker.ts";
import { Place } from "./load/place.ts";

/** Links outlive it that the clock leaps; tests of heartbeats are elsewhere. */
const HEARTBEAT_TIMEOUT_MS = 3_600_000;

/** The streams that everybody may use: garbage that is not quite garbage goes there. */
const STRANGERS = `["a", "a.*", "b", "b.*", "orders", "orders.*", "x", "x.*"]`;

/** How often files change, in milliseconds. */
const RENEW_MS = 1200;

/** The brokers, and their files. */
export class Town implements AsyncDisposable {
  readonly places: readonly Place[];
  readonly #token: string;
  readonly #stack: AsyncDisposableStack;
  readonly #certificates: TestCertificates;
  readonly #users: string;
  #renewals = 0;

  private constructor(parts: TownParts, places: readonly Place[]) {
    this.places = places;
    this.#token = parts.token;
    this.#stack = parts.stack;
    this.#certificates = parts.certificates;
    this.#users = parts.users;
  }

  /** Starts the brokers. */
  static async open(random: Random, plant: Plant | undefined): Promise<Town> {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(new TestCertificates());
    const files = stack.use(await TestDirectory.create());
    const parts: TownParts = {
      token: createToken(),
      stack,
      certificates,
      users: `${files.path}/users.yaml`,
    };
    writeUsers(parts, 0);
    const places: Place[] = [];
    for (const [name, settings] of describeBrokers(parts, files.path)) {
      const broker = await SoakedBroker.start({
        settings: { ...settings, logLevel: "error", heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS },
        plant: name === "light" ? plant : undefined,
      });
      places.push(stack.use(
        new Place({
          name,
          broker,
          random: new Random(random.below(2 ** 32)),
          isMortal: name === "mortal",
          ...name === "secure" && { ca: certificates.ca },
          ...name !== "mortal" && { token: parts.token },
        }),
      ));
    }
    return new Town({ ...parts, stack: stack.move() }, places);
  }

  /** Changes files now and then, until a signal is aborted. */
  async renew(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { token, users } = { token: this.#token, users: this.#users };
      writeUsers({ token, users }, ++this.#renewals);
      this.#certificates.makeServer();
      await delay(RENEW_MS, { signal }).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

interface TownParts {
  readonly token: string;
  readonly users: string;
  readonly stack: AsyncDisposableStack;
  readonly certificates: TestCertificates;
}

function describeBrokers(
  { users, certificates }: TownParts,
  directory: string,
): [string, PartialSettings][] {
  const { certificateFile: certificate, keyFile: key } = certificates.makeServer();
  return [
    ["secure", {
      users,
      tls: { certificate, key },
      http: { port: 0 },
      storage: { engine: "journal", directory: `${directory}/secure` },
    }],
    ["mortal", {
      storage: { engine: "journal", directory: `${directory}/mortal`, memoryLimit: "1MiB" },
    }],
    ["light", {
      users,
      http: { port: 0 },
      storage: { engine: "memory", memoryLimit: "64MiB" },
      limits: { outboundBytes: "64KiB", unacknowledgedMessages: 256 },
    }],
  ];
}

/** Writes the file of users: one who may do everything, and guests who come and go. */
function writeUsers(
  { token, users }: Pick<TownParts, "token" | "users">,
  renewals: number,
): void {
  const created = new Date(Date.now() - 1000).toISOString();
  const user = (name: string, hash: string, permissions: string) =>
    `  ${name}:
    tokens: [{ sha256: "${hash}", created: ${created} }]
    permissions: { ${permissions} }
`;
  const guests = Array.from(
    { length: renewals % 4 },
    (_, index) =>
      user(`guest${renewals}.${index}`, hashToken(createToken()), `publish: ["guest.*"]`),
  );
  const strangers = ["publish", "follow", "manage"].map((verb) => `  ${verb}: ${STRANGERS}\n`);
  const text = `users:\n${user("visitor", hashToken(token), "admin: true")}${guests.join("")}` +
    `anonymous:\n${strangers.join("")}`;
  Deno.writeTextFileSync(`${users}.new`, text, { mode: 0o600 });
  Deno.renameSync(`${users}.new`, users);
}
