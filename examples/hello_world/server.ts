/**
 * A broker with settings of its own. It runs until Ctrl-C:
 *
 *     deno run -A examples/hello_world/server.ts
 */

// deno-lint-ignore-file no-console
import { serve } from "@simplemq/simplemq/server";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
const settings = { host: "localhost", port, logLevel: "info" } as const;
const broker = await serve(settings).catch((error: Error) => {
  // The port is taken, say, or another broker uses ./data: a line says so, and what helps.
  console.error(error.message);
  Deno.exit(2);
});

Deno.addSignalListener("SIGINT", () => broker.close());
