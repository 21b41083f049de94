import { readCpuSeconds, readTreeCpuSeconds } from "./process_meter.ts";

/** Seconds of processor time. */
export interface CpuTimes {
  /** Of the broker's process, and of those below it. */
  readonly broker: number;
  /** Of this process. */
  readonly clients: number;
}

/** Counts the processor time of a broker and of its clients: it tells which is the limit. */
export class CpuMeter {
  readonly #brokerPid: number;
  #begin: CpuTimes | undefined;
  #taken: CpuTimes | undefined;

  constructor(brokerPid: number) {
    this.#brokerPid = brokerPid;
  }

  /** What was taken between the last start and its stop; nothing where there is no `/proc`. */
  get taken(): CpuTimes | undefined {
    return this.#taken;
  }

  start(): void {
    this.#begin = this.#read();
  }

  stop(): void {
    const begin = this.#begin;
    const end = this.#read();
    if (begin === undefined || end === undefined) return;
    this.#taken = { broker: end.broker - begin.broker, clients: end.clients - begin.clients };
  }

  #read(): CpuTimes | undefined {
    const broker = readTreeCpuSeconds(this.#brokerPid);
    // Without those below it: most benches have started the broker.
    const clients = readCpuSeconds(Deno.pid);
    return broker === undefined || clients === undefined ? undefined : { broker, clients };
  }
}
