/**
 * A program of its own: connects so many clients to a peer, says so, and keeps them idle until its
 * standard input ends, which it does when the process that has started it is gone. With a stream, each
 * has a publisher for it, and a follower that waits for its messages.
 *
 * ```text
 * deno run -A idle_clients.ts <client module> <port> <count> [<stream>]
 * ```
 *
 * @module
 */

import type { OpenClient, PeerClient } from "../harness/peer_client.ts";
import { print } from "../harness/print.ts";

/** So many connect at a time: fewer than a system lets wait to be accepted. */
const AT_A_TIME = 50;

/** Opens a publisher, and a follower that nothing comes to. */
async function openMembers(client: PeerClient, stream: string): Promise<void> {
  await client.openPublisher([stream]);
  const follower = await client.openFollower([stream]);
  void follower.follow(() => {
    throw new Error("An idle follower has got a message");
  });
  // The broker has opened both when it answers this.
  await client.countLeft(stream);
}

if (import.meta.main) {
  const [clientUrl = "", port, count, stream] = Deno.args;
  const { openClient }: { openClient: OpenClient } = await import(clientUrl);
  const clients: PeerClient[] = [];
  while (clients.length < Number(count)) {
    const length = Math.min(AT_A_TIME, Number(count) - clients.length);
    clients.push(...await Promise.all(Array.from({ length }, () => openClient(Number(port)))));
  }
  if (stream !== undefined) {
    await clients[0]?.createStream(stream);
    for (const client of clients) await openMembers(client, stream);
  }
  print(`${clients.length} connected`);
  await Deno.stdin.readable.pipeTo(new WritableStream());
  // To close thousands one by one takes longer than to end.
  Deno.exit(0);
}
