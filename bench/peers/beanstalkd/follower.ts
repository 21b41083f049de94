import type { PeerFollower } from "../../harness/peer_client.ts";
import type { Connection } from "./connection.ts";
import type { Reply } from "./replies.ts";

/** So many commands to reserve a job may be on their way. */
const RESERVES_IN_FLIGHT = 64;

/**
 * Reserves jobs of the tubes that its connection watches, and deletes each after it was handed over.
 *
 * As long as jobs come, many commands to reserve one are on their way, and none of them waits for a
 * job: beanstalkd does nothing else on a connection while one waits, and so would not delete what was
 * reserved before. Only when there are no jobs one command is sent that waits.
 */
export class BeanstalkdFollower implements PeerFollower {
  readonly #connection: Connection;
  readonly #done = Promise.withResolvers<void>();
  #take: (body: Uint8Array) => void = () => {};
  /** Commands to reserve a job that have no answer. */
  #reserving = 0;
  /** Whether the one that is on its way waits for a job. */
  #isWaiting = false;
  /** Other commands that have no answer. */
  #acknowledging = 0;
  #isStopped = false;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Makes one on a connection that nobody else reserves on. */
  static async open(
    connection: Connection,
    tubes: readonly string[],
  ): Promise<BeanstalkdFollower> {
    await Promise.all(tubes.map((tube) => connection.call(`watch ${tube}`)));
    await connection.call("ignore default");
    return new BeanstalkdFollower(connection);
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    this.#take = take;
    this.#wait();
    await this.#done.promise;
  }

  stop(): void {
    this.#isStopped = true;
    this.#endIfDone();
  }

  #wait(): void {
    this.#isWaiting = true;
    this.#reserve("reserve\r\n");
  }

  #reserve(command: string): void {
    this.#reserving++;
    this.#connection.outbox.addText(command);
    this.#connection.expect(1, this.#handleReserve, this.#done.reject);
  }

  readonly #handleReserve = ({ words, body }: Reply): void => {
    this.#reserving--;
    this.#isWaiting = false;
    const [word, id] = words;
    if (word === "RESERVED") this.#handleJob(id!, body);
    else if (word !== "TIMED_OUT") {
      this.#done.reject(new Error(words.join(" ")));
    }
    if (this.#isStopped) this.#endIfDone();
    else if (this.#reserving === 0) this.#wait();
  };

  #handleJob(id: string, body: Uint8Array): void {
    if (this.#isStopped) return this.#acknowledge(`release ${id} 0 0\r\n`);
    this.#take(body);
    this.#acknowledge(`delete ${id}\r\n`);
    // Where there was one job there may be two.
    for (let more = 0; more < 2; more++) {
      if (this.#isStopped || this.#reserving >= RESERVES_IN_FLIGHT) return;
      this.#reserve("reserve-with-timeout 0\r\n");
    }
  }

  #acknowledge(command: string): void {
    this.#acknowledging++;
    this.#connection.outbox.addText(command);
    this.#connection.expect(1, this.#handleAcknowledge, this.#done.reject);
  }

  readonly #handleAcknowledge = ({ words }: Reply): void => {
    this.#acknowledging--;
    if (words[0] !== "DELETED" && words[0] !== "RELEASED") {
      this.#done.reject(new Error(words.join(" ")));
    }
    this.#endIfDone();
  };

  #endIfDone(): void {
    if (!this.#isStopped || this.#acknowledging > 0) return;
    // Nothing is lost by a command that waits: a job that it still gets is released.
    if (this.#reserving === 0 || this.#isWaiting) this.#done.resolve();
  }
}
