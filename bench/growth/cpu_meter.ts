/**
 * How much processor time the broker and its clients take for a message: it tells who is the limit.
 *
 * @module
 */

/** Clock ticks a second, in which the system counts: 100 wherever Linux runs. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time. */
export interface CpuTimes {
  /** What the broker's process has taken. */
  readonly broker: number;
  /** What this process has taken. */
  readonly clients: number;
}

/** Counts the processor time of a broker and of this process. */
export class CpuMeter {
  readonly #brokerPid: number;
  #begin: CpuTimes | undefined;
  #taken: CpuTimes | undefined;

  /**
   * Begins to count nothing yet.
   *
   * @param brokerPid The broker's process.
   */
  constructor(brokerPid: number) {
    this.#brokerPid = brokerPid;
  }

  /** What was taken between the last start and its stop; nothing where there is no `/proc`. */
  get taken(): CpuTimes | undefined {
    return this.#taken;
  }

  /** Begins to count. */
  start(): void {
    this.#begin = this.#read();
  }

  /** Ends it. */
  stop(): void {
    const begin = this.#begin;
    const end = this.#read();
    if (begin === undefined || end === undefined) return;
    this.#taken = { broker: end.broker - begin.broker, clients: end.clients - begin.clients };
  }

  #read(): CpuTimes | undefined {
    const broker = readSeconds(this.#brokerPid);
    const clients = readSeconds(Deno.pid);
    return broker === undefined || clients === undefined ? undefined : { broker, clients };
  }
}

/** The processor time of a process, in seconds, that of all its threads. */
function readSeconds(pid: number): number | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name may have spaces in it, and ends with the last bracket.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
