/**
 * What is cut lets nothing through and tells nobody, and what a broker says is heard all the same.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { FrameType, FrameWriter, writeControlFrame } from "../../../protocol.ts";
import { FrameScanner } from "./frame_scanner.ts";
import { ProxiedNetwork } from "./proxied_network.ts";
import { Relay } from "./relay.ts";

/** Sends back what comes, and says so. */
class Echo implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #running = this.#run();
  readonly #ended = Promise.withResolvers<void>();

  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Resolves when its first connection is over. */
  get whenEnded(): Promise<void> {
    return this.#ended.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const socket of this.#listener) {
      void socket.readable.pipeTo(socket.writable).catch(() => {}).then(() =>
        this.#ended.resolve()
      );
    }
  }
}

const text = new TextEncoder();

async function readText(socket: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(100);
  const count = await socket.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, count));
}

Deno.test("what is cut comes when it is healed, in both directions", async () => {
  await using echo = new Echo();
  await using network = new ProxiedNetwork();
  const [hostname = "", port = ""] = network.route("b1", "n1", echo.address).split(":");
  using socket = await Deno.connect({ hostname, port: Number(port) });
  await socket.write(text.encode("a"));
  assertEquals(await readText(socket), "a");

  await network.cut("n1", "b1");
  await socket.write(text.encode("b"));
  let isHealed = false;
  const reading = readText(socket).then((found) => [found, isHealed]);
  // Another pair is healed; this one goes on to be cut.
  await network.heal("b1", "n2");
  isHealed = true;
  await network.heal();
  assertEquals(await reading, ["b", true]);
});

Deno.test("a relay that lingers keeps the target's side open, and hears it", async () => {
  await using echo = new Echo();
  let heard = "";
  const hearing = Promise.withResolvers<void>();
  await using relay = new Relay({
    target: echo.address,
    watch: () => ({
      hear(bytes) {
        heard += new TextDecoder().decode(bytes);
        if (heard === "a") hearing.resolve();
      },
    }),
  });
  relay.linger();
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: relay.port });
  await socket.write(text.encode("a"));
  socket.close();
  await hearing.promise;
  let isOver = false;
  const ended = echo.whenEnded.then(() => isOver);
  isOver = true;
  relay.lingerNoMore();
  assertEquals(await ended, true);
});

Deno.test("confirms, deliveries and answers are found among frames, however they are cut into pieces", () => {
  const writer = new FrameWriter();
  writeControlFrame(writer, "goodbye", { message: "bye" });
  for (const type of [FrameType.confirm, FrameType.heartbeat, FrameType.deliver]) {
    writer.begin(type);
    writer.bytes(new Uint8Array(type === FrameType.heartbeat ? 0 : 300).fill(FrameType.response));
    writer.end();
  }
  const bytes = writer.take();
  for (const piece of [1, 3, 7, 64, bytes.length]) {
    const found: string[] = [];
    const scanner = new FrameScanner((what) => found.push(what));
    for (let at = 0; at < bytes.length; at += piece) scanner.take(bytes.subarray(at, at + piece));
    assertEquals(found, ["confirm", "delivery"]);
  }
});
