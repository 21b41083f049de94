/**
 * A link whose owner must not be heard for a while: heartbeats leave, and nothing else does.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FrameType } from "../../protocol.ts";
import { Link } from "../../src/transport/link.ts";
import { turn } from "../support/broker/broker.ts";
import { PickyDuplex, type PickyDuplexOptions } from "../support/wire/picky_duplex.ts";

class Owner {
  isMuted = false;

  handleFrame(): void {}
}

function makeLink(options?: PickyDuplexOptions) {
  const duplex = new PickyDuplex(options);
  const owner = new Owner();
  return { duplex, owner, link: new Link(duplex, owner, 1024) };
}

function write(link: Link): void {
  link.writer.begin(FrameType.stream);
  link.writer.u32(7);
  link.writer.end();
  link.flush();
}

Deno.test("a muted link sends heartbeats, and is closed when something else is to leave", async () => {
  const { duplex, owner, link } = makeLink();
  owner.isMuted = true;
  for (let count = 1; count <= 3; count++) {
    link.sendHeartbeat();
    await turn();
    assertEquals([duplex.written.length, link.isClosed], [5 * count, false]);
  }
  write(link);
  await turn();
  assertEquals([duplex.written.length, link.isClosed, duplex.isClosed], [15, true, true]);
});

Deno.test("a heartbeat behind something else does not take that along", async () => {
  const { duplex, owner, link } = makeLink();
  write(link);
  link.sendHeartbeat();
  owner.isMuted = true;
  await turn();
  assertEquals([duplex.written.length, link.isClosed], [0, true]);
});

Deno.test("the rest of a write that was accepted in part does not leave either", async () => {
  const { duplex, owner, link } = makeLink({ pieces: [4], isHeld: true });
  write(link);
  await Promise.resolve();
  assert(duplex.isWriting);
  owner.isMuted = true;
  duplex.accept();
  await turn();
  assertEquals([duplex.written.length, link.isClosed], [4, true]);
});

Deno.test("Link.forget() drops what waits, and says whether something can be sent instead", async () => {
  const { duplex, link } = makeLink({ isHeld: true });
  write(link);
  assertEquals([link.forget(), link.outboundBytes], [true, 0]);
  write(link);
  await Promise.resolve();
  assertEquals(link.forget(), false);
  duplex.accept();
  await turn();
  assertEquals(duplex.written.length, 9);
  link.close();
});
