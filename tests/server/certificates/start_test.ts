// A broker with certificates as a process: it says in one line why it cannot start.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { ExitCode } from "../../../src/server/process/exit_code.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";

/** Starts a broker with these flags of TLS; it must not start. Returns its only line. */
async function refuse(flags: readonly string[]): Promise<string> {
  const args = ["--port", "0", "--storage-engine", "memory", ...flags];
  const { code, lines } = await BrokerProcess.run(args);
  assertEquals(code, ExitCode.notStarted, lines.join("\n"));
  assertEquals(lines.length, 1, lines.join("\n"));
  return lines[0]!;
}

Deno.test("a broker with a key that everybody may read does not start, and says what to do", async () => {
  using made = new TestCertificates();
  const { certificateFile, keyFile } = made.makeServer();
  await Deno.chmod(keyFile, 0o644);
  const line = await refuse(["--tls-certificate", certificateFile, "--tls-key", keyFile]);
  assertStringIncludes(line, "Cannot use the certificate: file");
  assertStringIncludes(line, `chmod 600 ${keyFile}`);
});

Deno.test("a broker with a key alone does not start, and says what is missing", async () => {
  const line = await refuse(["--tls-key", "key.pem"]);
  assertStringIncludes(line, 'setting "tls.key" from --tls-key: found "key.pem"');
  assertStringIncludes(line, 'without "tls.certificate", allowed only with it');
});

Deno.test("a broker that may not read its key says which permission is missing", async () => {
  using made = new TestCertificates();
  const { certificateFile: certificate, keyFile: key } = made.makeServer();
  const permissions = [
    "--allow-net",
    "--allow-env",
    `--allow-read=settings.yaml,users.yaml,${certificate}`,
  ];
  const { code, lines } = await BrokerProcess.run(
    ["--port", "0", "--storage-engine", "memory", "--tls-certificate", certificate]
      .concat("--tls-key", key),
    { permissions },
  );
  assertEquals(code, ExitCode.notStarted, lines.join("\n"));
  assertStringIncludes(lines.at(-1)!, `add --allow-read=${key}`);
});
