/**
 * Which records of the log count. Each reader comes to the same answer, and needs nothing but the log:
 *
 * 1. An epoch record counts if its epoch is higher than all before it.
 * 2. Another record counts if its epoch and owner are the current ones, and its number is the next.
 * 3. Everything else is void: it is passed over, and was never confirmed.
 * 4. A record that counts by 1 or 2, and whose position, chain or type does not fit, is damage.
 * 5. The log's sequences have no gaps.
 *
 * A record that is not as it was written is damage, whosever it seems to be: which of the rules holds for
 * it cannot be known. A message that does not even begin as a record is a stranger's, and void.
 *
 * What an owner left unfinished is given up by the next epoch record: its position is where the new
 * owner goes on, which may be before the end of the bytes. Whether it is the right place is for those
 * to judge who know what the bytes mean.
 *
 * @module
 */

import {
  type EpochFields,
  isIntact,
  readRecordHead,
  RECORD_HEAD_BYTES,
  RECORD_TYPES,
  RECORD_VERSION,
  type RecordHead,
} from "./record.ts";

/** A place in the log, after a record. */
export interface ChainPoint {
  readonly sequence: number;
  /** Of the last record that counts: whose turn it is, and its number and crc. */
  readonly epoch: number;
  readonly owner: number;
  readonly number: number;
  readonly crc: number;
  /** Where the journal's next bytes belong. */
  readonly position: number;
  readonly journalId: number;
  /** The identity of the log, from its epoch and trim records; unknown while none was read. */
  readonly log?: string;
}

/** What a record is for those who follow the log. */
export type RecordKind =
  | "epoch"
  | "bytes"
  | "segment"
  | "heartbeat"
  | "trim"
  | "release"
  | "void";

/** A record that was taken. */
export interface TakenRecord {
  readonly kind: RecordKind;
  /** A void one may have none. */
  readonly head: RecordHead | undefined;
  /** The bytes behind the head, where they lie. */
  readonly body: Uint8Array;
}

/** The log is not what this broker knows of it: nothing is to be changed, and nobody goes on. */
export class LogDamageError extends Error {
  /**
   * @param sequence The record's place in the log.
   * @param what What was found, and what was expected.
   */
  constructor(readonly sequence: number, what: string) {
    super(
      `Cannot use record ${sequence} of the log: ${what}; only a log that goes on as it began is used`,
    );
    this.name = "LogDamageError";
  }
}

/** Another broker took over: this one decides nothing any more. */
export class FencedError extends Error {
  override readonly name = "FencedError";

  /** @param fields Who took over, if it is known. */
  constructor(readonly fields: EpochFields | undefined) {
    const who = fields === undefined ? "another broker" : `broker ${fields.id}`;
    super(
      `Cannot go on as the active broker: ${who} has taken over; only the last one that took over appends`,
    );
  }
}

/** The kinds of the types that can count. */
const KINDS: ReadonlyMap<number, RecordKind> = new Map([
  [RECORD_TYPES.epoch, "epoch"],
  [RECORD_TYPES.bytes, "bytes"],
  [RECORD_TYPES.heartbeat, "heartbeat"],
  [RECORD_TYPES.trim, "trim"],
  [RECORD_TYPES.release, "release"],
  [RECORD_TYPES.segment, "segment"],
]);

/** A place before all records. */
const NOWHERE: ChainPoint = {
  sequence: 0,
  epoch: 0,
  owner: 0,
  number: 0,
  crc: 0,
  position: 0,
  journalId: 0,
};

/** Reads the records of the log in order, and tells which ones count. */
export class Chain {
  #sequence: number;
  #epoch: number;
  #owner: number;
  #number: number;
  #crc: number;
  #position: number;
  #journalId: number;
  #log: string | undefined;
  #voidCount = 0;

  /** @param point After which record it goes on; before all if not given. */
  constructor(point: ChainPoint = NOWHERE) {
    this.#sequence = point.sequence;
    this.#epoch = point.epoch;
    this.#owner = point.owner;
    this.#number = point.number;
    this.#crc = point.crc;
    this.#position = point.position;
    this.#journalId = point.journalId;
    this.#log = point.log;
  }

  /** The place after the last record that was taken, as it is now. */
  get point(): ChainPoint {
    return {
      sequence: this.#sequence,
      epoch: this.#epoch,
      owner: this.#owner,
      number: this.#number,
      crc: this.#crc,
      position: this.#position,
      journalId: this.#journalId,
      ...(this.#log === undefined ? {} : { log: this.#log }),
    };
  }

  /** How many void records were taken behind the last one that counts. */
  get voidCount(): number {
    return this.#voidCount;
  }

  /** The sequence of the last record that was taken. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Takes the next record. The first one may have any sequence: a log that was trimmed begins with an
   * epoch record or a segment, which is believed.
   *
   * @param written The head of a record that this broker has just written: its bytes are not checked again.
   * @throws {LogDamageError} If the record is damage. Nothing is changed then.
   */
  take(sequence: number, bytes: Uint8Array, written?: RecordHead): TakenRecord {
    const isFirst = this.#sequence === 0 && sequence > 1;
    if (sequence !== this.#sequence + 1 && !isFirst) {
      throw new LogDamageError(
        sequence,
        `it follows record ${this.#sequence}, where record ${this.#sequence + 1} is expected`,
      );
    }
    const head = written ?? readIntact(sequence, bytes);
    const kind = this.#judge(sequence, head, isFirst);
    const body = bytes.subarray(RECORD_HEAD_BYTES);
    const names = kind === "epoch" || kind === "trim";
    const log = names ? readLog(sequence, body, head!, this.#log) : this.#log;
    this.#sequence = sequence;
    this.#voidCount = kind === "void" ? this.#voidCount + 1 : 0;
    if (kind !== "void") this.#advance(kind, head!, log);
    return { kind, head, body };
  }

  #judge(sequence: number, head: RecordHead | undefined, isFirst: boolean): RecordKind {
    if (isFirst) return this.#judgeFirst(sequence, head);
    if (head === undefined || head.type === RECORD_TYPES.filler) return "void";
    const isEpoch = head.type === RECORD_TYPES.epoch;
    const counts = isEpoch
      ? head.epoch > this.#epoch
      : this.#epoch > 0 && head.epoch === this.#epoch && head.owner === this.#owner &&
        head.number === this.#number + 1;
    if (!counts) return "void";
    expect(sequence, "number", head.number, isEpoch ? 0 : this.#number + 1);
    expect(sequence, "chain", head.previousCrc, this.#crc);
    // The first epoch record of a log chooses both.
    if (this.#epoch > 0) expect(sequence, "journal", head.journalId, this.#journalId);
    if (!isEpoch) expect(sequence, "position", head.position, this.#position);
    else if (this.#epoch > 0 && head.position > this.#position) {
      throw new LogDamageError(
        sequence,
        `it goes on at position ${head.position}, behind the end of the bytes, ${this.#position}`,
      );
    }
    return kindOf(sequence, head);
  }

  #judgeFirst(sequence: number, head: RecordHead | undefined): RecordKind {
    const isBeginning = head?.type === RECORD_TYPES.epoch || head?.type === RECORD_TYPES.segment;
    if (head !== undefined && isBeginning && head.epoch > 0) return kindOf(sequence, head);
    const what = head === undefined ? "no record of a broker" : `a record of type ${head.type}`;
    throw new LogDamageError(
      sequence,
      `the log begins with it, and it is ${what}, where an epoch record or a segment is expected`,
    );
  }

  #advance(kind: RecordKind, head: RecordHead, log: string | undefined): void {
    const hasBytes = kind === "bytes" || kind === "segment";
    this.#epoch = head.epoch;
    this.#owner = head.owner;
    this.#number = head.number;
    this.#crc = head.crc;
    this.#position = head.position + (hasBytes ? head.length : 0);
    this.#journalId = head.journalId;
    this.#log = log;
  }
}

/** Reads a head, if it is that of a record; throws if the record is not as it was written. */
function readIntact(sequence: number, bytes: Uint8Array): RecordHead | undefined {
  const head = readRecordHead(bytes);
  if (head === "no record") return undefined;
  if (head === "a record of a later version") {
    throw new LogDamageError(
      sequence,
      `this broker knows record versions up to ${RECORD_VERSION}, and it is of a later one; ` +
        "use the broker that wrote it, or a later one",
    );
  }
  if (typeof head === "string") throw new LogDamageError(sequence, `it is ${head}`);
  if (!isIntact(bytes, head)) {
    throw new LogDamageError(sequence, `its checksum is not the one that is expected, ${head.crc}`);
  }
  return head;
}

function expect(sequence: number, what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new LogDamageError(sequence, `its ${what} is ${found}, where ${expected} is expected`);
}

function kindOf(sequence: number, { type }: RecordHead): RecordKind {
  const kind = KINDS.get(type);
  if (kind !== undefined) return kind;
  throw new LogDamageError(sequence, `its type is ${type}, which this broker does not know`);
}

/** The identity of the log, from the bytes of an epoch record or a trim record. */
function readLog(
  sequence: number,
  body: Uint8Array,
  { type, position }: RecordHead,
  known: string | undefined,
): string {
  const fields = readJson(body);
  if (typeof fields.log !== "string" || fields.log === "") {
    throw new LogDamageError(sequence, "its bytes do not name the log, which is expected there");
  }
  if (type === RECORD_TYPES.epoch && fields.position !== position) {
    throw new LogDamageError(
      sequence,
      `it goes on at position ${position} by its head, and at ${fields.position} by its bytes`,
    );
  }
  if (known !== undefined && fields.log !== known) {
    throw new LogDamageError(
      sequence,
      `it is of the log ${fields.log}, where ${known} is expected`,
    );
  }
  return fields.log;
}

function readJson(body: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
