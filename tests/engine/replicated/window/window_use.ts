import { setImmediate } from "node:timers";
import { Chain, type RecordKind } from "../../../../src/engine/replicated/chain.ts";
import { Lease } from "../../../../src/engine/replicated/lease.ts";
import {
  type EpochFields,
  RECORD_HEAD_BYTES,
  RECORD_TYPES,
  type RecordHead,
  writeRecord,
} from "../../../../src/engine/replicated/record.ts";
import { Window, type WindowOptions } from "../../../../src/engine/replicated/window.ts";
import { ScriptedLog } from "./scripted_log.ts";

export const LEASE_MS = 2000;
export const JOURNAL_ID = 77;
/** So many pauses mean that something is tried for ever. */
const PAUSES_MAX = 10_000;

/** All that follows from what has happened, without waiting, has happened. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Something is sent to the log. */
export async function whenSent(log: ScriptedLog): Promise<void> {
  for (let turns = 0; log.open.length === 0; turns++) {
    if (turns > 1000) throw new Error("nothing is sent");
    await settle();
  }
}

/** A text as the bytes of a record. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(record: Uint8Array): string {
  return new TextDecoder().decode(record.subarray(RECORD_HEAD_BYTES));
}

/** A whole record. */
export function recordOf(
  fields: Partial<RecordHead>,
  body: Uint8Array | string = "",
): Uint8Array<ArrayBuffer> {
  const content = typeof body === "string" ? bytesOf(body) : body;
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + content.length);
  bytes.set(content, RECORD_HEAD_BYTES);
  writeRecord(bytes, {
    type: RECORD_TYPES.bytes,
    epoch: 1,
    owner: 1,
    number: 1,
    position: 0,
    journalId: JOURNAL_ID,
    previousCrc: 0,
    ...fields,
  });
  return bytes;
}

export function epochFields(position: number, id = "a"): EpochFields {
  const versions = { version: "1.0.0", recordVersion: 1 };
  return { log: "L", id, address: `${id}:1`, ...versions, leaseMs: LEASE_MS, at: 5, position };
}

/** A broker that appends: its window, and all that it heard. */
export class Broker {
  readonly log: ScriptedLog;
  readonly id: string;
  readonly chain: Chain = new Chain();
  readonly window: Window;
  readonly lease: Lease = new Lease(LEASE_MS, 0);
  /** What was counted: the kind, and the text of its bytes. */
  readonly counted: string[] = [];
  /** The outcomes of appends, in the order in which they became known: a text, or the name of an error. */
  readonly outcomes: string[] = [];
  readonly pauses: number[] = [];
  now = 0;
  readonly #owner: number;

  constructor(log: ScriptedLog, owner = 1, options: Partial<WindowOptions> = {}) {
    this.log = log;
    this.#owner = owner;
    this.id = String.fromCharCode(96 + owner);
    this.window = new Window({
      log,
      chain: this.chain,
      pipeline: 4,
      timing: { now: () => this.now, wait: (ms) => this.#pause(ms) },
      lease: this.lease,
      counted: (_sequence, { kind }, bytes) => {
        this.counted.push(kind === "bytes" ? textOf(bytes) : kind);
      },
      ...options,
    });
  }

  /** Reads what the log has. */
  catchUp(): RecordKind[] {
    const kinds: RecordKind[] = [];
    while (this.chain.sequence < this.log.last) {
      const sequence = Math.max(this.chain.sequence + 1, this.log.first);
      kinds.push(this.chain.take(sequence, this.log.at(sequence)!).kind);
    }
    return kinds;
  }

  takeOver(): Promise<void> {
    const { position } = this.chain.point;
    return this.window.takeOver(this.#owner, JOURNAL_ID, epochFields(position, this.id));
  }

  /** Appends texts; what comes of them is told in `outcomes`. */
  append(...texts: string[]): void {
    for (const text of texts) {
      this.window.append(RECORD_TYPES.bytes, this.window.position, bytesOf(text)).then(
        () => this.outcomes.push(text),
        ({ name, why }) => this.outcomes.push(`${text}: ${why ?? name}`),
      );
    }
  }

  /** A record as this broker's turn wrote it, in no place. */
  stray(text: string): Uint8Array {
    const { epoch, owner, position } = this.chain.point;
    return recordOf({ epoch, owner, number: 1_000_000, position }, text);
  }

  async #pause(ms: number): Promise<void> {
    this.pauses.push(ms);
    if (this.pauses.length > PAUSES_MAX) throw new Error("something is tried for ever");
    this.now += ms;
    await settle();
  }
}

/** A broker that has taken over; the log waits for what the test says. */
export async function activeBroker(options: Partial<WindowOptions> = {}): Promise<Broker> {
  const broker = new Broker(new ScriptedLog(), 1, options);
  await broker.takeOver();
  broker.log.isPrompt = false;
  return broker;
}

/** What counts in a log, by a reader that knows nothing of it: the texts of bytes. */
export function readTexts(log: ScriptedLog): string[] {
  const chain = new Chain();
  return log.records.flatMap((record, index) => {
    const { kind } = chain.take(log.first + index, record);
    return kind === "bytes" ? [textOf(record)] : [];
  });
}
