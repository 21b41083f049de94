import { assert, assertEquals } from "@std/assert";
import type { BrokerTarget } from "../../../src/client/dialing/broker_target.ts";
import { resolveTargets } from "../../../src/client/dialing/connect_options.ts";
import { TargetList } from "../../../src/client/uplink/target_list.ts";

Deno.test("a told broker is reached as the one that told it: with TLS and its names, with the same token", async () => {
  const servers = ["smqs://secret@a:1", "smq://other@[::1]:2"];
  const [encrypted, plain] = await resolveTargets({ servers });
  const [one, other] = [
    encrypted!.findSibling("c.example:3"),
    plain!.findSibling("[fe80::1%eth0]:4"),
  ];
  assertEquals([one?.isEncrypted, await one?.readToken?.()], [true, "secret"]);
  assertEquals([other?.isEncrypted, await other?.readToken?.()], [false, "other"]);
  assertEquals(other?.address, { hostname: "fe80::1%eth0", port: 4 });
  assertEquals(one?.action, "Cannot connect to a broker at c.example:3");
  // The certificate has to be for the told name, or for the one that the program wants.
  const fault = new Error("invalid peer certificate: NotValidForName");
  assert(one?.explain(fault).message.includes('is not for "c.example"'));
  const [named] = await resolveTargets({ servers: ["smqs://a"], tls: { serverName: "n.example" } });
  const sibling = named!.findSibling("c.example:3");
  assert(sibling?.explain(fault).message.includes('is not for "n.example"'));
});

Deno.test("no broker turns TLS off for one that is reached by TLS", async () => {
  const targets = await resolveTargets({ servers: ["smqs://secret@a:1", "smq://b:2"] });
  const isEncrypted = (address: string) =>
    list.inTurn(0).filter(({ key }) => key === address)
      .map(({ target }) => (target as BrokerTarget).isEncrypted);
  const list = new TargetList(targets);
  const [first, second] = list.inTurn(0);
  list.use(first!);
  list.learn(["b:2", "c:3"]);
  assertEquals([isEncrypted("b:2"), isEncrypted("c:3")], [[false], [true]], "given ones stay");
  list.use(second!);
  list.learn(["a:1", "c:3", "d:4"]);
  assertEquals([isEncrypted("a:1"), isEncrypted("c:3")], [[true], [true]]);
  list.find(second!, "c:3");
  assertEquals([isEncrypted("c:3"), isEncrypted("d:4")], [[true], [false]]);
  list.use(first!);
  list.learn(["c:3", "d:4"]);
  assertEquals([isEncrypted("c:3"), isEncrypted("d:4")], [[true], [true]]);
});
