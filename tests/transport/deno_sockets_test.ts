import { assert } from "@std/assert";
import { connectSocket } from "../../src/transport/sockets.ts";

/** So often a signal comes just when a connection is there; in one of a hundred it was too late for Deno. */
const TRIES = 1000;

Deno.test("a signal that comes together with the connection leaves nothing open", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const accepted: Deno.TcpConn[] = [];
  const accepting = (async () => {
    for await (const socket of listener) accepted.push(socket);
  })();
  let [connected, aborted] = [0, 0];
  for (let tries = 0; tries < TRIES; tries++) {
    const controller = new AbortController();
    const reason = new Error("enough");
    const connecting = connectSocket("127.0.0.1", port, controller.signal);
    // Some at once: where connections come quickly, none is aborted by a timer.
    if (tries % 10 === 0) controller.abort(reason);
    const timer = setTimeout(() => controller.abort(reason), 0);
    try {
      (await connecting).close();
      connected++;
    } catch (error) {
      if (error !== reason) throw error;
      aborted++;
    }
    clearTimeout(timer);
    // What is left open is told by the test's own look at resources.
    for (const socket of accepted.splice(0)) socket.close();
  }
  listener.close();
  await accepting;
  for (const socket of accepted) socket.close();
  assert(connected > 0 && aborted > 0, `${connected} are connected, ${aborted} aborted`);
});
