import { request } from "node:http";
import { BrokerProcess, type EngineName, HOSTNAME } from "../harness/broker_process.ts";
import { makeWorkspace, type Workspace } from "../harness/process/workspace.ts";
import { hashPassword } from "../../src/server/access/users/password.ts";
import { createToken, hashToken } from "../../src/server/access/users/token.ts";

/** Who logs in on the page. */
const USER = "bench";
const PASSWORD = "kettle orbit maple";

/** An answer over HTTP. */
interface Answer {
  readonly status: number;
  readonly cookie: string | undefined;
}

/** A broker with a page, and a user with a password. */
export class PageBroker implements AsyncDisposable {
  readonly broker: BrokerProcess;
  readonly #workspace: Workspace;
  readonly #port: number;

  private constructor(broker: BrokerProcess, workspace: Workspace, port: number) {
    this.broker = broker;
    this.#workspace = workspace;
    this.#port = port;
  }

  static async start(engine: EngineName): Promise<PageBroker> {
    const workspace = await makeWorkspace();
    const token = createToken();
    const users = `${workspace.directory}/users.yaml`;
    const text = `users:\n  ${USER}:\n    tokens: [{ sha256: "${hashToken(token)}" }]\n` +
      `    password: ${await hashPassword(PASSWORD)}\n    permissions: { admin: true }\n`;
    await Deno.writeTextFile(users, text, { mode: 0o600 });
    const port = findPort();
    const flags = ["--users", users, "--http-host", HOSTNAME, "--http-port", String(port)];
    const broker = await BrokerProcess.start(engine, undefined, {}, { flags, options: { token } });
    return new PageBroker(broker, workspace, port);
  }

  /** The port of the page. */
  get httpPort(): number {
    return this.#port;
  }

  /** Opens a tab: it reads the live feed, and asks for the list of streams each second. */
  async openTab(): Promise<() => void> {
    const { cookie } = await logIn(this.#port, HOSTNAME);
    const headers = { cookie: cookie!, host: `${HOSTNAME}:${this.#port}` };
    const feed = request({ host: HOSTNAME, port: this.#port, path: "/api/live", headers });
    feed.on("response", (response) => response.resume());
    feed.end();
    const timer = setInterval(() => {
      ask(this.#port, "GET", "/api/streams?sort=ready&order=desc", HOSTNAME, "", cookie).catch(
        () => {},
      );
    }, 1000);
    return () => {
      clearInterval(timer);
      feed.destroy();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
    await this.#workspace[Symbol.asyncDispose]();
  }
}

/** A port that is free now. */
function findPort(): number {
  using listener = Deno.listen({ hostname: HOSTNAME, port: 0 });
  return listener.addr.port;
}

/** Logs in from an address of this machine; returns the status, and the cookie. */
export function logIn(port: number, localAddress: string): Promise<Answer> {
  const body = JSON.stringify({ user: USER, password: PASSWORD });
  return ask(port, "POST", "/api/login", localAddress, body);
}

function ask(
  port: number,
  method: string,
  path: string,
  localAddress: string,
  body: string,
  cookie?: string,
): Promise<Answer> {
  const host = `${HOSTNAME}:${port}`;
  const headers = {
    host,
    origin: `http://${host}`,
    "content-type": "application/json",
    "content-length": String(body.length),
    ...cookie !== undefined && { cookie },
  };
  const target = { host: HOSTNAME, port: port, localAddress, method, path, headers };
  return new Promise((resolve, reject) => {
    const asking = request(target, (response) => {
      const [set] = response.headers["set-cookie"] ?? [];
      response.resume().on(
        "end",
        () => resolve({ status: response.statusCode ?? 0, cookie: set?.split(";")[0] }),
      );
    });
    asking.on("error", reject);
    asking.end(method === "GET" ? undefined : body);
  });
}
