/**
 * The examples, run as people run them: each as a process of its own.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { splitLines } from "../examples/word_count/lines.ts";
import { countWords } from "../examples/word_count/words.ts";
import { startBroker } from "./support/broker/broker.ts";

/** A wait that takes so long has failed; nothing in a test that passes waits for it. */
const PATIENCE_MS = 20_000;

const root = new URL("../", import.meta.url);
const encoder = new TextEncoder();

/** How to start an example. */
interface ProgramOptions {
  readonly args?: readonly string[];
  readonly hasInput?: boolean;
  /** Where it runs, if not in the root of the repository. */
  readonly directory?: string;
}

/** An example that is running. */
class Program implements AsyncDisposable {
  readonly #path: string;
  readonly #process: Deno.ChildProcess;
  readonly #ended: Promise<Deno.CommandStatus>;
  #text = "";
  #isEnded = false;
  #changed = Promise.withResolvers<void>();

  /** Starts an example with a broker at `port`. */
  constructor(path: string, port: number, options: ProgramOptions = {}) {
    this.#path = path;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL(path, root).href, ...options.args ?? []],
      cwd: options.directory ?? root,
      env: { SIMPLEMQ_PORT: String(port), NO_COLOR: "1" },
      stdin: options.hasInput ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#run();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** What it reads. */
  get input(): WritableStream<Uint8Array> {
    return this.#process.stdin;
  }

  /** The lines with a text in them that it has printed so far. */
  find(text: string): string[] {
    return this.#lines.filter((line) => line.includes(text));
  }

  /** Waits until it has printed so many lines with a text in them. */
  async waitFor(text: string, count = 1): Promise<string[]> {
    while (this.find(text).length < count) {
      if (this.#isEnded) this.#fail(`ended without printing "${text}" ${count} times`);
      await deadline(this.#changed.promise, PATIENCE_MS)
        .catch((cause) => this.#fail(`does not print "${text}" ${count} times`, cause));
    }
    return this.find(text);
  }

  /** Waits until it tells that it is connected. */
  async waitForConnection(): Promise<void> {
    while (!this.#text.includes("connection: connected\n")) {
      await deadline(this.#changed.promise, PATIENCE_MS);
    }
  }

  /** Waits until it ends by itself, without an error; returns what it has printed. */
  async end(): Promise<string> {
    const { success } = await deadline(this.#ended, PATIENCE_MS)
      .catch((cause) => this.#fail("does not end", cause));
    if (!success) this.#fail("ended with an error");
    return this.#lines.join("\n");
  }

  /** What it has printed, without what it tells of its connection. */
  get #lines(): string[] {
    return this.#text.split("\n").filter((line) => !line.startsWith("connection: "));
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Kills it, without giving it the time to say anything to anybody. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isEnded) this.#process.kill("SIGKILL");
    await this.#ended;
  }

  async #run(): Promise<Deno.CommandStatus> {
    const { stdout, stderr, status } = this.#process;
    await Promise.all([this.#read(stdout), this.#read(stderr)]);
    const result = await status;
    this.#isEnded = true;
    this.#changed.resolve();
    return result;
  }

  async #read(output: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of output) {
      this.#text += decoder.decode(bytes, { stream: true });
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }

  #fail(why: string, cause?: unknown): never {
    throw new Error(`${this.#path} ${why}; it has printed:\n${this.#text}`, { cause });
  }
}

/** Asks until the answer is yes. */
async function until(ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!await ask()) {
    assert(performance.now() < end, `${ask} stays false`);
    await delay(5);
  }
}

Deno.test("hello_world: the server listens, and ends with Ctrl-C; the follower comes first", async () => {
  const path = "examples/hello_world";
  // What its broker stores is not to stay in the repository.
  const directory = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(directory, { recursive: true }));
  await using server = new Program(`${path}/server.ts`, 0, { directory });
  const [line] = await server.waitFor("is listening");
  const port = Number(/address=localhost:(\d+)/.exec(line ?? "")?.[1]);
  await using follower = new Program(`${path}/follower.ts`, port);
  await follower.waitFor("waiting for messages");
  await follower.waitForConnection();
  await using publisher = new Program(`${path}/publisher.ts`, port);
  assertEquals(
    await publisher.end(),
    'confirmed: { streams: [ { stream: "hello_queue", id: 1 } ], duplicate: false }\n',
  );
  await follower.waitFor("message body: hello world");
  server.signal("SIGINT");
  await server.end();
});

Deno.test("hello_world: the publisher comes first", async () => {
  const path = "examples/hello_world";
  await using broker = await startBroker();
  for (let count = 0; count < 2; count++) {
    await using publisher = new Program(`${path}/publisher.ts`, broker.port);
    await publisher.end();
  }
  await using follower = new Program(`${path}/follower.ts`, broker.port);
  await follower.waitFor("message body: hello world", 2);
});

for (const order of ["followers", "publisher"]) {
  Deno.test(`worker: the quick follower gets all but one, the ${order} first`, async () => {
    const path = "examples/worker";
    await using broker = await startBroker();
    const publish = async () => {
      await using publisher = new Program(`${path}/publisher.ts`, broker.port);
      await publisher.end();
    };
    if (order === "publisher") await publish();
    await using slow = new Program(`${path}/first_follower.ts`, broker.port);
    await slow.waitFor(order === "publisher" ? "message taken" : "waiting for messages");
    await using quick = new Program(`${path}/second_follower.ts`, broker.port, { args: ["0.05"] });
    await quick.waitFor("waiting for messages");
    if (order === "followers") await publish();
    await quick.waitFor("message handled", 9);
    await slow.waitFor("message taken", 1);
    await using connection = await broker.connect();
    assertEquals((await connection.cursor().getPel("first")).length, 1);
    // What the slow one has not acknowledged is the quick one's when the slow one is gone.
    slow.signal("SIGKILL");
    await quick.waitFor("message handled", 10);
  });

  Deno.test(`routing: a publisher with a regex bind, the ${order} first`, async () => {
    const path = "examples/routing/publisher_regex";
    await using broker = await startBroker();
    const publish = async () => {
      await using publisher = new Program(`${path}/publisher.ts`, broker.port);
      const text = await publisher.end();
      assert(text.includes("new_world") && text.includes("old_world"), text);
      assert(!text.includes("hello_queue"), text);
    };
    if (order === "publisher") await publish();
    await using first = new Program(`${path}/first_follower.ts`, broker.port);
    await using second = new Program(`${path}/second_follower.ts`, broker.port);
    await first.waitFor("waiting for messages");
    await second.waitFor("waiting for messages");
    if (order === "followers") await publish();
    await first.waitFor("message body: hello world from new_world");
    await second.waitFor("message body: hello world from old_world");
  });

  Deno.test(`routing: a follower with a regex bind, the ${order} first`, async () => {
    const path = "examples/routing/follower_regex";
    await using broker = await startBroker();
    const publish = async () => {
      await using first = new Program(`${path}/first_publisher.ts`, broker.port);
      await using second = new Program(`${path}/second_publisher.ts`, broker.port);
      await Promise.all([first.end(), second.end()]);
    };
    if (order === "publisher") await publish();
    await using follower = new Program(`${path}/follower.ts`, broker.port);
    await follower.waitFor("waiting for messages");
    if (order === "followers") await publish();
    await follower.waitFor("message body: hello old world from old_world");
    await follower.waitFor("message body: hello new world from new_world");
  });
}

Deno.test("order: payments of one customer are worked on one after the other, by two workers", async () => {
  const path = "examples/order";
  await using broker = await startBroker();
  await using publisher = new Program(`${path}/publisher.ts`, broker.port);
  await publisher.end();
  await using worker = new Program(`${path}/worker.ts`, broker.port);
  await worker.waitFor("waiting for payments");
  await using connection = await broker.connect();
  await until(async () => {
    const { ready, pending } = await connection.cursor().getStream("payments");
    return ready + pending === 0;
  });
  await until(() => Promise.resolve(worker.find(": ").length === 20));
  const lines = worker.find(": ");
  assertEquals(lines.length, 20);
  assertEquals(lines.slice(0, 2).some((line) => line.endsWith("begins: dan 1")), true);
  for (const customer of ["ann", "bob", "cay"]) {
    const own = lines.filter((line) => line.includes(`: ${customer} `));
    const expected = [1, 2, 3].flatMap((number) => [
      `begins: ${customer} ${number}`,
      `is done: ${customer} ${number}`,
    ]);
    assertEquals(own.map((line) => line.replace(/^worker-\d /, "")), expected);
  }
});

Deno.test("stopping: a worker that is told to end finishes what it has, and no more", async () => {
  const path = "examples/stopping";
  await using broker = await startBroker();
  await using worker = new Program(`${path}/worker.ts`, broker.port, { args: ["0.3"] });
  await worker.waitFor("waiting for reports");
  await using publisher = new Program(`${path}/publisher.ts`, broker.port);
  await publisher.end();
  await worker.waitFor("begins:", 2);
  worker.signal("SIGTERM");
  const text = await worker.end();
  const begun = worker.find("begins:").length;
  assertEquals(worker.find("is done:").length, begun);
  assert(text.endsWith(`is done: ${begun}\nstopped\n`), text);
  await using connection = await broker.connect();
  const { ready, pending } = await connection.cursor().getStream("reports");
  assertEquals([ready, pending], [5 - begun, 0]);
  for await (const message of connection.follower("reports").getMessages()) {
    assertEquals([message.body, message.attempts], [begun + 1, 1]);
    break;
  }
});

Deno.test("retries: what fails comes back, what fails too often is dead until it is sent back", async () => {
  const path = "examples/retries";
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  const countDead = async () => {
    const streams = await cursor.getStreams();
    return streams.find(({ name }) => name === "mails.dead")?.ready;
  };
  {
    await using worker = new Program(`${path}/worker.ts`, broker.port);
    await worker.waitFor("waiting for mails");
    await using publisher = new Program(`${path}/publisher.ts`, broker.port);
    await publisher.end();
    await worker.waitFor("attempt 3 failed: cay@down.example");
    await until(async () => await countDead() === 2);
    assertEquals(worker.find(": ").toSorted(), [
      "attempt 1 failed: bob@slow.example",
      "attempt 1 failed: cay@down.example",
      "attempt 2 failed: cay@down.example",
      "attempt 3 failed: cay@down.example",
      "rejected: nobody",
      "sent: ann@quick.example",
      "sent: bob@slow.example",
    ]);
  }
  await using worker = new Program(`${path}/worker.ts`, broker.port, { args: ["repaired"] });
  await using redrive = new Program(`${path}/redrive.ts`, broker.port);
  assertEquals(
    await redrive.end(),
    "dead: nobody rejected this is no address\n" +
      "dead: cay@down.example maxDeliveries the server does not answer\n" +
      "sent back: { count: 1, skipped: 0 }\n",
  );
  await worker.waitFor("sent: cay@down.example");
  assertEquals(await countDead(), 1);
});

/** A text with all that lines and words can have, the same every time; `words` is what it has. */
function writeText(lineCount: number): { bytes: Uint8Array<ArrayBuffer>; words: number } {
  const vocabulary = [
    "word",
    "l'été",
    "привет",
    "漢字",
    "🦕",
    "—",
    "1.5",
    "x".repeat(50),
    "\ufeffb",
  ];
  const gaps = [" ", " ", "  ", "\t", "\v", "\f", "\r", "\u00a0", "\u2003", "\u202f", "\u3000"];
  const ends = ["\n", "\n", "\r\n", " \n", "\n\n", "\n \t\n"];
  let seed = 20261123;
  const pick = <T>(values: readonly T[]): T => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return values[(seed >>> 16) % values.length]!;
  };
  let text = "";
  let words = 0;
  for (let line = 0; line < lineCount; line++) {
    const count = line % 1500 === 0 ? 3000 : pick([0, 1, 2, 3, 5]);
    for (let word = 0; word < count; word++) text += pick(vocabulary) + pick(gaps);
    words += count;
    text += pick(ends);
  }
  return { bytes: encoder.encode(text + "end"), words: words + 1 };
}

/** What `wc -w` says of a text, if it is the one of GNU, which knows UTF-8. */
async function askWc(bytes: Uint8Array<ArrayBuffer>): Promise<number | undefined> {
  try {
    const { stdout } = await new Deno.Command("wc", { args: ["--version"] }).output();
    if (!new TextDecoder().decode(stdout).includes("GNU")) return undefined;
  } catch {
    return undefined;
  }
  const process = new Deno.Command("wc", {
    args: ["-w"],
    env: { LC_ALL: "C.UTF-8" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await new Blob([bytes]).stream().pipeTo(process.stdin);
  const { stdout } = await process.output();
  return Number(new TextDecoder().decode(stdout));
}

const wordCount = "examples/word_count";

Deno.test("request_reply: all questions are answered, whoever comes first", async () => {
  const path = "examples/request_reply";
  await using broker = await startBroker();
  await using requester = new Program(`${path}/requester.ts`, broker.port);
  await using one = new Program(`${path}/responder.ts`, broker.port);
  await using other = new Program(`${path}/responder.ts`, broker.port);
  assertEquals(
    await requester.end(),
    "6 words: to be or not to be\n2 words: that is\n2 words: the question\n",
  );
  await until(() =>
    Promise.resolve(one.find("answered:").length + other.find("answered:").length === 3)
  );
});

Deno.test("word_count: exact although one of four followers is killed with lines in hand", async () => {
  const { bytes, words } = writeText(5000);
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await using programs = new AsyncDisposableStack();
  const start = (name: string, hasInput = false) =>
    programs.use(new Program(`${wordCount}/${name}.ts`, broker.port, { hasInput }));
  const total = start("total");
  const publisher = start("publisher", true);
  const victim = start("follower");
  for (let number = 0; number < 3; number++) start("follower");

  const input = publisher.input.getWriter();
  await input.write(bytes.subarray(0, bytes.length / 2));
  await until(async () => {
    const streams = await cursor.getStreams();
    return streams.some(({ name, followers }) => name === "word_count.lines" && followers === 4);
  });
  // A process that is stopped keeps its connection, and what it is given.
  victim.signal("SIGSTOP");
  await input.write(bytes.subarray(bytes.length / 2));
  await input.close();
  await publisher.end();
  await until(async () => (await cursor.getPel(`pid-${victim.pid}`)).length > 0);
  victim.signal("SIGKILL");

  assertEquals(await total.end(), `${words}\n`);
  assertEquals(await askWc(bytes) ?? words, words);
});

Deno.test("word_count: exact although a follower is killed between count and acknowledgement", async () => {
  const { bytes, words } = writeText(100);
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const publish = async () => {
    await using publisher = new Program(`${wordCount}/publisher.ts`, broker.port, {
      hasInput: true,
    });
    await new Blob([bytes]).stream().pipeTo(publisher.input);
    await publisher.end();
  };
  await publish();
  {
    // What such a follower leaves behind: counts of lines that come back.
    await using killed = await broker.connect();
    const counts = killed.publisher("word_count.counts");
    let taken = 0;
    const follower = killed.follower<Uint8Array>("word_count.lines", { prefetch: 10 });
    for await (const line of follower.getMessages()) {
      await counts.sendMessage([line.id, countWords(line.body)]);
      if (++taken === 10) break;
    }
  }
  const { ready, nextId } = await connection.cursor().getStream("word_count.lines");
  assertEquals(ready, nextId - 1);

  await using _follower = new Program(`${wordCount}/follower.ts`, broker.port);
  for (let round = 0; round < 2; round++) {
    if (round > 0) await publish(); // another text; what is left of the one before does not count
    await using total = new Program(`${wordCount}/total.ts`, broker.port);
    assertEquals(await total.end(), `${words}\n`);
  }
});

Deno.test("word_count: an empty text has no words", async () => {
  await using broker = await startBroker();
  await using publisher = new Program(`${wordCount}/publisher.ts`, broker.port);
  assertEquals(await publisher.end(), "published 0 lines\n");
  await using total = new Program(`${wordCount}/total.ts`, broker.port);
  assertEquals(await total.end(), "0\n");
});

Deno.test("countWords() counts what stands between white space, as wc does", async () => {
  const texts: [text: string, words: number][] = [
    ["", 0],
    [" \t\v\f\r ", 0],
    ["one", 1],
    [" one  two\tthree\r", 3],
    ["слово и дело", 3],
    ["no\u00a0break\u202fhere\u2007too\u2060", 4],
    ["\u3000漢字\u3000かな\u1680", 2],
    ["one\u200b\ufeffword", 1],
    ["one \u200b two", 3],
    ["one \u001b two \u0001\u0085 x\u0001y \u{10ffff}", 3],
  ];
  for (const [text, words] of texts) assertEquals(countWords(encoder.encode(text)), words, text);
  for (const [text, words] of texts) {
    const bytes = encoder.encode(text);
    assertEquals(await askWc(bytes) ?? words, words, `wc: ${text}`);
  }
});

/** The lines of a text that comes in pieces of so many bytes. */
async function collectLines(
  text: string,
  pieceBytes: number,
  bytesMax: number,
): Promise<string[]> {
  const bytes = encoder.encode(text);
  const pieces = function* () {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      yield bytes.subarray(start, start + pieceBytes);
    }
  };
  const lines: string[] = [];
  for await (const some of splitLines(ReadableStream.from(pieces()), bytesMax)) {
    for (const line of some) lines.push(new TextDecoder().decode(line));
  }
  return lines;
}

Deno.test("splitLines() gives every line, however the text comes in", async () => {
  const texts: [text: string, lines: string[]][] = [
    ["", []],
    ["\n", [""]],
    ["one", ["one"]],
    ["one\ntwo\n", ["one", "two"]],
    ["\n\none\r\n\r\nэто\n\nend", ["", "", "one\r", "\r", "это", "", "end"]],
  ];
  for (const [text, lines] of texts) {
    for (let pieceBytes = 1; pieceBytes <= 20; pieceBytes++) {
      assertEquals(await collectLines(text, pieceBytes, 1000), lines);
    }
  }
});

Deno.test("splitLines() cuts a long line between words", async () => {
  for (let pieceBytes = 1; pieceBytes <= 40; pieceBytes++) {
    const parts = await collectLines(
      "one two three четыре 5 6 7\n8 9\n10 11 12 13 14",
      pieceBytes,
      12,
    );
    for (const part of parts) assert(encoder.encode(part).length <= 12, part);
    assertEquals(
      parts.join(" ").split(/\s+/),
      "one two three четыре 5 6 7 8 9 10 11 12 13 14".split(" "),
    );
  }
});

Deno.test("splitLines() refuses a word that is too long for a message", async () => {
  for (const text of ["short\n0123456789ab\n", "short 0123456789ab", "0123456789ab short"]) {
    await assertRejects(
      () => collectLines(text, 5, 11),
      RangeError,
      "Cannot publish a line: it has a word of more than 11 bytes",
    );
  }
});
