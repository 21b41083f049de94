import {
  connect,
  credsAuthenticator,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import { useSafeSockets } from "./nats_sockets.ts";

/** What a broker shows to the nodes, and what it knows them by. Texts of files, not their names. */
export interface NatsSecrets {
  /** A file of credentials, as `nsc` makes them. */
  readonly credentials?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** TLS in PEM: the authorities of the nodes' certificates, and the broker's own certificate. */
  readonly tls?: {
    readonly ca?: string | undefined;
    readonly certificate?: string | undefined;
    readonly key?: string | undefined;
  } | undefined;
}

/** How to reach a node. */
export interface NatsLinkPlan {
  /** `host:port`. */
  readonly address: string;
  /** The name of this side, for people who look at the nodes' connections. */
  readonly name: string;
  readonly secrets: NatsSecrets;
  /** How long a node may take to let us in, and how long it may be silent later, in milliseconds. */
  readonly silenceMs: number;
}

/** Takes one answer; says whether it was the last one. */
export type TakeAnswer = (answer: Msg) => boolean;

/** A question that waits for its answers. */
interface Waiting {
  readonly take: TakeAnswer;
  readonly fail: (error: Error) => void;
}

/** So many looks at a silent node in the time that it may be silent. */
const LOOKS = 4;

/**
 * A connection to one node, until it breaks: it never goes elsewhere by itself. Whatever waits for an answer
 * then fails at once. Questions and answers go through an inbox of its own.
 */
export class NatsLink {
  readonly address: string;
  readonly closed: Promise<void>;
  readonly #connection: NatsConnection;
  readonly #inbox = `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
  readonly #waiting = new Map<string, Waiting>();
  #idle: (() => void)[] = [];
  #questions = 0;
  #isClosed = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(connection: NatsConnection, { address, silenceMs }: NatsLinkPlan) {
    this.#connection = connection;
    this.address = address;
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#answer(message);
      },
    });
    this.closed = connection.closed().then((error) => this.#end(error ?? undefined));
    this.#watch(silenceMs);
  }

  /** Connects to a node; rejects if it does not let us in. */
  static async open(plan: NatsLinkPlan): Promise<NatsLink> {
    useSafeSockets();
    const connection = await connect({
      servers: [plan.address],
      name: plan.name,
      timeout: plan.silenceMs,
      reconnect: false,
      ignoreClusterUpdates: true,
      // Ours are more exact: they also end a connection whose buffers are full.
      pingInterval: 3_600_000,
      ...formatSecrets(plan.secrets),
    });
    return new NatsLink(connection, plan);
  }

  /** The name of the node. */
  get node(): string {
    return this.#connection.info?.server_name ?? "";
  }

  get version(): string {
    return this.#connection.info?.version ?? "";
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the node is about to end, and asks everybody to leave. */
  get isLeaving(): boolean {
    return this.#connection.info?.ldm === true;
  }

  /** The most bytes of a message that the node takes. */
  get bytesMax(): number {
    return this.#connection.info?.max_payload ?? 0;
  }

  /** Tells somebody something, if the connection is there. */
  publish(subject: string, payload: Uint8Array | string): void {
    if (!this.#isClosed && !this.#connection.isClosed()) this.#connection.publish(subject, payload);
  }

  /**
   * Hears what is told; the handler must not throw. Returns how to stop that. A connection that is lost
   * tells nothing: whoever hears learns of the loss as of any other.
   */
  subscribe(subject: string, hear: (message: Msg) => void): () => void {
    if (this.#isClosed || this.#connection.isClosed()) return () => {};
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) hear(message);
      },
    });
    return () => {
      if (!this.#isClosed) subscription.unsubscribe();
    };
  }

  /**
   * Asks something. Rejects if the connection breaks, or after a time without an answer.
   *
   * @param what What is asked for, in messages: `append to the log`.
   * @param take Takes the answers; must not throw.
   */
  ask(
    { subject, payload, headers, what, silenceMs, take }: {
      readonly subject: string;
      readonly payload: Uint8Array | string;
      readonly headers?: MsgHdrs;
      readonly what: string;
      readonly silenceMs: number;
      readonly take: TakeAnswer;
    },
  ): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#lose(what));
    const id = String(++this.#questions);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = () => {
      this.#forget(id);
      const why = `the node ${this.node} has not answered within ${silenceMs} ms`;
      reject(new Error(`Cannot ${what}: ${why}`));
    };
    let timer = setTimeout(late, silenceMs);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      this.#forget(id);
      settle();
    };
    this.#waiting.set(id, {
      take: (answer) => {
        if (take(answer)) end(resolve);
        else {
          clearTimeout(timer);
          timer = setTimeout(late, silenceMs);
        }
        return true;
      },
      fail: () => end(() => reject(this.#lose(what))),
    });
    const reply = `${this.#inbox}.${id}`;
    try {
      this.#connection.publish(subject, payload, headers ? { reply, headers } : { reply });
    } catch (error) {
      end(() => reject(error));
    }
    return promise;
  }

  /** Resolves when nothing waits for an answer. */
  whenIdle(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    return promise;
  }

  /** Ends the connection, at once. */
  close(): void {
    this.#end();
    void this.#connection.close().catch(() => {});
  }

  #answer(message: Msg): void {
    this.#waiting.get(message.subject.slice(this.#inbox.length + 1))?.take(message);
  }

  #forget(id: string): void {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) { for (const resolve of this.#idle.splice(0)) resolve(); }
  }

  #lose(what: string): Error {
    return new Error(`Cannot ${what}: the connection to the node at ${this.address} is lost`);
  }

  #end(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    const cause = error ?? new Error("the connection is closed");
    for (const { fail } of [...this.#waiting.values()]) fail(cause);
  }

  /** Ends the connection when the node says nothing: it may be paused, and its socket open. */
  #watch(silenceMs: number): void {
    let silent = 0;
    this.#timer = setInterval(() => {
      if (++silent > LOOKS) return this.close();
      this.#connection.flush().then(() => silent = 0, () => {});
    }, silenceMs / LOOKS);
  }
}

function formatSecrets(secrets: NatsSecrets): NodeConnectionOptions {
  const { credentials, user, password, token, tls } = secrets;
  const { ca, certificate, key } = tls ?? {};
  return {
    ...credentials !== undefined &&
      { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) },
    ...user !== undefined && { user, pass: password ?? "" },
    ...token !== undefined && { token },
    ...tls !== undefined && {
      tls: {
        ...ca !== undefined && { ca },
        ...certificate !== undefined && { cert: certificate },
        ...key !== undefined && { key },
      },
    },
  };
}
