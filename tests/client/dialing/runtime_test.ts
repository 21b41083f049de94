/** Where the client runs, and what it says where it does not. */

import { assertThrows } from "@std/assert";
import { checkRuntime } from "../../../src/client/dialing/runtime.ts";

const CAPABLE = { withResolvers: () => {} };

Deno.test("Deno, Node since 22 and Bun run the client", () => {
  checkRuntime();
  const versions = { node: "22.0.0" };
  checkRuntime({ process: { env: {}, versions }, Promise: CAPABLE });
});

Deno.test("a browser and an old Node are told so in a sentence", () => {
  const process = { env: {}, versions: { node: "20.20.2" } };
  assertThrows(
    () => checkRuntime({ process, Promise: {} }),
    Error,
    "Cannot connect: this is Node 20.20.2; the client runs on Deno, on Node 22 or later, and on Bun",
  );
  // Bundlers give browsers a process that has nothing in it.
  for (const browser of [{}, { process: { env: {} } }, { process: { env: {}, versions: {} } }]) {
    assertThrows(
      () => checkRuntime({ ...browser, Promise: CAPABLE }),
      Error,
      "there are no TCP sockets here, as in browsers",
    );
  }
});
