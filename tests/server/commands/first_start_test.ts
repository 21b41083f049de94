/**
 * From nothing to a broker with TLS and one application, by commands alone; and what commands change
 * while it runs.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect } from "../../../client.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { runTyped } from "../../support/commands/typed.ts";
import { TestDirectory } from "../../support/disk/journals.ts";

/** Nothing in a test that passes waits for so long, in milliseconds. */
const PATIENCE_MS = 20_000;

/** A directory in which commands are run. */
class Place {
  readonly path: string;
  /** The lines that the commands have written to standard error. */
  readonly lines: string[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** Runs a command, as one typed beside the broker; resolves to its output. */
  async run(...args: string[]): Promise<string> {
    const ended = await runTyped(args, { env: this.env });
    assertEquals(ended.code, 0, ended.lines.join("\n"));
    this.lines.push(...ended.lines);
    return ended.stdout;
  }

  /** Starts the broker with what the commands have made. */
  listen(...flags: string[]): Promise<BrokerProcess> {
    const tls = ["certificate", `${this.path}/server.pem`, "key", `${this.path}/server-key.pem`];
    return BrokerProcess.listen(
      ["--host", "127.0.0.1", "--storage-directory", `${this.path}/data`]
        .concat(["--tls-certificate", tls[1]!, "--tls-key", tls[3]!], flags),
      { env: this.env },
    );
  }

  read(name: string): Promise<string> {
    return Deno.readTextFile(`${this.path}/${name}`);
  }

  get env(): Record<string, string> {
    return { SIMPLEMQ_USERS: `${this.path}/users.yaml` };
  }
}

/** The id of the first token that has been used, as soon as the broker has noted that. */
async function findUsedToken(place: Place): Promise<string> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    const { users: [user] } = JSON.parse(await place.run("user", "ls", "--json"));
    const used = user.tokens.find((token: { last_used?: string }) => token.last_used !== undefined);
    if (used !== undefined) return used.id;
  }
  throw new Error("no use of a token was noted");
}

Deno.test("three commands: a certificate, a user, and a broker that takes only that user in", async () => {
  await using directory = await TestDirectory.create();
  const place = new Place(directory.path);
  await place.run("cert", "--directory", place.path);
  const flags = ["--publish", "orders", "--manage", "orders", "--print"];
  const token = (await place.run("user", "add", "app", ...flags)).trim();
  await using broker = await place.listen();
  const ca = await place.read("ca.pem");
  const server = { hostname: "127.0.0.1", port: broker.port, tls: { ca } };

  await using connection = await connect({ ...server, token });
  await connection.cursor().createStream("orders");
  await connection.publisher("orders").sendMessage("hello");
  const refused = await assertRejects(() => connect({ ...server, token: `smq_${"A".repeat(43)}` }));
  assertEquals((refused as { code?: string }).code, "UNAUTHORIZED");
  const forbidden = connection.follower("orders").getMessages().next();
  assertEquals((await assertRejects(() => forbidden) as { code?: string }).code, "FORBIDDEN");

  // A new token, then the old one is taken away: its session ends, and the other one is taken in.
  const other = (await place.run("user", "rotate", "app", "--print")).trim();
  await place.run("user", "rm", "app", "--token", await findUsedToken(place));
  const started = performance.now();
  const { error } = await deadline(connection.closed, PATIENCE_MS);
  assertEquals((error as { code?: string }).code, "UNAUTHORIZED");
  // deno-lint-ignore no-console
  console.log(`the session ended ${Math.round(performance.now() - started)} ms after the command`);
  await using next = await connect({ ...server, token: other });
  await next.publisher("orders").sendMessage("again");
  await next.close();
  const said = [...broker.lines, ...place.lines].join("\n");
  assert(!said.includes(token) && !said.includes(other) && !said.includes("PRIVATE KEY"));
});

Deno.test("a client's certificate that a command has made is taken for its user", async () => {
  await using directory = await TestDirectory.create();
  const place = new Place(directory.path);
  await place.run("cert", "--directory", place.path);
  await place.run("cert", "--directory", place.path, "--client", "app");
  await place.run("user", "add", "orders", "--certificate", "app", "--no-token", "--admin");
  await using broker = await place.listen(
    ...["--tls-client-ca", `${place.path}/ca.pem`, "--tls-client-certificates", "optional"],
  );
  const [ca, cert, key] = await Promise.all(
    ["ca.pem", "client-app.pem", "client-app-key.pem"].map((name) => place.read(name)),
  );
  const server = { hostname: "127.0.0.1", port: broker.port };
  await using connection = await connect({ ...server, tls: { ca: ca!, cert: cert!, key: key! } });
  assertEquals(connection.broker?.user, "orders");
  const refused = await assertRejects(() => connect({ ...server, tls: { ca: ca! } }), Error);
  assertStringIncludes(refused.message, "Cannot log in");
  await connection.close();
});
