/**
 * Programs of the documents as people run them: each as a process of its own, which may be killed.
 *
 * @module
 */

import { assertEquals, assertGreater } from "@std/assert";
import type { BrokerServer } from "../../server.ts";
import { startBroker, until } from "../support/broker/broker.ts";
import { ProgramProcess, writePrograms } from "./process.ts";

/** A broker, and the programs of a page. */
class OpenPage implements AsyncDisposable {
  readonly broker: BrokerServer;
  readonly directory: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(broker: BrokerServer, directory: string, stack: AsyncDisposableStack) {
    this.broker = broker;
    this.directory = directory;
    this.#stack = stack;
  }

  static async open(path: string): Promise<OpenPage> {
    const stack = new AsyncDisposableStack();
    const broker = stack.use(await startBroker());
    const directory = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    await writePrograms(path, directory);
    return new OpenPage(broker, directory, stack);
  }

  /** Starts one of the programs. */
  start(name: string, ...args: readonly string[]): ProgramProcess {
    const process = new ProgramProcess(`${this.directory}/${name}`, this.broker.port, ...args);
    return this.#stack.use(process);
  }

  /** Runs one of the programs to its end; returns what it has printed. */
  async run(name: string, ...args: readonly string[]): Promise<string> {
    return await this.start(name, ...args).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A text with all that lines can have, and the number of its words. */
function writeText(lineCount: number): { text: string; words: number } {
  const lines = [
    "one",
    "",
    "two  words",
    "  l'été\t—  漢字 🦕 ",
    "привет, 1.5",
    "\r",
    "x".repeat(5000),
  ];
  const counts = [1, 0, 2, 4, 2, 0, 1];
  let words = 0;
  const text = Array.from({ length: lineCount }, (_, index) => {
    words += counts[index % lines.length]!;
    return lines[index % lines.length];
  }).join("\n");
  return { text, words };
}

Deno.test("hello world: the publisher comes first, and twice", async () => {
  await using page = await OpenPage.open("docs/tutorial.md");
  const confirmed = (id: number) =>
    `confirmed: { streams: [ { stream: "hello_queue", id: ${id} } ], duplicate: false }\n`;
  for (const id of [1, 2]) {
    assertEquals(await page.run("hello_publisher.ts"), confirmed(id));
  }
  const follower = page.start("hello_follower.ts");
  const line = "message body: hello world\n";
  await follower.waitFor(line + line);
  assertEquals(follower.text, `waiting for messages\n${line}${line}`);
});

Deno.test("worker: what a killed worker has in hand goes to another one", async () => {
  await using page = await OpenPage.open("docs/tutorial.md");
  await page.run("slow_work.ts");
  const slow = page.start("worker.ts", "slow", "100");
  await slow.waitFor("started: message 1");
  const quick = page.start("worker.ts", "quick", "0.01");
  await quick.waitFor("done: message 3");
  slow.signal("SIGKILL");
  await quick.waitFor("done: message 1");
  assertEquals(slow.text, "waiting for messages\nstarted: message 1\n");
});

Deno.test("word count: exact although one of four counters is killed with lines in hand", async () => {
  await using page = await OpenPage.open("docs/tutorial.md");
  const { text, words } = writeText(300);
  const file = `${page.directory}/text.txt`;
  await Deno.writeTextFile(file, text);
  await using connection = await page.broker.connect();
  const cursor = connection.cursor();
  const [victim] = Array.from({ length: 4 }, () => page.start("count_words.ts"));
  await until("all of them wait", async () => {
    const streams = await cursor.getStreams();
    return streams.some(({ name, followers }) => name === "word_count.lines" && followers === 4);
  });
  // A process that is stopped keeps its connection, and what it is given.
  victim!.signal("SIGSTOP");
  await page.run("send_lines.ts", file);
  await until("every line is taken", async () => {
    return (await cursor.getStream("word_count.lines")).ready === 0;
  });
  assertGreater((await cursor.getStream("word_count.lines")).pending, 0);
  victim!.signal("SIGKILL");
  assertEquals(await page.run("total.ts"), `words: ${words}\n`);
});

Deno.test("word count: exact although lines are counted twice, for one text after the other", async () => {
  await using page = await OpenPage.open("docs/tutorial.md");
  const { text, words } = writeText(100);
  const file = `${page.directory}/text.txt`;
  await Deno.writeTextFile(file, text);
  await page.run("send_lines.ts", file);
  {
    // What a counter leaves behind that is killed between count and acknowledgement.
    await using killed = await page.broker.connect();
    const counts = killed.publisher("word_count.counts");
    let taken = 0;
    const follower = killed.follower<string>("word_count.lines", { prefetch: 10 });
    for await (const line of follower.getMessages()) {
      await counts.sendMessage([line.id, line.body.split(/\s+/).filter(Boolean).length]);
      if (++taken === 10) break;
    }
  }
  page.start("count_words.ts");
  assertEquals(await page.run("total.ts"), `words: ${words}\n`);
  await page.run("send_lines.ts", file);
  assertEquals(await page.run("total.ts"), `words: ${words}\n`);
});

Deno.test("a worker that is stopped by SIGTERM finishes what it has begun, and no more", async () => {
  await using page = await OpenPage.open("docs/production.md");
  const worker = page.start("worker.ts");
  await worker.waitFor("waiting for reports");
  await using connection = await page.broker.connect();
  await connection.publisher("reports").sendMessages(["one", "two"]);
  await worker.waitFor("started: one");
  worker.signal("SIGTERM");
  assertEquals(await worker.end(), "waiting for reports\nstarted: one\ndone: one\nstopped\n");
  const [message] = await connection.cursor().peek("reports");
  assertEquals([message?.body, message?.state, message?.attempts], ["two", "ready", 0]);
});
