/**
 * Lines of attachments: first come, first served, and in one queue at a time.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Attachment, AttachmentQueue } from "../../../src/broker/share/attachment.ts";
import { FollowerState } from "../../../src/broker/share/follower_state.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { RecordingFollowerSink } from "../../support/broker/recording_sinks.ts";
import { bindOf } from "../../support/broker/test_broker.ts";
import { streamOf } from "../../support/broker/test_stream.ts";

/** An attachment whose follower has that name. */
function attachment(name: string): Attachment {
  const sink = new RecordingFollowerSink();
  const follower = new FollowerState({ name, bind: bindOf("orders"), messages: 1, bytes: 1, sink });
  return new Attachment(follower, streamOf("orders").share);
}

/** The names in a queue, after a look at its links in both directions. */
function namesIn(queue: AttachmentQueue): string[] {
  const names: string[] = [];
  let previous: Attachment | undefined;
  for (let one = queue.first; one !== undefined; one = one.next) {
    assertEquals(one.queue === queue, true);
    assertEquals(one.previous === previous, true);
    names.push(one.follower.name);
    previous = one;
  }
  assertEquals(queue.count, names.length);
  return names;
}

Deno.test("AttachmentQueue.append() puts at the end, also what was in the queue already", () => {
  const queue = new AttachmentQueue();
  const [a, b, c] = ["a", "b", "c"].map(attachment);
  for (const one of [a!, b!, c!]) queue.append(one);
  assertEquals(namesIn(queue), ["a", "b", "c"]);
  queue.append(a!);
  assertEquals(namesIn(queue), ["b", "c", "a"]);
  queue.append(a!);
  assertEquals(namesIn(queue), ["b", "c", "a"]);
});

Deno.test("AttachmentQueue.append() takes out of the queue before", () => {
  const [waiting, turns] = [new AttachmentQueue(), new AttachmentQueue()];
  const [a, b] = ["a", "b"].map(attachment);
  waiting.append(a!);
  waiting.append(b!);
  turns.append(a!);
  assertEquals([namesIn(waiting), namesIn(turns)], [["b"], ["a"]]);
});

Deno.test("AttachmentQueue.remove() takes out the first, the last, one between, and the only one", () => {
  for (const [gone, rest] of [["a", "bcd"], ["d", "abc"], ["b", "acd"]] as const) {
    const queue = new AttachmentQueue();
    const all = ["a", "b", "c", "d"].map(attachment);
    for (const one of all) queue.append(one);
    const removed = all.find(({ follower }) => follower.name === gone)!;
    queue.remove(removed);
    assertEquals(namesIn(queue).join(""), rest);
    assertEquals([removed.queue, removed.next, removed.previous], [
      undefined,
      undefined,
      undefined,
    ]);
  }
  const queue = new AttachmentQueue();
  const only = attachment("only");
  queue.append(only);
  queue.remove(only);
  assertEquals(namesIn(queue), []);
  queue.append(only);
  assertEquals(namesIn(queue), ["only"]);
});

Deno.test("AttachmentQueue holds the same as plain arrays (random)", () => {
  const step = fc.record({ who: fc.nat(5), queue: fc.constantFrom(0, 1), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const lines = [new AttachmentQueue(), new AttachmentQueue()];
      const all = ["0", "1", "2", "3", "4", "5"].map(attachment);
      let model: string[][] = [[], []];
      for (const { who, queue, remove } of steps) {
        const one = all[who]!;
        model = model.map((names) => names.filter((name) => name !== one.follower.name));
        if (remove) one.queue?.remove(one);
        else {
          lines[queue]!.append(one);
          model[queue]!.push(one.follower.name);
        }
        assertEquals(lines.map(namesIn), model);
      }
    }),
    fuzz(50),
  );
});
