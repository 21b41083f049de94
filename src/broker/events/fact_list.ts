import type { Fact } from "../event.ts";
import type { EncodedRecord } from "./record.ts";

const FactKind = { acknowledged: 1, attempted: 2, dropped: 3 } as const;

/** The size of one fact. */
export const FACT_BYTES = 20;

/**
 * Facts on their way into one record. Ranges are gathered in numbers, so that a fact costs no object.
 */
export class FactList {
  /** Three numbers for each range of acknowledged messages: stream, first id, count. */
  #acknowledged: number[] = [];
  /** Four numbers for each range of messages that were worked on: stream, first id, count, attempts. */
  #attempted: number[] = [];
  /** Three numbers for each range of dropped messages. */
  #dropped: number[] = [];

  get count(): number {
    const ranges = this.#acknowledged.length + this.#dropped.length;
    return ranges / 3 + this.#attempted.length / 4;
  }

  add(fact: Fact): void {
    const { number, firstId, count } = fact;
    if (fact.type === "attempted") {
      this.#attempted.push(number, firstId, count, fact.attempts);
      return;
    }
    const list = fact.type === "dropped" ? this.#dropped : this.#acknowledged;
    const last = list.length - 3;
    // Neighbouring ranges become one.
    if (last >= 0 && list[last] === number && list[last + 1]! + list[last + 2]! === firstId) {
      list[last + 2]! += count;
    } else {
      list.push(number, firstId, count);
    }
  }

  /** Writes the meta, {@linkcode FACT_BYTES} for each fact. */
  write(view: DataView, start: number): void {
    let offset = start;
    const add = (kind: number, attempts: number, from: readonly number[], index: number) => {
      view.setUint8(offset, kind);
      view.setUint8(offset + 1, 0);
      view.setUint16(offset + 2, Math.min(attempts, 0xffff));
      view.setUint32(offset + 4, from[index]!);
      view.setFloat64(offset + 8, from[index + 1]!);
      view.setUint32(offset + 16, from[index + 2]!);
      offset += FACT_BYTES;
    };
    const [acknowledged, attempted, dropped] = [
      this.#acknowledged,
      this.#attempted,
      this.#dropped,
    ];
    for (let index = 0; index < acknowledged.length; index += 3) {
      add(FactKind.acknowledged, 0, acknowledged, index);
    }
    for (let index = 0; index < attempted.length; index += 4) {
      add(FactKind.attempted, attempted[index + 3]!, attempted, index);
    }
    for (let index = 0; index < dropped.length; index += 3) {
      add(FactKind.dropped, 0, dropped, index);
    }
  }

  clear(): void {
    this.#acknowledged = [];
    this.#attempted = [];
    this.#dropped = [];
  }
}

/** Reads the facts of a record. */
export function readFacts({ meta }: EncodedRecord, tell: (fact: Fact) => void): void {
  for (let offset = 0; offset + FACT_BYTES <= meta.byteLength; offset += FACT_BYTES) {
    const number = meta.getUint32(offset + 4);
    const firstId = meta.getFloat64(offset + 8);
    const count = meta.getUint32(offset + 16);
    const kind = meta.getUint8(offset);
    if (kind === FactKind.acknowledged) {
      tell({ type: "acknowledged", number, firstId, count });
    } else if (kind === FactKind.dropped) {
      tell({ type: "dropped", number, firstId, count });
    } else {
      tell({ type: "attempted", number, firstId, count, attempts: meta.getUint16(offset + 2) });
    }
  }
}
