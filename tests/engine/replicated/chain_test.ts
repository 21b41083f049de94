/**
 * The rules by which records count.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { checksum } from "../../../src/engine/journal/segments/format.ts";
import {
  Chain,
  type ChainPoint,
  LogDamageError,
  type RecordKind,
} from "../../../src/engine/replicated/chain.ts";
import {
  readRecordHead,
  RECORD_HEAD_BYTES,
  RECORD_TYPES,
  RECORD_VERSION,
  type RecordHead,
} from "../../../src/engine/replicated/record.ts";
import { epochFields, recordOf } from "./window/window_use.ts";

const { epoch, bytes, heartbeat, trim, release, seal, segment, filler } = RECORD_TYPES;

/** A log that is written record by record, and read at once. */
class Written {
  readonly chain: Chain;
  sequence: number;

  constructor(chain: Chain = new Chain()) {
    this.chain = chain;
    this.sequence = chain.sequence;
  }

  /** A record as the current owner would write it, with changes. */
  next(fields: Partial<RecordHead> = {}, body: string = "body"): Uint8Array<ArrayBuffer> {
    const { point } = this.chain;
    return recordOf({
      type: bytes,
      epoch: point.epoch,
      owner: point.owner,
      number: point.number + 1,
      position: point.position,
      previousCrc: point.crc,
      ...fields,
    }, body);
  }

  /** An epoch record as a broker would write it. */
  epoch(fields: Partial<RecordHead> = {}, told: object = {}): Uint8Array<ArrayBuffer> {
    const { position, epoch: current } = this.chain.point;
    const at = fields.position ?? position;
    const json = JSON.stringify({ ...epochFields(at), ...told });
    return this.next({ type: epoch, epoch: current + 1, owner: 5, number: 0, ...fields }, json);
  }

  take(record: Uint8Array): RecordKind {
    const { kind } = this.chain.take(this.sequence + 1, record);
    this.sequence++;
    return kind;
  }

  /** What is said of a record that is damage; it changes nothing. */
  refuse(record: Uint8Array): string {
    const before = this.chain.point;
    const error = assertThrows(() => this.take(record), LogDamageError);
    assertEquals(error.sequence, this.sequence + 1);
    assertEquals(this.chain.point, before);
    const [, said] = /^Cannot use record \d+ of the log: (.*); only a log that goes on as/s
      .exec(error.message)!;
    return said!;
  }
}

function written(): Written {
  const log = new Written();
  assertEquals(log.take(log.epoch()), "epoch");
  return log;
}

Deno.test("records of the owner count in the order of their numbers", () => {
  const log = written();
  assertEquals(log.take(log.next({ type: segment }, "12345678")), "segment");
  assertEquals(log.take(log.next({}, "abc")), "bytes");
  assertEquals(log.chain.point.position, 11);
  assertEquals(log.take(log.next({ type: heartbeat }, "{}")), "heartbeat");
  assertEquals(log.take(log.next({ type: trim }, '{"log":"L"}')), "trim");
  assertEquals(log.take(log.next({ type: release }, "")), "release");
  const { point } = log.chain;
  assertEquals([point.sequence, point.number, point.position, point.epoch], [6, 5, 11, 1]);
});

Deno.test("what is taken is told with its head, and its bytes where they lie", () => {
  const log = written();
  const record = log.next({}, "abc");
  const { head, body } = log.chain.take(2, record);
  assertEquals(head, readRecordHead(record) as RecordHead);
  assert(body.buffer === record.buffer);
  assertEquals([body.byteOffset, body.length], [RECORD_HEAD_BYTES, 3]);
});

Deno.test("everything else is void, and moves nothing but the sequence", () => {
  const log = written();
  log.take(log.next());
  const { sequence: _, ...before } = log.chain.point;
  const strangers: [string, Uint8Array][] = [
    ["another owner", log.next({ owner: 6 })],
    ["an old epoch", log.next({ epoch: 0 })],
    ["an epoch that never began", log.next({ epoch: 2 })],
    ["a number that is used", log.next({ number: 1 })],
    ["a number that is left out", log.next({ number: 3 })],
    ["a filler", log.next({ type: filler })],
    ["a filler of a higher epoch", log.next({ type: filler, epoch: 9 })],
    ["the same epoch again", log.epoch({ epoch: 1 })],
    ["the same epoch by another owner", log.epoch({ epoch: 1, owner: 6 })],
    ["a lower epoch", log.epoch({ epoch: 0 })],
    [
      "a void one of an unknown type, without a place",
      log.next({ owner: 6, type: 99, position: 9 }),
    ],
    ["a greeting", new TextEncoder().encode("hello")],
    ["nothing", new Uint8Array()],
  ];
  for (const [what, record] of strangers) assertEquals(log.take(record), "void", what);
  const { sequence, ...after } = log.chain.point;
  assertEquals([sequence, after], [2 + strangers.length, before]);
  assertEquals(log.take(log.next()), "bytes");
});

Deno.test("before the first epoch record nothing counts", () => {
  const log = new Written();
  assertEquals(log.take(log.next({ epoch: 0, owner: 0 })), "void");
  assertEquals(log.take(log.epoch({ epoch: 0, number: 0 })), "void");
  assertEquals(log.take(new Uint8Array(3)), "void");
  assertEquals(log.take(log.epoch()), "epoch");
});

Deno.test("two brokers that take over with the same epoch: the first one does", () => {
  const log = written();
  const late = log.epoch({ owner: 6 });
  const record = log.next({ owner: 6, epoch: 2, number: 1 });
  assertEquals(log.take(log.epoch({ owner: 7 })), "epoch");
  assertEquals([log.take(late), log.take(record)], ["void", "void"]);
  assertEquals(log.chain.point.owner, 7);
});

Deno.test("an epoch record gives up what was not finished", () => {
  const log = written();
  log.take(log.next({}, "12345678"));
  assertEquals(log.take(log.epoch({ position: 3 })), "epoch");
  assertEquals(log.chain.point.position, 3);
  assertEquals(log.refuse(log.next({ position: 8 })), "its position is 8, where 3 is expected");
  assertEquals(log.take(log.next({ type: segment })), "segment");
});

Deno.test("an epoch may be left out", () => {
  const log = written();
  assertEquals(log.take(log.epoch({ epoch: 9 })), "epoch");
});

Deno.test("a record that counts and does not fit is damage", () => {
  const log = written();
  log.take(log.next());
  const { crc } = log.chain.point;
  assertEquals(log.refuse(log.next({ position: 3 })), "its position is 3, where 4 is expected");
  assertEquals(
    log.refuse(log.next({ previousCrc: 1 })),
    `its chain is 1, where ${crc} is expected`,
  );
  assertEquals(log.refuse(log.next({ journalId: 1 })), "its journal is 1, where 77 is expected");
  assertEquals(
    log.refuse(log.next({ type: seal })),
    "its type is 6, which this broker does not know",
  );
  assertEquals(
    log.refuse(log.epoch({ previousCrc: 1 })),
    `its chain is 1, where ${crc} is expected`,
  );
  assertEquals(log.refuse(log.epoch({ number: 1 })), "its number is 1, where 0 is expected");
  assertEquals(log.refuse(log.epoch({ journalId: 1 })), "its journal is 1, where 77 is expected");
  assertEquals(
    log.refuse(log.epoch({ position: 5 })),
    "it goes on at position 5, behind the end of the bytes, 4",
  );
  assertEquals(
    log.refuse(log.epoch({}, { position: 3 })),
    "it goes on at position 4 by its head, and at 3 by its bytes",
  );
  assertEquals(log.refuse(log.epoch({}, { log: "M" })), "it is of the log M, where L is expected");
  for (const body of ['{"log":5}', '{"log":""}', "[]", "null", "{", "\xff"]) {
    const what = "its bytes do not name the log, which is expected there";
    assertEquals(log.refuse(log.next({ type: trim }, body)), what);
  }
  assertEquals(log.take(log.next()), "bytes");
});

Deno.test("a record that is not as it was written is damage, whosever it seems to be", () => {
  const log = written();
  for (
    const record of [log.next(), log.next({ owner: 6 }), log.epoch(), log.next({ type: filler })]
  ) {
    for (let index = 4; index < record.length; index++) {
      const broken = record.slice();
      broken[index]! ^= 0x10;
      log.refuse(broken);
    }
  }
  assertEquals(log.refuse(log.next().subarray(0, -1)), "it is a record whose length does not fit");
});

Deno.test("a record of a later version is for a later broker", () => {
  const log = written();
  const record = log.next({ owner: 6 });
  record[7] = RECORD_VERSION + 1;
  assertEquals(
    log.refuse(record),
    `this broker knows record versions up to ${RECORD_VERSION}, and it is of a later one; ` +
      "use the broker that wrote it, or a later one",
  );
});

Deno.test("records of earlier versions count, whatever the version of the one before is", () => {
  const log = written();
  for (let version = 1; version <= RECORD_VERSION; version++) {
    const record = log.next();
    const view = new DataView(record.buffer);
    view.setUint32(4, version);
    const { position, journalId } = readRecordHead(record) as RecordHead;
    const head = checksum(record.subarray(0, RECORD_HEAD_BYTES - 4), position, journalId);
    view.setUint32(RECORD_HEAD_BYTES - 4, crc32(record.subarray(RECORD_HEAD_BYTES), head));
    assertEquals(log.take(record), "bytes");
  }
});

Deno.test("sequences have no gaps, and none is taken twice", () => {
  const log = written();
  const record = log.next();
  for (const sequence of [0, 1, 3]) {
    const text = "it follows record 1, where record 2 is expected";
    assertThrows(() => log.chain.take(sequence, record), LogDamageError, text);
  }
  assertEquals(log.take(record), "bytes");
});

Deno.test("a log that was trimmed begins with an epoch record or a segment, which is believed", () => {
  const fields = { epoch: 4, owner: 3, number: 12, position: 5000, previousCrc: 99 };
  const log = new Written();
  const first = log.next({ ...fields, type: segment });
  assertEquals(log.chain.take(100, first).kind, "segment");
  const { log: unknown, ...point } = log.chain.point;
  const { crc } = readRecordHead(first) as RecordHead;
  const { previousCrc: _, ...known } = fields;
  const expected: ChainPoint = { ...known, sequence: 100, crc, position: 5004, journalId: 77 };
  assertEquals([unknown, point], [undefined, expected]);
  log.sequence = 100;
  assertEquals(log.take(log.next()), "bytes");
  // The record of the trim, which is still there, tells which log it is.
  assertEquals(log.take(log.next({ type: trim }, '{"log":"L"}')), "trim");
  assertEquals(log.chain.point.log, "L");

  const other = new Written();
  assertEquals(other.chain.take(9, other.epoch({ epoch: 4, previousCrc: 99 })).kind, "epoch");
  for (const record of [log.next(), log.next({ type: filler }), new Uint8Array(5)]) {
    const text = "where an epoch record or a segment is expected";
    assertThrows(() => new Chain().take(9, record), LogDamageError, text);
  }
  const broken = first.slice();
  broken[65]! ^= 1;
  assertThrows(() => new Chain().take(9, broken), LogDamageError, "its checksum");
  // The first record of all is not believed: it has to be an epoch record.
  assertEquals(new Chain().take(1, first).kind, "void");
});

Deno.test("a chain goes on from a point as the one that made it", () => {
  const log = written();
  log.take(log.next());
  const again = new Written(new Chain(log.chain.point));
  assertEquals(again.chain.point, log.chain.point);
  const { point } = log.chain;
  assertEquals(again.take(log.next()), "bytes");
  assertEquals(log.chain.point, point, "a point does not change");
  assertNotEquals(again.chain.point, point);
});

Deno.test("a record that this broker has just written is not checked again", () => {
  const log = written();
  const record = log.next();
  const head = readRecordHead(record) as RecordHead;
  record[RECORD_HEAD_BYTES]! ^= 1;
  assertEquals(log.chain.take(2, record, head).kind, "bytes");
});
