/**
 * Measures the turns of the event loop of the process that it is loaded into, by `--preload`, and tells them
 * whoever connects to its port. Nothing else of the process changes: there is a timer of a millisecond, and what
 * comes late was held up by a turn.
 *
 * The time in which the thread was ready and another one had its core does not count: the system keeps it.
 *
 * @module
 */

/** Turns below this are not noted, in milliseconds. */
const NOTED_MS = 1;

/** A turn that took long. */
export interface Turn {
  /** When it was over, in milliseconds since the process began. */
  readonly at: number;
  readonly ms: number;
}

/** What has happened in a time. */
export interface Taken {
  readonly turns: readonly Turn[];
  /** How long the thread has worked, in milliseconds, collections of garbage on it included. */
  readonly cpuMs: number;
}

/** What a meter says first. */
export interface MeterStart {
  readonly turnMeterPort: number;
  /** When it has had the garbage collected, which is in the trace of V8, too. */
  readonly collectedAt: number;
}

/** How long the thread has worked, and how long it has waited for a core, in milliseconds. */
function readSchedule(): { readonly cpuMs: number; readonly waitMs: number } {
  try {
    const [cpu, wait] = Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ");
    return { cpuMs: Number(cpu) / 1e6, waitMs: Number(wait) / 1e6 };
  } catch {
    return { cpuMs: 0, waitMs: 0 };
  }
}

class TurnMeter {
  #turns: Turn[] = [];
  #at = performance.now();
  #waitMs = readSchedule().waitMs;
  #cpuMs = 0;
  #takenCpuMs = 0;

  constructor() {
    this.#look();
  }

  /** What has happened since the last call. */
  take(): Taken {
    this.#note();
    const turns = this.#turns;
    const cpuMs = this.#cpuMs - this.#takenCpuMs;
    this.#turns = [];
    this.#takenCpuMs = this.#cpuMs;
    return { turns, cpuMs };
  }

  #look(): void {
    this.#note();
    // The process goes on to its own program when nothing here keeps it.
    Deno.unrefTimer(setTimeout(() => this.#look(), 1));
  }

  #note(): void {
    const at = performance.now();
    const { cpuMs, waitMs } = readSchedule();
    const ms = at - this.#at - (waitMs - this.#waitMs) - 1;
    if (ms >= NOTED_MS) this.#turns.push({ at, ms });
    this.#at = at;
    this.#waitMs = waitMs;
    this.#cpuMs = cpuMs;
  }
}

/** Answers each line with what has happened since the last one. */
async function answer(connection: Deno.TcpConn, meter: TurnMeter): Promise<void> {
  const encoder = new TextEncoder();
  for await (const _ of connection.readable) {
    await connection.write(encoder.encode(`${JSON.stringify(meter.take())}\n`));
  }
}

function start(): void {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.unref();
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  const said: MeterStart = {
    turnMeterPort: listener.addr.port,
    collectedAt: performance.now(),
  };
  const meter = new TurnMeter();
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(said)}\n`));
  void (async () => {
    for await (const connection of listener) {
      connection.unref();
      void answer(connection, meter).catch(() => {});
    }
  })();
}

if (Deno.args.includes("--storage-engine")) start();
