/**
 * The brokers that the programs meet.
 *
 * @module
 */

import { type BrokerServer, type PartialSettings, serve } from "../../server.ts";
import { createToken, hashToken } from "../../src/server/access/users/token.ts";
import { RestartingBroker } from "../crash/restarting_broker.ts";
import { TestCertificates } from "../support/certificates/test_certificates.ts";
import { Random } from "../support/random.ts";

/** The arguments of programs, by their names. */
export type Arguments = Readonly<Record<"smoke" | "reconnect" | "encrypted" | "traced", object>>;

/** Brokers of all kinds: one is a process and can be killed. */
export class Scene implements AsyncDisposable {
  readonly broker: RestartingBroker;
  readonly arguments: Arguments;
  readonly #open: AsyncDisposableStack;

  private constructor(broker: RestartingBroker, args: Arguments, open: AsyncDisposableStack) {
    this.broker = broker;
    this.arguments = args;
    this.#open = open;
  }

  static async start(): Promise<Scene> {
    await using open = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir();
    open.defer(() => Deno.remove(directory, { recursive: true }));
    const random = new Random(Date.now());
    const journal = `${directory}/data`;
    await Deno.mkdir(journal);
    const broker = await RestartingBroker.start({ directory: journal, random });
    open.use(broker);
    const start = async (settings: PartialSettings): Promise<BrokerServer> => {
      const rest = { port: 0, logLevel: "error", storage: { engine: "memory" } } as const;
      return open.use(await serve({ ...rest, ...settings }));
    };
    const token = createToken();
    const users = `${directory}/users.yaml`;
    const hash = await hashToken(token);
    const permissions = "permissions: { publish: ['*'] }";
    await Deno.writeTextFile(
      users,
      `users: { shop: { tokens: [{ sha256: ${hash} }], ${permissions} } }`,
    );
    const guarded = await start({ users });
    const made = new TestCertificates();
    open.defer(() => made[Symbol.dispose]());
    const { certificateFile: certificate, keyFile: key } = made.makeServer();
    const other = made.makeServer({ names: ["other.example"], file: "other" });
    const client = made.makeClient("app");
    const tls = { certificate, key };
    const encrypted = await start({ tls });
    const clientCertificates = "required" as const;
    const strict = await start({ tls: { ...tls, clientCa: made.caFile, clientCertificates } });
    const foreign = await start({
      tls: { certificate: other.certificateFile, key: other.keyFile },
    });
    const { port } = broker;
    const args: Arguments = {
      smoke: { port, guardedPort: guarded.port, token },
      reconnect: { port },
      traced: { port },
      encrypted: {
        port: encrypted.port,
        strictPort: strict.port,
        otherPort: foreign.port,
        ca: made.ca,
        cert: client.certificate,
        key: client.key,
      },
    };
    return new Scene(broker, args, open.move());
  }

  /** Kills the broker that is a process, and starts it again. */
  async killBroker(): Promise<void> {
    await this.broker.kill();
    await this.broker.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }
}
