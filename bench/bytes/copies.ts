import { connect } from "@simplemq/simplemq";
import { serve } from "@simplemq/simplemq/server";
import { print } from "../harness/print.ts";
import { makeWorkspace } from "../harness/process/workspace.ts";
import { formatColumns } from "../harness/table.ts";
import { type Copies, countCopies } from "./copy_counter.ts";

/**
 * Sends bodies from a publisher through the broker's journal to a follower, over sockets, and counts how often
 * their bytes are copied; resolves to the copies of each byte, by place.
 */
export async function countBodyCopies(bodyBytes: number, count: number): Promise<Copies> {
  await using workspace = await makeWorkspace();
  const { directory } = workspace;
  await using broker = await serve({
    port: 0,
    http: { enabled: false },
    storage: { engine: "journal", directory },
  });
  const address = { hostname: "127.0.0.1", port: broker.port };
  await using publishing = await connect(address);
  await using following = await connect(address);
  await publishing.cursor().createStream("bodies");
  const publisher = publishing.publisher("bodies");
  const messages = following.follower("bodies").getMessages();
  const body = crypto.getRandomValues(new Uint8Array(65_536));
  const sent = new Uint8Array(bodyBytes);
  for (let at = 0; at < bodyBytes; at += body.length) {
    sent.set(body.subarray(0, bodyBytes - at), at);
  }
  const pass = async (count: number) => {
    const receiving = receive(messages, count, sent);
    for (let number = 0; number < count; number++) await publisher.sendMessage(sent);
    await receiving;
  };
  // The first one lets the buffers of the connections grow.
  await pass(1);
  const copies = await countCopies(() => pass(count));
  return new Map([...copies].map(([place, bytes]) => [place, bytes / bodyBytes / count]));
}

async function receive(
  messages: AsyncIterableIterator<
    { readonly body: unknown; readonly ack: () => Promise<void> | void }
  >,
  count: number,
  sent: Uint8Array,
): Promise<void> {
  while (count-- > 0) {
    const message = (await messages.next()).value;
    const body = message.body as Uint8Array;
    if (body.length !== sent.length || body.some((byte, index) => byte !== sent[index])) {
      throw new Error("a body is not as it was sent");
    }
    await message.ack();
  }
}

/** Counts the copies of bodies, and prints them. */
export async function printCopies(count: number): Promise<void> {
  for (const [name, bytes] of [["64 KiB", 65_536], ["1 MiB", 1_048_576]] as const) {
    const copies = await countBodyCopies(bytes, count);
    const rows = [...copies].sort((one, other) => other[1] - one[1]);
    print(`\nCopies of each byte of a body of ${name}:\n`);
    print(formatColumns(rows, [["place", ([place]) => place], ["copies", (row) => row[1], 2]]));
  }
}
