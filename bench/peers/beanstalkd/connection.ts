import { Outbox } from "./outbox.ts";
import { Replies, type Reply } from "./replies.ts";

/** Takes the answers to some commands. */
interface Expectation {
  /** How many answers are to come. */
  left: number;
  readonly take: (reply: Reply) => void;
  readonly fail: (error: unknown) => void;
}

/** A connection to beanstalkd on which no command waits for the answer to the one before. */
export class Connection implements AsyncDisposable {
  /** Where commands are put; each of them must be followed by a call of {@linkcode expect}. */
  readonly outbox: Outbox;
  readonly #connection: Deno.TcpConn;
  readonly #expectations: Expectation[] = [];
  #head = 0;
  readonly #reading: Promise<void>;

  private constructor(connection: Deno.TcpConn) {
    connection.setNoDelay(true);
    this.#connection = connection;
    this.outbox = new Outbox(connection, (error) => this.#fail(error));
    this.#reading = this.#read();
  }

  /** Connects. */
  static async open(hostname: string, port: number): Promise<Connection> {
    return new Connection(await Deno.connect({ hostname, port }));
  }

  /**
   * Says who gets the answers to the commands that were put into the outbox last.
   *
   * @param count How many answers there will be.
   * @param take Gets each of them.
   * @param fail Is told if they cannot come any more.
   */
  expect(
    count: number,
    take: (reply: Reply) => void,
    fail: (error: unknown) => void,
  ): void {
    this.#expectations.push({ left: count, take, fail });
  }

  /** Sends one command; resolves with the words of its answer and a copy of its body. */
  call(command: string): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.outbox.addText(`${command}\r\n`);
    this.expect(
      1,
      ({ words, body }) => resolve({ words, body: body.slice() }),
      reject,
    );
    return promise;
  }

  /** Closes it; what was reserved on it is ready again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const replies = new Replies(this.#connection);
    try {
      while (await replies.fill()) {
        for (
          let reply = replies.take();
          reply !== undefined;
          reply = replies.take()
        ) {
          this.#hand(reply);
        }
      }
      this.#fail(new Error("The connection has ended"));
    } catch (error) {
      this.#fail(error);
    }
  }

  #hand(reply: Reply): void {
    const expectation = this.#expectations[this.#head];
    if (expectation === undefined) {
      throw new Error(`Nobody expects ${reply.words.join(" ")}`);
    }
    if (--expectation.left === 0) this.#forgetFirst();
    expectation.take(reply);
  }

  #forgetFirst(): void {
    this.#head++;
    if (this.#head < 1024 && this.#head < this.#expectations.length) return;
    this.#expectations.splice(0, this.#head);
    this.#head = 0;
  }

  #fail(error: unknown): void {
    for (const expectation of this.#expectations.splice(0).slice(this.#head)) {
      expectation.fail(error);
    }
    this.#head = 0;
  }
}
