import type { PeerPublisher } from "../../harness/peer_client.ts";
import type { Connection } from "./connection.ts";
import type { Reply } from "./replies.ts";

/** So long a job may be reserved before somebody else gets it, in seconds. */
const TIME_TO_RUN = 600;

/** So many jobs go to one write, whatever the number of tubes. */
const JOBS_PER_BATCH = 256;

/** Puts each body into all of some tubes. */
export class BeanstalkdPublisher implements PeerPublisher {
  readonly batchCount: number;
  readonly batchesInFlight = 4;
  readonly #connection: Connection;
  readonly #tubes: readonly string[];

  private constructor(connection: Connection, tubes: readonly string[]) {
    this.#connection = connection;
    this.#tubes = tubes;
    this.batchCount = Math.max(16, Math.floor(JOBS_PER_BATCH / tubes.length));
  }

  /** Makes one on a connection that nobody else uses for `put`. */
  static async open(
    connection: Connection,
    tubes: readonly string[],
  ): Promise<BeanstalkdPublisher> {
    // A connection uses a tube until it is told to use another one.
    if (tubes.length === 1) await connection.call(`use ${tubes[0]}`);
    return new BeanstalkdPublisher(connection, tubes);
  }

  sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    const { outbox } = this.#connection;
    const isOne = this.#tubes.length === 1;
    for (const tube of this.#tubes) {
      if (!isOne) outbox.addText(`use ${tube}\r\n`);
      for (const body of bodies) this.#put(body);
    }
    return this.#confirm(
      this.#tubes.length * (bodies.length + (isOne ? 0 : 1)),
    );
  }

  send(body: Uint8Array): Promise<void> {
    return this.sendBatch([body]);
  }

  #put(body: Uint8Array): void {
    const { outbox } = this.#connection;
    outbox.addText(`put 0 0 ${TIME_TO_RUN} ${body.length}\r\n`);
    outbox.addBytes(body);
    outbox.addText("\r\n");
  }

  /** Resolves when so many commands have been answered well. */
  #confirm(count: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let left = count;
    const take = ({ words }: Reply) => {
      if (words[0] !== "INSERTED" && words[0] !== "USING") {
        reject(new Error(words.join(" ")));
      }
      if (--left === 0) resolve();
    };
    this.#connection.expect(count, take, reject);
    return promise;
  }
}
