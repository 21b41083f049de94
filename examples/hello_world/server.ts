/**
 * A broker with settings of its own. It runs until Ctrl-C:
 *
 *     deno run -A examples/hello_world/server.ts
 */

import { serve } from "@simplemq/simplemq/server";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
const broker = await serve({ host: "localhost", port, logLevel: "info" }).catch((error: Error) => {
  // The port is taken, say, or another broker uses ./data: a line says so, and what helps.
  // deno-lint-ignore no-console
  console.error(error.message);
  Deno.exit(2);
});

Deno.addSignalListener("SIGINT", () => broker.close());
