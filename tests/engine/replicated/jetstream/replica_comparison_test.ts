import { assertEquals } from "@std/assert";
import {
  compareReplicas,
  type ReplicaFindings,
} from "../../../../src/engine/replicated/jetstream/replica_comparison.ts";

type State = ReplicaFindings["before"][number];

const NODES = ["n1", "n2", "n3"];

/** What a node tells that has the records between two. */
function tell(name: string, first: number, last: number, count = last - first + 1): State {
  return { name, isFlushing: true, replica: { first, last, count, nodes: NODES } };
}

function compare(
  before: readonly State[],
  after: readonly State[],
  different: readonly number[] = [],
): string[] {
  return compareReplicas({ replicas: 3, before, after, betweenMs: 10_000, different });
}

const alike = NODES.map((name) => tell(name, 5, 90));

Deno.test("replicas that have the same, and grow, do not differ", () => {
  assertEquals(compare(alike, alike), []);
  const grown = [tell("n1", 5, 100), tell("n2", 9, 99), tell("n3", 5, 90)];
  assertEquals(compare(alike, grown), []);
  const empty = NODES.map((name) => tell(name, 91, 90, 0));
  assertEquals(compare(empty, empty), []);
});

Deno.test("a replica that stays behind is told of", () => {
  const stuck = [tell("n1", 5, 100), tell("n2", 5, 40), tell("n3", 5, 100)];
  assertEquals(compare(alike, stuck), [
    "the node n2 of NATS has the log up to record 40 only; 10 s ago another one had 90",
  ]);
});

Deno.test("a replica with holes is told of", () => {
  assertEquals(compare(alike, [...alike.slice(0, 2), tell("n3", 5, 90, 80)]), [
    "the node n3 of NATS has 80 records between 5 and 90 of the log: some are missing",
  ]);
});

Deno.test("a node that does not tell of itself is told of, and one that has no part of the log", () => {
  assertEquals(compare(alike, alike.slice(0, 2)), [
    "of the nodes of NATS that keep the log, n3 cannot be looked at: " +
    '"cluster.monitoring" is to have the addresses of all of them, and they are to answer',
  ]);
  const two = ["n1", "n2"].map((name): State => ({
    name,
    isFlushing: true,
    replica: { first: 5, last: 90, count: 86, nodes: ["n1", "n2"] },
  }));
  assertEquals(compare(two, two), ["the log is kept by 2 nodes of NATS, allowed 3"]);
});

Deno.test("records that nodes have with different bytes are told of", () => {
  assertEquals(
    compare(alike, alike, [7, 9]),
    [7, 9].map((sequence) =>
      `nodes of NATS answer with different bytes for record ${sequence} of the log: one of them is ` +
      "damaged"
    ),
  );
});
