import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { FrameWriter } from "../../../protocol.ts";
import { DeliveryVerdicts } from "../../../src/client/deliveries/delivery_verdicts.ts";
import { Uplink } from "../../../src/client/uplink/uplink.ts";
import { systemClock } from "../../../src/transport/clock.ts";

Deno.test("acknowledgements leave together while messages are at hand, and else at once", async () => {
  const link = { isReady: true, flush() {}, writer: new FrameWriter() };
  const session = { link } as never;
  const uplink = new Uplink(session, { clock: systemClock, drainMs: 0 });
  uplink.attach(session);
  const log: string[] = [];
  const write = () => {
    log.push("write");
    verdicts.notes.write(link.writer, 1);
  };
  const owner = { name: "a", number: 1, isClosed: false, write };
  const verdicts = new DeliveryVerdicts(owner, uplink, { send: () => Promise.resolve() });
  const acknowledge = (tag: number, hasMore: boolean) => {
    verdicts.hasMore = () => hasMore;
    log.push(`ack ${tag}`);
    verdicts.noteAck(tag);
  };
  const endTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

  acknowledge(1, true);
  await Promise.resolve();
  acknowledge(2, true);
  await Promise.resolve();
  acknowledge(3, false);
  await endTurn();
  assertEquals(log.splice(0), ["ack 1", "ack 2", "ack 3", "write"]);

  acknowledge(4, false);
  await Promise.resolve();
  acknowledge(5, true);
  verdicts.schedule();
  await Promise.resolve();
  log.push("turn");
  await endTurn();
  assertEquals(log, ["ack 4", "write", "ack 5", "write", "turn"]);
});
