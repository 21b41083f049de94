/**
 * Two brokers of a cluster with a stream of orders.
 *
 * @module
 */

import type { TestBroker, TestCluster } from "./test_cluster.ts";

/** Stores messages in the stream that {@linkcode beginOrders} makes. */
export async function store(
  cluster: TestCluster,
  broker: TestBroker,
  ...texts: string[]
): Promise<void> {
  await cluster.until(broker.use.publisher("orders", `${texts}`).store(...texts));
}

/** What is in that stream. */
export async function look(cluster: TestCluster, broker: TestBroker): Promise<string[]> {
  return await cluster.until(broker.use.look("orders"));
}

/** An active broker with a stream and two messages, and a standby. */
export async function beginOrders(
  cluster: TestCluster,
): Promise<[active: TestBroker, standby: TestBroker]> {
  const active = await cluster.startActive("a");
  await cluster.until(active.use.create("orders"));
  const standby = cluster.start("b");
  await store(cluster, active, "1", "2");
  await cluster.pass(1000);
  return [active, standby];
}
