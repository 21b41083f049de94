import { connect } from "./client.ts";
const connection = await connect({
  servers: ["localhost:19101", "localhost:19102"],
  waitForBroker: true,
  drainMs: 0,
});
await connection.cursor().createStream("a");
const publisher = connection.publisher("a");
let n = 0;
let last = performance.now();
const seen = new Set<unknown>();
let twice = 0;
(async () => {
  for await (const m of connection.follower("a").getMessages()) {
    if (seen.has(m.body)) twice++;
    seen.add(m.body);
    await m.ack();
  }
})().catch((e) => console.log("follow", e));
(async () => {
  for await (const s of connection.status()) {
    console.log(new Date().toISOString(), "status", s.type);
  }
})();
const end = performance.now() + Number(Deno.args[0]) * 1000;
while (performance.now() < end) {
  await publisher.sendMessage(n++);
  const now = performance.now();
  if (now - last > 60) console.log(new Date().toISOString(), "gap", Math.round(now - last));
  last = now;
}
await new Promise((r) => setTimeout(r, 1000));
console.log("sent", n, "seen", seen.size, "twice", twice);
await connection.close();
