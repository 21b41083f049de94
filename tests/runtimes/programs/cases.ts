/**
 * What the programs of this folder share. They run on every runtime that the client runs on, in a project that has
 * nothing but the npm package: so they use nothing that only one runtime has.
 *
 * @module
 */

import process from "node:process";
import type { Connection, Message } from "@simplemq/simplemq";

/** Nothing that succeeds takes so long, in milliseconds. */
const PATIENCE_MS = 30_000;

/** A program's argument, an object as JSON. */
export function readArgument<T>(): T {
  return JSON.parse(process.argv[2]!);
}

/** Prints a line; whoever has started the program reads it. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs cases one after the other and prints how each went; then the program is over. */
export async function runCases(
  cases: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  for (const [name, run] of Object.entries(cases)) {
    try {
      await within(run());
      print(`ok ${name}`);
    } catch (error) {
      print(`not ok ${name}`);
      print(error instanceof Error ? String(error.stack) : String(error));
    }
  }
}

/** Waits for a promise, but not for ever. */
async function within<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("It takes too long")), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Uses a connection and closes it: Node 22 knows no `await using`. */
export async function using<T>(
  opening: Promise<Connection>,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await opening;
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** Makes a stream that has nothing in it yet, whoever has had one of that name before. */
export async function makeStream(connection: Connection, name: string): Promise<void> {
  const cursor = connection.cursor();
  for (const old of [name, `${name}.dead`]) await cursor.deleteStream(old).catch(() => {});
  await cursor.createStream(name);
}

/** Takes so many messages from a stream and acknowledges them. */
export async function take(
  connection: Connection,
  stream: string,
  count: number,
): Promise<Message[]> {
  const taken: Message[] = [];
  for await (const message of connection.follower(stream).getMessages()) {
    await message.ack();
    if (taken.push(message) === count) break;
  }
  return taken;
}
