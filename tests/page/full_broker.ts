/**
 * A broker as a process, with a page, streams, messages of every kind, followers and dead letters.
 *
 * @module
 */

import { connect, type Connection } from "../../client.ts";
import { hashPassword } from "../../src/server/access/users/password.ts";
import { BrokerProcess } from "../support/broker/broker_process.ts";

/** The password of the user `root`. */
export const PASSWORD = "harbour violet seventeen kettle";

/** The token of everybody in the file of users. */
export const TOKENS = {
  root: `smq_${"r".repeat(43)}`,
  ines: `smq_${"i".repeat(43)}`,
};

/** A name that fits on no phone. */
export const LONG_NAME: string = "a.very_long-name.".repeat(7) + "end";

/** What a body must not become: a part of the page. */
export const SCRIPT_BODY =
  `<img src=x onerror="document.title='broken in'"><script>alert(1)</script>`;

/** Starts a broker with a page; returns it with the page's address. */
export async function startBroker(args: readonly string[] = []): Promise<PageBroker> {
  const process = await BrokerProcess.listen(["--http-port", "0", ...args], {
    env: { SIMPLEMQ_HTTP: "true" },
  });
  return new PageBroker(process);
}

/** Starts a broker with users: `root` may do everything, `ines` may only look at `mail*`. */
export async function startGuardedBroker(
  directory: string,
  args: readonly string[] = [],
  anonymous = "",
): Promise<PageBroker> {
  const path = `${directory}/users.yaml`;
  await Deno.writeTextFile(
    path,
    `users:
  root:
    password: ${await hashPassword(PASSWORD)}
    tokens: [{ sha256: ${await hash(TOKENS.root)} }]
    permissions: { admin: true, metrics: true, inspect: ["*"], publish: ["*"], follow: ["*"], manage: ["*"] }
  ines:
    tokens: [{ sha256: ${await hash(TOKENS.ines)} }]
    permissions: { inspect: ["mail*"] }
${anonymous}`,
    { mode: 0o600 },
  );
  return await startBroker(["--users", path, ...args]);
}

async function hash(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
    .toHex();
}

/** A running broker and the addresses of its ports. */
export class PageBroker implements AsyncDisposable {
  readonly process: BrokerProcess;

  constructor(process: BrokerProcess) {
    this.process = process;
  }

  get httpPort(): number {
    const line = this.process.lines.find((line) => line.includes("is listening")) ?? "";
    return Number(/http=\S+:(\d+)/.exec(line)?.[1]);
  }

  get address(): string {
    return `http://localhost:${this.httpPort}`;
  }

  connect(token?: string): Promise<Connection> {
    const { port } = this.process;
    return connect({ port, ...(token === undefined ? {} : { token }), name: "seeds" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** Fills a broker. What it returns holds messages until it is closed. */
export async function seed(broker: PageBroker, token?: string): Promise<Connection> {
  const connection = await broker.connect(token);
  const cursor = connection.cursor();
  await cursor.createStream("mail", { maxDeliveries: 5, maxMessages: 100_000 });
  for (const name of ["orders.created", "orders.paid", "thumbnails", "audit", LONG_NAME]) {
    await cursor.createStream(name);
  }
  await cursor.pauseStream("thumbnails");
  await publishMail(connection);
  await connection.publisher("orders.created").sendMessages(
    Array.from({ length: 400 }, (_, index) => ({ order: index, total: index * 3.5 })),
  );
  await connection.publisher("thumbnails").sendMessages(["one", "two"]);
  await failSome(connection);
  await breakMails(connection);
  await scheduleReports(connection);
  return connection;
}

async function publishMail(connection: Connection): Promise<void> {
  const publisher = connection.publisher("mail");
  for (let index = 0; index < 40; index += 1) {
    const body = { to: `user${index}@example.org`, template: "welcome", values: { amount: index } };
    const headers = { "content-type": "application/json", trace: `t-${index}` };
    publisher.sendMessage(body, { headers, key: `customer-${index % 7}` }).catch(() => {});
  }
  await publisher.flush();
  await publisher.sendMessage(SCRIPT_BODY, { priority: 3 });
  await publisher.sendMessage(Uint8Array.of(0, 1, 2, 250, 251, 65, 66), { ttlMs: 3_600_000 });
  await publisher.sendMessage("later", { delayMs: 3_600_000, dedupId: "later-1" });
}

/** Rejects some messages, and leaves others in hand. */
async function failSome(connection: Connection): Promise<void> {
  const follower = connection.follower("mail", { name: "mailer-1", prefetch: 6 });
  let seen = 0;
  const messages = follower.getMessages()[Symbol.asyncIterator]();
  while (seen < 14) {
    const { value } = await messages.next();
    seen += 1;
    if (seen > 12) continue;
    if (seen % 3 === 0) await value.ack({ confirm: true });
    else {await value.reject(seen % 2 === 0 ? "550 no such user <x@y>" : "mailbox full", {
        confirm: true,
      });}
  }
}

/** Opens the breaker of a stream: the service of its followers is down. */
async function breakMails(connection: Connection): Promise<void> {
  const breaker = { failures: 2, openMs: 3_600_000 };
  const laneLimits = { maxPending: 2, rate: { count: 10, perMs: 1000 } };
  await connection.cursor().createStream("calls", { breaker, laneLimits });
  const publisher = connection.publisher("calls");
  for (const [lane, count] of [["acme", 30], ["brown & sons", 7], ["initech", 1]] as const) {
    const bodies = Array.from({ length: count }, (_, index) => ({ lane, index }));
    await publisher.sendMessages(bodies, { lane });
  }
  let count = 0;
  for await (const message of connection.follower("calls", { name: "caller" }).getMessages()) {
    await message.nack({ reason: "503 from the provider", fault: "downstream" });
    if (++count === 2) break;
  }
}

/** Makes schedules of every state: one runs, one is paused, one has no room for its message. */
async function scheduleReports(connection: Connection): Promise<void> {
  const cursor = connection.cursor();
  await cursor.createStream("reports", { maxMessages: 1 });
  await cursor.putSchedule("nightly-report", {
    stream: "audit",
    body: { kind: "daily" },
    cron: "30 3 * * MON-FRI",
    timeZone: "Europe/Berlin",
    jitterMs: 60_000,
    overlap: "allow",
    limit: 1000,
  });
  await cursor.putSchedule("poll", { stream: "orders.paid", body: "poll", everyMs: 300_000 });
  await cursor.pauseSchedule("poll");
  await connection.publisher("reports").sendMessage("the only one");
  await cursor.putSchedule("monthly", {
    stream: "reports",
    body: "report",
    everyMs: 2_592_000_000,
    now: true,
  });
}
