// Sessions of TLS that clients resume: the certificate is not shown again, and counts as it did before.

import { assertStringIncludes } from "@std/assert";
import { startBroker, until } from "../../support/broker/broker.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";

/** Deno's own clients resume nothing. */
const hasOpenssl = await new Deno.Command("openssl", { args: ["version"] }).output()
  .then(({ success }) => success, () => false);

const LIST = '{"sender_type":"CURSOR","request_type":"GET_STREAMS"}\n';

/** Asks a broker for its streams as JSON lines; returns what openssl and the broker say. */
async function ask(port: number, ...args: readonly string[]): Promise<string> {
  const child = new Deno.Command("openssl", {
    args: ["s_client", "-connect", `localhost:${port}`, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(LIST));
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    // The end of the input ends openssl, too.
    if (/SERVER|"error"/.test(said)) await writer.close().catch(() => {});
  }
  await child.status;
  return said;
}

Deno.test({
  name: "a session of TLS that is resumed has no certificate of an authority that is gone",
  ignore: !hasOpenssl,
  async fn() {
    using made = new TestCertificates();
    using others = new TestCertificates("other authority");
    const { certificateFile: certificate, keyFile: key } = made.makeServer();
    const client = made.makeClient("app");
    const users = `${made.directory}/users.yaml`;
    await Deno.writeTextFile(
      users,
      "users: { app: { certificate: app, permissions: { inspect: ['*'] } } }",
    );
    const tls = {
      certificate,
      key,
      clientCa: made.caFile,
      clientCertificates: "optional",
    } as const;
    await using broker = await startBroker({ users, tls });
    const pair = ["-cert", client.certificateFile, "-key", client.keyFile];
    const session = `${made.directory}/session.pem`;
    const versions = ["-tls1_2", "-tls1_3"];
    await Promise.all(versions.map(async (version) => {
      const first = await ask(broker.port, version, ...pair, "-sess_out", session + version);
      assertStringIncludes(first, "SERVER", version);
      const again = await ask(broker.port, version, "-sess_in", session + version);
      assertStringIncludes(again, "Reused", version);
      assertStringIncludes(again, "SERVER", version);
    }));
    await Deno.writeTextFile(made.caFile, others.ca);
    await until("the authority is gone", async () => {
      return /UNAUTHORIZED/.test(await ask(broker.port, ...pair));
    });
    // Refusals are told late: both at the same time.
    await Promise.all(versions.map(async (version) => {
      const late = await ask(broker.port, version, "-sess_in", session + version);
      assertStringIncludes(late, "Reused", version);
      assertStringIncludes(late, "UNAUTHORIZED", version);
    }));
  },
});
