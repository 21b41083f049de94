/**
 * Lines of attachments: first come, first served, and in one line at a time.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Attachment, AttachmentLine } from "../../../src/broker/share/attachment.ts";
import { Follower } from "../../../src/broker/share/follower.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { RecordingFollowerSink } from "../../support/broker/recording_sinks.ts";
import { bindOf } from "../../support/broker/test_broker.ts";
import { streamOf } from "../../support/broker/test_stream.ts";

/** An attachment whose follower has that name. */
function attachment(name: string): Attachment {
  const sink = new RecordingFollowerSink();
  const follower = new Follower({ name, bind: bindOf("orders"), messages: 1, bytes: 1, sink });
  return new Attachment(follower, streamOf("orders"));
}

/** The names in a line, after a look at its links in both directions. */
function namesIn(line: AttachmentLine): string[] {
  const names: string[] = [];
  let previous: Attachment | undefined;
  for (let one = line.first; one !== undefined; one = one.next) {
    assertEquals(one.line === line, true);
    assertEquals(one.previous === previous, true);
    names.push(one.follower.name);
    previous = one;
  }
  assertEquals(line.count, names.length);
  return names;
}

Deno.test("AttachmentLine.append() puts at the end, also what was in the line already", () => {
  const line = new AttachmentLine();
  const [a, b, c] = ["a", "b", "c"].map(attachment);
  for (const one of [a!, b!, c!]) line.append(one);
  assertEquals(namesIn(line), ["a", "b", "c"]);
  line.append(a!);
  assertEquals(namesIn(line), ["b", "c", "a"]);
  line.append(a!);
  assertEquals(namesIn(line), ["b", "c", "a"]);
});

Deno.test("AttachmentLine.append() takes out of the line before", () => {
  const [waiting, turns] = [new AttachmentLine(), new AttachmentLine()];
  const [a, b] = ["a", "b"].map(attachment);
  waiting.append(a!);
  waiting.append(b!);
  turns.append(a!);
  assertEquals([namesIn(waiting), namesIn(turns)], [["b"], ["a"]]);
});

Deno.test("AttachmentLine.remove() takes out the first, the last, one between, and the only one", () => {
  for (const [gone, rest] of [["a", "bcd"], ["d", "abc"], ["b", "acd"]] as const) {
    const line = new AttachmentLine();
    const all = ["a", "b", "c", "d"].map(attachment);
    for (const one of all) line.append(one);
    const removed = all.find(({ follower }) => follower.name === gone)!;
    line.remove(removed);
    assertEquals(namesIn(line).join(""), rest);
    assertEquals([removed.line, removed.next, removed.previous], [undefined, undefined, undefined]);
  }
  const line = new AttachmentLine();
  const only = attachment("only");
  line.append(only);
  line.remove(only);
  assertEquals(namesIn(line), []);
  line.append(only);
  assertEquals(namesIn(line), ["only"]);
});

Deno.test("AttachmentLine holds the same as plain arrays (random)", () => {
  const step = fc.record({ who: fc.nat(5), line: fc.constantFrom(0, 1), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const lines = [new AttachmentLine(), new AttachmentLine()];
      const all = ["0", "1", "2", "3", "4", "5"].map(attachment);
      let model: string[][] = [[], []];
      for (const { who, line, remove } of steps) {
        const one = all[who]!;
        model = model.map((names) => names.filter((name) => name !== one.follower.name));
        if (remove) one.line?.remove(one);
        else {
          lines[line]!.append(one);
          model[line]!.push(one.follower.name);
        }
        assertEquals(lines.map(namesIn), model);
      }
    }),
    fuzz(50),
  );
});
