/**
 * Users of a broker that is attacked: one who works there, and strangers who may do little.
 *
 * @module
 */

import { createToken, hashToken } from "../../../src/server/access/users/token.ts";

/** The streams that strangers may do everything with. */
const STRANGERS_STREAMS = ["a", "a.*", "b", "b.*", "orders", "orders.*", "x", "x.*"];

/** A file of users, in a directory of its own. */
export class Town implements AsyncDisposable {
  readonly #directory: string;
  /** The token of the one who works there. */
  readonly token: string;
  /** The path of the file. */
  readonly users: string;

  private constructor(directory: string, token: string) {
    this.#directory = directory;
    this.token = token;
    this.users = `${directory}/users.yaml`;
  }

  static async open(): Promise<Town> {
    const town = new Town(await Deno.makeTempDir({ prefix: "attack-" }), createToken());
    const streams = JSON.stringify(STRANGERS_STREAMS);
    const created = new Date(Date.now() - 1000).toISOString();
    const text = `users:
  worker:
    tokens:
      - sha256: ${hashToken(town.token)}
        created: ${created}
    permissions: { publish: [pulse], follow: [pulse], manage: [pulse] }
anonymous:
  publish: ${streams}
  follow: ${streams}
  manage: ${streams}
`;
    await Deno.writeTextFile(town.users, text, { mode: 0o600 });
    return town;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}
