import type { PeerClient, PeerFollower, PeerPublisher } from "../../harness/peer_client.ts";
import { HOSTNAME } from "../../harness/broker_process.ts";
import { Connection } from "./connection.ts";
import { BeanstalkdFollower } from "./follower.ts";
import { BeanstalkdPublisher } from "./publisher.ts";

/** Those of a tube's statistics that count what is left in it. */
const LEFT = /^current-jobs-(?:ready|reserved|delayed|buried): (\d+)$/gm;

const decoder = new TextDecoder();

/** Connects. */
export async function openClient(port: number): Promise<PeerClient> {
  return new BeanstalkdClient(await Connection.open(HOSTNAME, port));
}

/** Talks to beanstalkd: a stream is a tube. */
class BeanstalkdClient implements PeerClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  createStream(_stream: string): Promise<void> {
    // A tube is there as soon as somebody names it.
    return Promise.resolve();
  }

  deleteStream(_stream: string): Promise<void> {
    // An empty tube is gone as soon as nobody uses or watches it.
    return Promise.resolve();
  }

  async countLeft(stream: string): Promise<number> {
    const { words, body } = await this.#connection.call(`stats-tube ${stream}`);
    // So it is when it is empty and nobody uses or watches it.
    if (words[0] === "NOT_FOUND") return 0;
    if (words[0] !== "OK") throw new Error(words.join(" "));
    const counts = [...decoder.decode(body).matchAll(LEFT)];
    if (counts.length !== 4) {
      throw new Error("The statistics of a tube lack a count");
    }
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  async openPublisher(streams: readonly string[]): Promise<PeerPublisher> {
    return await BeanstalkdPublisher.open(this.#connection, streams);
  }

  async openFollower(streams: readonly string[]): Promise<PeerFollower> {
    return await BeanstalkdFollower.open(this.#connection, streams);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}
