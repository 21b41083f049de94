import { NatsLink, type NatsLinkPlan, type NatsSecrets } from "./nats_link.ts";

/** The oldest version of NATS whose streams keep what a log promises. */
const VERSION_MIN = [2, 14] as const;

/** So long between two rounds over nodes none of which lets us in, in milliseconds. */
const PAUSE_MS = 250;

/** So often that is said in the log, in milliseconds. */
const SAY_MS = 10_000;

/** A node that will not let us in, however long we wait. */
export class NatsRefusal extends Error {
  override readonly name = "NatsRefusal";
}

/** Which nodes there are, and how to reach them. */
export interface NatsNodesOptions extends Pick<NatsLinkPlan, "name" | "silenceMs"> {
  readonly addresses: readonly string[];
  /** The most bytes of a message: a node has to take so many. */
  readonly bytesMin: number;
  /** Reads files again for each connection: they may have been renewed. */
  readonly readSecrets: () => Promise<NatsSecrets>;
  readonly report: (level: "info" | "warning", message: string) => void;
  /** Hears of each new connection, before anybody else uses it. */
  readonly linked: (link: NatsLink) => void;
}

/** Keeps a connection to one of the nodes. */
export class NatsNodes {
  readonly #options: NatsNodesOptions;
  /** The addresses of nodes, by their names. */
  readonly #known = new Map<string, string>();
  #link: NatsLink | undefined;
  #wakes: (() => void)[] = [];
  /** Which address is tried next. */
  #turn: number;
  #keeping: Promise<void> | undefined;
  #isMoving = false;
  #isClosed = false;

  constructor(options: NatsNodesOptions) {
    this.#options = options;
    this.#turn = Math.floor(Math.random() * options.addresses.length);
  }

  /** Connects to one of the nodes, however long that takes; then keeps it so. */
  async open(): Promise<void> {
    this.#use(await this.#dial(true));
    this.#keeping = this.#keep();
  }

  /** The connection, if there is one that may be used now. */
  get link(): NatsLink | undefined {
    return this.#isMoving || this.#link?.isClosed ? undefined : this.#link;
  }

  /** Resolves to the connection, as soon as there is one; rejects after a time. */
  async use(what: string, withinMs: number): Promise<NatsLink> {
    const until = performance.now() + withinMs;
    while (this.link === undefined) {
      const left = until - performance.now();
      if (this.#isClosed) throw new Error(`Cannot ${what}: the log is closed`);
      if (left <= 0) throw new Error(`Cannot ${what}: no node of NATS can be reached`);
      await this.#wait(left);
    }
    return this.link;
  }

  /** Leaves the node for another one; resolves when there is a connection, or after a time. */
  async change(withinMs: number): Promise<void> {
    const left = this.#link;
    left?.close();
    // With one node only, it is the same one, by another connection.
    await this.use("leave a node", withinMs).catch(() => {});
  }

  /** Goes to the node with this name, if its address is known or can be found; what is under way is waited for. */
  async prefer(node: string): Promise<void> {
    const old = this.#link;
    if (this.#isMoving || old === undefined || old.isClosed || old.node === node) return;
    const known = this.#known.get(node);
    const named = new Set(this.#known.values());
    const addresses = known === undefined
      ? this.#options.addresses.filter((address) => !named.has(address))
      : [known];
    for (const address of addresses) {
      const link = await this.#try(address).catch(() => undefined);
      if (link === undefined) continue;
      if (link.node === node && this.#link === old) return await this.#move(old, link);
      link.close();
    }
  }

  /** Leaves; resolves when no attempt to connect is under way any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#link?.close();
    this.#wake();
    await this.#keeping;
  }

  /** Waits until nothing is under way: an answer must not be lost for a shorter way. */
  async #move(old: NatsLink, link: NatsLink): Promise<void> {
    this.#isMoving = true;
    // A question may have no answer for long, and nobody else can ask anything meanwhile.
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, this.#options.silenceMs);
    await Promise.race([old.whenIdle(), over.promise]);
    clearTimeout(timer);
    this.#isMoving = false;
    // It may have been lost meanwhile, and replaced.
    if (this.#isClosed || this.#link !== old) return link.close();
    try {
      this.#use(link);
    } finally {
      // Otherwise it would be kept, and this one, which may be lost already, never replaced.
      old.close();
    }
  }

  async #keep(): Promise<void> {
    while (!this.#isClosed) {
      const link = this.#link!;
      await this.#whenUseless(link);
      if (this.#isClosed) return;
      if (this.#link !== link) continue;
      this.#turn = this.#options.addresses.indexOf(link.address) + 1;
      const next = await this.#dial(false).catch(() => undefined);
      if (next === undefined) return;
      if (this.#link !== link) next.close();
      else await this.#move(link, next);
    }
  }

  /** Resolves when a connection is lost, or its node is about to end. */
  async #whenUseless(link: NatsLink): Promise<void> {
    const looks = Promise.withResolvers<void>();
    const timer = setInterval(() => {
      if (link.isLeaving || link.isClosed) looks.resolve();
    }, this.#options.silenceMs / 4);
    await Promise.race([link.closed, looks.promise]);
    clearInterval(timer);
  }

  #use(link: NatsLink): void {
    this.#link = link;
    this.#options.linked(link);
    this.#wake();
  }

  /** Tries all addresses in turn, again and again, until one lets us in. */
  async #dial(isFirst: boolean): Promise<NatsLink> {
    let saidAt = -Infinity;
    for (;;) {
      const faults: Error[] = [];
      for (let tries = 0; tries < this.#options.addresses.length; tries++) {
        const address = this.#options.addresses[this.#turn++ % this.#options.addresses.length]!;
        if (this.#isClosed) throw new Error("Cannot connect to NATS: the log is closed");
        try {
          return await this.#try(address);
        } catch (error) {
          faults.push(error instanceof Error ? error : new Error(String(error)));
        }
      }
      const refusal = faults.find((fault) => fault instanceof NatsRefusal);
      if (isFirst && refusal !== undefined) throw refusal;
      if (performance.now() - saidAt >= SAY_MS) {
        saidAt = performance.now();
        const why = [...new Set(faults.map(({ message }) => message))].join("; ");
        this.#options.report("warning", `no node of NATS can be used, trying on: ${why}`);
      }
      await this.#wait(PAUSE_MS);
    }
  }

  async #try(address: string): Promise<NatsLink> {
    const { name, silenceMs, readSecrets } = this.#options;
    const secrets = await readSecrets();
    let link: NatsLink;
    try {
      link = await NatsLink.open({ address, name, secrets, silenceMs });
    } catch (error) {
      throw explainRefusal(address, error, secrets.tls !== undefined);
    }
    // A link that is closed tells neither.
    const { version, bytesMax } = link;
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major < VERSION_MIN[0] || major === VERSION_MIN[0] && minor < VERSION_MIN[1]) {
      link.close();
      throw new NatsRefusal(
        `Cannot use the node of NATS at ${address}: its version is ${version}, which does not ` +
          `keep writers apart; allowed ${VERSION_MIN.join(".")} or later`,
      );
    }
    if (bytesMax < this.#options.bytesMin) {
      link.close();
      throw new NatsRefusal(
        `Cannot use the node of NATS at ${address}: it takes messages up to ${bytesMax} bytes; allowed a ` +
          `"max_payload" of at least ${this.#options.bytesMin}, or a smaller "cluster.record_bytes"`,
      );
    }
    this.#known.set(link.node, address);
    return link;
  }

  /** Waits for a connection, the end, or a time. */
  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wakes.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }
}

/** What waiting does not help against; where it does, what is wrong. */
function explainRefusal(address: string, error: unknown, hasTls: boolean): Error {
  const text = error instanceof Error ? error.message || error.name : String(error);
  const found = `${text} ${error instanceof Error && error.cause ? error.cause : ""}`;
  // The node's word on our certificate comes when we have written already, or not at all.
  const isCut = hasTls && /\b(EPIPE|EPERM)\b/.test(found);
  if (/authorization|authentication/i.test(found)) {
    return new NatsRefusal(
      `Cannot log in at the node of NATS at ${address}: ${text}; allowed what the node's ` +
        `configuration knows, by "cluster.credentials", "cluster.user" or "cluster.nats_token_file"`,
      { cause: error },
    );
  }
  if (isCut || /certificate|tls|handshake|UnknownIssuer|ssl/i.test(found)) {
    return new NatsRefusal(
      `Cannot use TLS with the node of NATS at ${address}: ${text}; allowed a node whose ` +
        `certificate is signed by "cluster.tls_ca", and that accepts "cluster.tls_certificate"`,
      { cause: error },
    );
  }
  return new Error(`${address}: ${text}`, { cause: error });
}
