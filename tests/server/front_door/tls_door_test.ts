// What the log tells of clients that do not come through the handshake of TLS.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Certificates } from "../../../src/server/certificates/certificates.ts";
import { TlsDoor } from "../../../src/server/front_door/tls_door.ts";
import { Log } from "../../../src/server/log.ts";
import { createPipe } from "../../../src/transport/duplex.ts";
import { TestCertificates, validFor } from "../../support/certificates/test_certificates.ts";

Deno.test("TlsDoor tells once a second of clients that do not speak TLS, and counts them", async () => {
  using made = new TestCertificates();
  const lines: string[] = [];
  const log = new Log({ level: "info", write: (line) => lines.push(line) });
  const pair = made.makeServer({ validity: validFor(30) });
  const { certificateFile: certificate, keyFile: key } = pair;
  const certificates = await Certificates.open({ certificate, key }, log, Date.now());
  let now = 1000;
  const door = new TlsDoor({ certificates, mode: "off", log, now: () => now });
  const come = async (says: string) => {
    const [here, there] = createPipe();
    const { duplex } = door.admit(there, "[::1]:5", () => false);
    await here.write(new TextEncoder().encode(says));
    assertEquals(await duplex.read(new Uint8Array(1)), null);
    duplex.close();
  };
  for (let count = 0; count < 500; count++) await come("GET / HTTP/1.1\r\n");
  for (let count = 0; count < 10; count++) await come("\x16 garbage that is no greeting");
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, "no TLS with a client");
  assertStringIncludes(lines[0]!, 'peer=[::1]:5 reason="the client does not speak TLS" count=1');
  now += 1000;
  await come("\x16 garbage that is no greeting");
  assertEquals(lines.length, 2);
  assertStringIncludes(lines[1]!, "count=510");
  assertStringIncludes(lines[1]!, "corrupt message");
  await come("GET / HTTP/1.1\r\n");
  await come("GET / HTTP/1.1\r\n");
  now += 1000;
  door.sweep();
  assertEquals(lines.length, 3, "without another one");
  assertStringIncludes(lines[2]!, "count=2");
  await come("GET / HTTP/1.1\r\n");
  await door.close();
  assertStringIncludes(lines[3]!, "count=1");
});
