/**
 * Logs in at real nodes that demand it, by each of the ways, and over TLS.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { NatsSecrets } from "../../../../src/engine/replicated/jetstream/nats_link.ts";
import { NatsRefusal } from "../../../../src/engine/replicated/jetstream/nats_nodes.ts";
import { TestCertificates } from "../../../support/certificates/test_certificates.ts";
import { NatsCluster, type NatsClusterOptions } from "../../../support/nats/nats_cluster.ts";
import { NatsOperator } from "../../../support/nats/nats_operator.ts";
import { openLog, useNatsServer } from "../../../support/nats/nats_use.ts";

const { program = "", missing } = await useNatsServer();
const ignore = missing !== undefined;

/** Opens a log at a node that demands something; appends, reads and follows a record. */
async function useLog(node: NatsCluster, secrets: NatsSecrets): Promise<void> {
  const log = await openLog(node.addresses, { readSecrets: () => Promise.resolve(secrets) });
  try {
    const followed = Promise.withResolvers<number>();
    log.follow(1, { take: followed.resolve, trimmed: () => {}, shorter: () => {} });
    assertEquals(await log.append(0, new Uint8Array([1, 2, 3])), 1);
    assertEquals(await log.read(1), new Uint8Array([1, 2, 3]));
    assertEquals(await followed.promise, 1);
  } finally {
    await log.close();
  }
}

/** Fails unless the node does not let us in, with a sentence that has this in it. */
async function assertRefused(node: NatsCluster, secrets: NatsSecrets, text: string): Promise<void> {
  const error = await assertRejects(() => useLog(node, secrets), NatsRefusal);
  assertStringIncludes(error.message, text);
}

/** Starts one node. */
function startNode(options: Partial<NatsClusterOptions>): Promise<NatsCluster> {
  return NatsCluster.start({ program, nodes: 1, ...options });
}

Deno.test({ name: "a log logs in at its nodes with a user's password", ignore }, async () => {
  await using node = await startNode({ lines: 'authorization { user: smq, password: "s3cret" }' });
  await useLog(node, { user: "smq", password: "s3cret" });
  await assertRefused(node, { user: "smq", password: "wrong" }, "Cannot log in at the node");
  await assertRefused(node, {}, "cluster.credentials");
});

Deno.test({ name: "a log logs in at its nodes with a token", ignore }, async () => {
  await using node = await startNode({ lines: 'authorization { token: "t0ken" }' });
  await useLog(node, { token: "t0ken" });
  await assertRefused(node, { token: "wrong" }, "Cannot log in at the node");
});

Deno.test({ name: "a log logs in at its nodes with a file of credentials", ignore }, async () => {
  const operator = new NatsOperator();
  await using node = await startNode({ lines: operator.lines });
  await useLog(node, { credentials: operator.credentials });
  const stranger = new NatsOperator().credentials;
  await assertRefused(node, { credentials: stranger }, "Cannot log in at the node");
  await assertRefused(node, {}, "Cannot log in at the node");
});

Deno.test(
  { name: "a log speaks TLS with its nodes, and shows a certificate", ignore },
  async () => {
    using certificates = new TestCertificates();
    using strangers = new TestCertificates("strangers");
    const server = certificates.makeServer();
    const own = certificates.makeClient("broker");
    const strange = strangers.makeClient("broker");
    const { ca } = certificates;
    const tls = {
      certificate: server.certificateFile,
      key: server.keyFile,
      clientCa: certificates.caFile,
    };
    await using node = await startNode({ tls });
    await useLog(node, { tls: { ca, certificate: own.certificate, key: own.key } });
    await assertRefused(node, { tls: { ca: strangers.ca } }, "Cannot use TLS with the node");
    const shown = { ca, certificate: strange.certificate, key: strange.key };
    await assertRefused(node, { tls: shown }, "Cannot use TLS with the node");
    await assertRefused(node, { tls: { ca } }, "Cannot use TLS with the node");
  },
);

Deno.test({ name: "a log that is to speak TLS does not speak without it", ignore }, async () => {
  using certificates = new TestCertificates();
  await using node = await startNode({});
  await assertRefused(node, { tls: { ca: certificates.ca } }, "Cannot use TLS with the node");
});

Deno.test({ name: "secrets are read again for each connection", ignore }, async () => {
  await using node = await startNode({ lines: 'authorization { token: "t0ken" }' });
  const tokens = ["t0ken", "t0ken"];
  let reads = 0;
  const readSecrets = () => Promise.resolve({ token: tokens[reads++]! });
  const log = await openLog(node.addresses, { readSecrets });
  await log.changeNode();
  assertEquals((await log.bounds()).last, 0);
  assert(reads === 2);
  await log.close();
});
