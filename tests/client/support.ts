import { assert } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type {
  BrokerError,
  Connection,
  Follower,
  GetMessagesOptions,
  Message,
} from "@simplemq/simplemq";
import type { Proxy } from "../support/wire/proxy.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
export const PATIENCE_MS = 20_000;

/** Takes one message, and leaves it in hand. */
export async function takeOne<Body>(
  follower: Follower<Body>,
  options: GetMessagesOptions = {},
): Promise<Message<Body>> {
  const { value } = await deadline(follower.getMessages(options).next(), PATIENCE_MS);
  assert(value !== undefined);
  return value;
}

/** Resolves when a message's signal is aborted, to its reason. */
export function aborted({ signal }: Message): Promise<BrokerError> {
  const { promise, resolve } = Promise.withResolvers<BrokerError>();
  if (signal.aborted) resolve(signal.reason);
  else signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  return deadline(promise, PATIENCE_MS);
}

/** Lets whatever is random be the same all the time while something is done. */
export async function withRandom(value: number, action: () => Promise<void>): Promise<void> {
  const { random } = Math;
  Math.random = () => value;
  try {
    await action();
  } finally {
    Math.random = random;
  }
}

/** Whether a text is in some bytes. */
export function includesText(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder().decode(bytes).includes(text);
}

/**
 * Lets this process stand still for so long as soon as a proxy has passed on certain bytes of the
 * broker: they are in the client's socket, and not read. Resolves after that.
 */
export function standStill(
  proxy: Proxy,
  isMeant: (bytes: Uint8Array) => boolean,
  ms: number,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  proxy.onBrokerBytes = (bytes) => {
    if (!isMeant(bytes)) return true;
    proxy.onBrokerBytes = () => true;
    // By then they are written.
    queueMicrotask(() => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      resolve();
    });
    return true;
  };
  return promise;
}

/** How often the messages of a stream have been delivered, with the next delivery. */
export async function takeAll(
  connection: Connection,
  stream: string,
): Promise<[unknown, number][]> {
  const { ready } = await connection.cursor().getStream(stream);
  const taken: [unknown, number][] = [];
  const messages = connection.follower(stream).getMessages({ autoAck: true });
  while (taken.length < ready) {
    const { value } = await deadline(messages.next(), PATIENCE_MS);
    taken.push([value!.body, value!.attempts]);
  }
  return taken;
}

/** Connects to a broker with one stream. */
export async function connectTo(
  broker: { connect(): Promise<Connection> },
  stream: string,
): Promise<Connection> {
  const connection = await broker.connect();
  await connection.cursor().createStream(stream);
  return connection;
}

/** Runs a program that may only connect to this machine; resolves to what it has printed. */
export async function runClient(
  source: string,
  env: Record<string, string> = {},
): Promise<string> {
  const directory = await Deno.makeTempDir();
  try {
    const program = `${directory}/program.ts`;
    const client = import.meta.resolve("../../client.ts");
    await Deno.writeTextFile(program, `import { connect } from "${client}";\n${source}`);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-net=localhost", "--no-lock", "--no-check"]
        .concat(`--config=${config}`, program),
      env,
    }).output();
    const decoder = new TextDecoder();
    return decoder.decode(stdout) + decoder.decode(stderr);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
