import { randomBytes } from "node:crypto";
import { Authority } from "../../src/server/certificates/authority.ts";
import { type Door, HOSTNAME } from "../harness/broker_process.ts";
import { makeWorkspace, type Workspace } from "../harness/process/workspace.ts";

/** The name of a door in tables. */
export type DoorName = "plain" | "users" | "TLS" | "TLS, users";

/** A door with its name. */
export interface NamedDoor extends Door {
  readonly name: DoorName;
  /** The authority of the broker's certificate, if it has one. */
  readonly ca?: string;
}

/** The user of the benches: one as applications are, who may not do everything. */
export const USER = "bench";

/** What the user has to do with: the streams of the benches, and no others. */
const STREAMS = "bench-*";

/** A day is enough for a bench, in milliseconds. */
const VALID_MS = 86_400_000;

/** A certificate and a user for benches, in files that go afterwards, and the doors made of them. */
export class Gate implements AsyncDisposable {
  readonly #workspace: Workspace;
  readonly #doors: ReadonlyMap<DoorName, NamedDoor>;

  private constructor(workspace: Workspace, doors: readonly NamedDoor[]) {
    this.#workspace = workspace;
    this.#doors = new Map(doors.map((door) => [door.name, door]));
  }

  /**
   * Makes the certificate and the user.
   *
   * @param parent Where to put their files, if not here.
   * @param names The doors to have; all if they are not named.
   */
  static async open(parent?: string, names?: readonly DoorName[]): Promise<Gate> {
    const workspace = await makeWorkspace(parent);
    const { directory } = workspace;
    const ca = await writeCertificate(directory);
    const token = await writeUsers(directory);
    const users = ["--users", `${directory}/users.yaml`];
    const tls = ["--tls-certificate", `${directory}/broker.pem`]
      .concat("--tls-key", `${directory}/broker.key`);
    const doors: NamedDoor[] = [
      { name: "plain", flags: [], options: {} },
      { name: "users", flags: users, options: { token } },
      { name: "TLS", flags: tls, options: { tls: { ca } }, ca },
      { name: "TLS, users", flags: [...users, ...tls], options: { token, tls: { ca } }, ca },
    ];
    return new Gate(workspace, doors.filter(({ name }) => names?.includes(name) ?? true));
  }

  /** Doors by their names, in that order; those that it does not have are left out. */
  find(...names: readonly DoorName[]): NamedDoor[] {
    return names.flatMap((name) => this.#doors.get(name) ?? []);
  }

  /** Removes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workspace[Symbol.asyncDispose]();
  }
}

/** Makes a certificate for this machine's own address; returns the one of its authority. */
async function writeCertificate(directory: string): Promise<string> {
  const now = Date.now();
  const validity = { from: new Date(now - VALID_MS), until: new Date(now + VALID_MS) };
  const authority = Authority.create("SimpleMQ bench", validity);
  const { certificate, key } = authority.makeServer([HOSTNAME], validity);
  await Deno.writeTextFile(`${directory}/broker.pem`, certificate);
  await Deno.writeTextFile(`${directory}/broker.key`, key, { mode: 0o600 });
  return authority.certificate;
}

/** Writes a file with one user; returns the user's token. */
async function writeUsers(directory: string): Promise<string> {
  const token = makeToken();
  const bytes = new TextEncoder().encode(token);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const verbs = ["inspect", "publish", "follow", "manage"].map((verb) => `${verb}: ["${STREAMS}"]`);
  const text = `users:
  ${USER}:
    tokens: [{ sha256: "${hash}" }]
    permissions: { ${verbs.join(", ")} }
`;
  await Deno.writeTextFile(`${directory}/users.yaml`, text, { mode: 0o600 });
  return token;
}

/** Makes a token; a broker that has no hash of it refuses it. */
export function makeToken(): string {
  return `smq_${randomBytes(32).toString("base64url")}`;
}
