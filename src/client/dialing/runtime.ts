/** What a client needs to know of the runtime that it runs in; each has a part of it. */
export interface Runtime {
  readonly Deno?: unknown;
  readonly process?: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly versions?: { readonly node?: string };
  };
  readonly Promise: object;
}

/** The runtime that this is. */
export const runtime: Runtime = globalThis as unknown as Runtime;

const NEEDED = "the client runs on Deno, on Node 22 or later, and on Bun";

/** Checks that a client can run here: sockets, and what the language has had for some years. */
export function checkRuntime({ Deno, process, Promise }: Runtime = runtime): void {
  if (Deno !== undefined) return;
  const version = process?.versions?.node;
  if (version === undefined) {
    throw new Error(`Cannot connect: there are no TCP sockets here, as in browsers; ${NEEDED}`);
  }
  if ("withResolvers" in Promise) return;
  throw new Error(`Cannot connect: this is Node ${version}; ${NEEDED}`);
}
