/** The number of the clock in Linux. */
const CLOCK_MONOTONIC = 1;

/** Sleeps until a time, not for one. */
const TIMER_ABSTIME = 1;

const SYMBOLS = {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  clock_nanosleep: { parameters: ["i32", "i32", "buffer", "pointer"], result: "i32" },
} as const;

// Opened with the module, and open as long as the process.
const system = Deno.build.os === "linux" ? Deno.dlopen("libc.so.6", SYMBOLS) : undefined;

/**
 * What to add to `performance.now()` to get the milliseconds of a clock that all processes of this machine
 * share. `performance.now()` and `process.hrtime()` begin with each process, and `performance.timeOrigin`
 * is of a clock that is set. It runs as evenly as the clock of the system does, because it is the same one.
 */
const offset = findOffset();

/** What the clock of Linux is told, and what is never woken up elsewhere. */
const request = new BigInt64Array(2);
const requestBytes = new Uint8Array(request.buffer);
const pause = new Int32Array(new SharedArrayBuffer(4));

/** The time on the clock that all processes of this machine share, in milliseconds. */
export function readSharedClock(): number {
  return performance.now() + offset;
}

/** Turns a time on the shared clock into one of `performance.now()` of this process. */
export function toLocalTime(shared: number): number {
  return shared - offset;
}

/** Turns a time of `performance.now()` of this process into one on the shared clock. */
export function toSharedTime(local: number): number {
  return local + offset;
}

/** Sleeps until a time on the shared clock; meanwhile this thread does nothing. */
export function sleepUntil(shared: number): void {
  if (system === undefined) {
    Atomics.wait(pause, 0, 0, Math.max(0, shared - readSharedClock()));
    return;
  }
  const nanos = BigInt(Math.round(shared * 1e6));
  request[0] = nanos / 1_000_000_000n;
  request[1] = nanos % 1_000_000_000n;
  system.symbols.clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, requestBytes, null);
}

function findOffset(): number {
  if (system === undefined) return performance.timeOrigin;
  const time = new BigInt64Array(2);
  const bytes = new Uint8Array(time.buffer);
  let found = { offset: 0, width: Infinity };
  // The narrowest of some looks: between the two halves of one, the process may have been put aside.
  for (let turn = 0; turn < 100; turn++) {
    const before = performance.now();
    system.symbols.clock_gettime(CLOCK_MONOTONIC, bytes);
    const after = performance.now();
    const width = after - before;
    if (width >= found.width) continue;
    const shared = Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
    found = { offset: shared - (before + after) / 2, width };
  }
  return found.offset;
}
