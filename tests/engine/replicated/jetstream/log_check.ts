/**
 * What every shared log promises, by a stream on three real nodes.
 *
 * @module
 */

import { NatsCluster } from "../../../support/nats/nats_cluster.ts";
import { nameCluster, openLog, useNatsServer } from "../../../support/nats/nats_use.ts";
import { logConformance } from "../log/log_conformance.ts";

const { program } = await useNatsServer();

if (program !== undefined) {
  const nodes = await NatsCluster.start({ program });
  addEventListener("unload", () => nodes.endNow());
  // deno-lint-ignore require-await
  logConformance("JetStreamLog", async (bytesMax = 0) => {
    const cluster = nameCluster();
    const options = { cluster, replicas: 3, bytesMax };
    return {
      open: () => openLog(nodes.addresses, options),
      until: (what) => what,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  });
}
