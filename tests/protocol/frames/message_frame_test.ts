/**
 * The binary frames: what is written is read, and what has another layout is refused.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  encodeBatch,
  type FrameDecoder,
  FrameType,
  FrameWriter,
  readBatch,
  readConfirm,
  readDeliver,
  writeCredit,
  writePublish,
  writeTags,
} from "../../../protocol.ts";
import {
  readCredit,
  readPublish,
  readTags,
  writeConfirm,
  writeDeliver,
} from "../../../src/protocol/frames/message_frame.ts";
import { BATCH_COUNT_MAX } from "../../../src/protocol/limits.ts";
import {
  number32,
  number64,
  plain,
  positive32,
  positive64,
  text,
} from "../../support/wire/arbitraries.ts";
import { batchOf, embedBatch, textsOf } from "../../support/wire/batches.ts";
import { assertCode, decoderOn, frameOf, roundTrip, u32, u64 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** The readers do not look at the type. */
const ANY_TYPE = FrameType.heartbeat;

const bodies = fc.array(text, { minLength: 1, maxLength: 10 });

Deno.test("publish: decode(encode(fields, batch)) equals fields and batch", () => {
  fc.assert(
    fc.property(number32, number64, number64, bodies, (publisher, sequence, settled, bodies) => {
      const fields = { publisher, sequence, settled };
      const decoder = roundTrip(FrameType.publish, (writer) => {
        writePublish(writer, fields, batchOf(...bodies));
      });
      assertEquals(readPublish(decoder), fields);
      const batch = readBatch(decoder);
      assertEquals(batch.count, bodies.length);
      assertEquals(textsOf(batch), bodies);
    }),
    fuzz(60),
  );
});

Deno.test("deliver: decode(encode(fields, batch)) equals fields and batch", () => {
  const fields = fc.record({
    follower: number32,
    stream: number32,
    firstTag: number64,
    firstId: number64,
    attempts: fc.nat(0x1fff_ffff),
    isDoubtful: fc.constantFrom(true, undefined),
    isSuspect: fc.constantFrom(true, undefined),
    storedAt: fc.option(
      fc.array(fc.record({ count: number32, at: number64 }, plain), { maxLength: 5 }),
      { nil: undefined },
    ),
  }, plain).map(({ isDoubtful, isSuspect, storedAt, ...fields }) => {
    const marks = { ...isDoubtful && { isDoubtful }, ...isSuspect && { isSuspect } };
    return { ...fields, ...marks, ...storedAt && { storedAt } };
  });
  fc.assert(
    fc.property(fields, bodies, (fields, bodies) => {
      const decoder = roundTrip(FrameType.deliver, (writer) => {
        writeDeliver(writer, fields, batchOf(...bodies));
      });
      assertEquals(readDeliver(decoder), fields);
      assertEquals(textsOf(readBatch(decoder)), bodies);
    }),
    fuzz(60),
  );
});

Deno.test("confirm: decode(encode(fields)) equals fields", () => {
  const place = { stream: number32, firstId: number64 };
  const range = fc.record(place, plain);
  const kept = fc.record({ ...place, isKept: fc.constant(true) }, plain);
  const replacing = fc.record({ ...place, replaced: number64 }, plain);
  const fields = fc.record({
    publisher: number32,
    sequence: number64,
    count: number32,
    repetition: fc.constantFrom(
      { isDuplicate: false, hasSameId: false },
      { isDuplicate: true, hasSameId: false },
      { isDuplicate: true, hasSameId: true },
    ),
    stored: fc.array(fc.oneof(range, kept, replacing), { maxLength: 20 }),
  }, plain);
  fc.assert(
    fc.property(fields, ({ repetition, ...others }) => {
      const fields = { ...others, ...repetition };
      const decoder = roundTrip(FrameType.confirm, (writer) => writeConfirm(writer, fields));
      assertEquals(readConfirm(decoder), fields);
    }),
    fuzz(60),
  );
});

Deno.test("credit: decode(encode(fields)) equals fields", () => {
  fc.assert(
    fc.property(number32, number32, number32, (follower, messages, bytes) => {
      const fields = { follower, messages, bytes };
      const decoder = roundTrip(FrameType.credit, (writer) => writeCredit(writer, fields));
      assertEquals(readCredit(decoder), fields);
    }),
    fuzz(60),
  );
});

for (const name of ["ack", "release", "begin"] as const) {
  Deno.test(`${name}: decode(encode(fields)) equals fields`, () => {
    const range = fc.record({ firstTag: positive64, count: positive32 }, plain);
    const fields = fc.record({
      follower: number32,
      query: number32,
      ranges: fc.array(range, { maxLength: 20 }),
    }, plain);
    fc.assert(
      fc.property(fields, (fields) => {
        const decoder = roundTrip(FrameType[name], (writer) => {
          writeTags(writer, FrameType[name], fields);
        });
        assertEquals(readTags(decoder), fields);
      }),
      fuzz(60),
    );
  });
}

Deno.test("the binary frames are laid out as the specification says", () => {
  const batch = batchOf("x", "");
  const tags = { follower: 1, query: 2, ranges: [{ firstTag: 3, count: 4 }] };
  const tagFields = [...u32(1), ...u32(2), ...u32(1), ...u64(3), ...u32(4)];
  const layouts: [write: (writer: FrameWriter) => void, type: number, fields: number[]][] = [
    [
      (writer) => writePublish(writer, { publisher: 1, sequence: 2, settled: 3 }, batch),
      0x22,
      [...u32(1), ...u64(2), ...u64(3), ...u32(2), ...batch.buffer],
    ],
    [
      (writer) =>
        writeConfirm(writer, {
          publisher: 1,
          sequence: 2,
          count: 3,
          isDuplicate: true,
          hasSameId: true,
          stored: [{ stream: 4, firstId: 5 }],
        }),
      0x23,
      [...u32(1), ...u64(2), ...u32(3), 1, ...u32(1), ...u32(4), ...u64(5)],
    ],
    [
      (writer) =>
        writeConfirm(writer, {
          publisher: 1,
          sequence: 2,
          count: 3,
          isDuplicate: true,
          hasSameId: false,
          stored: [],
        }),
      0x23,
      [...u32(1), ...u64(2), ...u32(3), 2, ...u32(0)],
    ],
    [
      (writer) => writeCredit(writer, { follower: 1, messages: 2, bytes: 3 }),
      0x32,
      [...u32(1), ...u32(2), ...u32(3)],
    ],
    [
      (writer) => {
        const fields = { follower: 1, stream: 2, firstTag: 3, firstId: 4, attempts: 5 };
        writeDeliver(writer, fields, batch);
      },
      0x33,
      [...u32(1), ...u32(2), ...u64(3), ...u64(4), ...u32(5), ...u32(2), ...batch.buffer],
    ],
    [(writer) => writeTags(writer, FrameType.ack, tags), 0x34, tagFields],
    [(writer) => writeTags(writer, FrameType.release, tags), 0x35, tagFields],
    [(writer) => writeTags(writer, FrameType.begin, tags), 0x36, tagFields],
  ];
  for (const [write, type, fields] of layouts) {
    const writer = new FrameWriter();
    write(writer);
    assertEquals(writer.take(), frameOf(type, ...fields));
  }
});

Deno.test("publish and deliver take a batch from the midst of a buffer", () => {
  const batch = embedBatch(
    encodeBatch([{ kind: 1, headers: {}, body: new Uint8Array([0x61]) }]),
    50,
  );
  const decoder = roundTrip(FrameType.publish, (writer) => {
    writePublish(writer, { publisher: 1, sequence: 1, settled: 0 }, batch);
  });
  readPublish(decoder);
  assertEquals(textsOf(readBatch(decoder)), ["a"]);
});

/** The binary frames, as the bytes of a valid one and the function that reads it to its end. */
const binaryFrames: Record<string, [fields: number[], read: (decoder: FrameDecoder) => unknown]> = {
  confirm: [
    [...u32(1), ...u64(2), ...u32(3), 0, ...u32(2), ...u32(4), ...u64(5), ...u32(6), ...u64(7)],
    readConfirm,
  ],
  "confirm of messages that were joined": [
    [...u32(1), ...u64(2), ...u32(1), 4, ...u32(1), ...u32(4), ...u64(5), 1, ...u64(7)],
    readConfirm,
  ],
  credit: [[...u32(1), ...u32(2), ...u32(3)], readCredit],
  tags: [[...u32(1), ...u32(0), ...u32(1), ...u64(2), ...u32(3)], readTags],
};

for (const [name, [fields, read]] of Object.entries(binaryFrames)) {
  Deno.test(`a frame of ${name} that is cut short anywhere, or goes on, is BAD_FRAME`, () => {
    read(decoderOn(frameOf(ANY_TYPE, ...fields)));
    for (let length = 0; length < fields.length; length++) {
      const frame = frameOf(ANY_TYPE, ...fields.slice(0, length));
      assertCode("BAD_FRAME", () => read(decoderOn(frame)));
    }
    assertCode("BAD_FRAME", () => read(decoderOn(frameOf(ANY_TYPE, ...fields, 0))));
  });
}

for (
  const [name, read, bytes] of [["publish", readPublish, 20], ["deliver", readDeliver, 28]] as const
) {
  Deno.test(`a frame of ${name} that is cut short in its fields is BAD_FRAME`, () => {
    for (let length = 0; length < bytes + 4; length++) {
      const decoder = decoderOn(frameOf(ANY_TYPE, ...new Uint8Array(length)));
      assertCode("BAD_FRAME", () => {
        read(decoder);
        readBatch(decoder);
      });
    }
  });
}

Deno.test("a batch of 0 messages, or of more than fit into a frame, is BAD_FRAME", () => {
  for (const count of [0, BATCH_COUNT_MAX + 1, 0xffff_ffff]) {
    assertCode("BAD_FRAME", () => readBatch(decoderOn(frameOf(ANY_TYPE, ...u32(count)))));
  }
  assertEquals(readBatch(decoderOn(frameOf(ANY_TYPE, ...u32(BATCH_COUNT_MAX)))).count, 4096);
});

Deno.test("an unsafe integer in a frame is BAD_FRAME", () => {
  const unsafe = u64(2n ** 53n);
  const publish = frameOf(ANY_TYPE, ...u32(1), ...unsafe, ...u64(0));
  assertCode("BAD_FRAME", () => readPublish(decoderOn(publish)));
  const tags = frameOf(ANY_TYPE, ...u32(1), ...u32(0), ...u32(1), ...unsafe, ...u32(1));
  assertCode("BAD_FRAME", () => readTags(decoderOn(tags)));
});

Deno.test("a range of deliveries that is empty, or begins at tag 0, is BAD_FRAME", () => {
  for (const [firstTag, count] of [[0, 1], [1, 0]] as const) {
    const frame = frameOf(
      FrameType.ack,
      ...u32(1),
      ...u32(0),
      ...u32(1),
      ...u64(firstTag),
      ...u32(count),
    );
    assertCode("BAD_FRAME", () => readTags(decoderOn(frame)));
  }
});

Deno.test("a count of ranges far beyond the frame is BAD_FRAME, and found before memory is taken", () => {
  const many = 0xffff_ffff;
  const tags = frameOf(FrameType.ack, ...u32(1), ...u32(0), ...u32(many), ...u64(1), ...u32(1));
  assertCode("BAD_FRAME", () => readTags(decoderOn(tags)));
  const confirm = frameOf(FrameType.confirm, ...u32(1), ...u64(1), ...u32(1), 0, ...u32(many));
  assertCode("BAD_FRAME", () => readConfirm(decoderOn(confirm)));
});
