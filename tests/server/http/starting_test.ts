/**
 * The port for HTTP before there is a broker: while a journal is read, probes are answered.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { HttpPort } from "../../../src/server/http/http_port.ts";
import { Log } from "../../../src/server/log.ts";
import { resolveServeOptions } from "../../../src/server/settings/serve_options.ts";

Deno.test("a broker that reads its journal lives, is not ready, and answers nothing else", async () => {
  const { settings } = resolveServeOptions({ http: { port: 0 } });
  const log = new Log({ level: "error" });
  let number = 0;
  const port = new HttpPort({
    settings,
    log,
    now: () => performance.now(),
    tls: undefined,
    connectionsMax: 100,
    takeNumber: () => ++number,
  });
  try {
    const ask = async (path: string, method = "GET") => {
      const response = await fetch(`http://localhost:${port.port}${path}`, { method });
      return [response.status, await response.text()] as const;
    };
    assertEquals(await ask("/livez"), [200, "live\n"]);
    const [status, text] = await ask("/readyz");
    assertEquals(status, 503);
    assertEquals(JSON.parse(text), {
      ready: false,
      reasons: ["starting: the journal is being read"],
    });
    port.noteProgress(0.379);
    assertEquals(JSON.parse((await ask("/readyz"))[1]).reasons, [
      "starting: the journal is being read, 37 % so far",
    ]);
    port.noteProgress(0.999);
    assertEquals(JSON.parse((await ask("/readyz"))[1]).reasons, [
      "starting: the journal is being read, 99 % so far",
    ]);
    port.noteProgress(1);
    assertEquals(JSON.parse((await ask("/readyz"))[1]).reasons, [
      "starting: the journal is read, its streams are made ready",
    ]);
    port.noteProgress(0.5, "ready");
    assertEquals(JSON.parse((await ask("/readyz"))[1]).reasons, [
      "starting: the journal is read, its streams are made ready, 50 % so far",
    ]);
    for (
      const [path, method] of [["/metrics"], ["/"], ["/livez", "POST"], ["/api/login", "POST"]]
    ) {
      const [status, text] = await ask(path!, method);
      assertEquals([status, JSON.parse(text).code], [503, "STARTING"], path);
    }
  } finally {
    await port.close();
  }
});
