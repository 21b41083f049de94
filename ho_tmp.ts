import { connect } from "./client.ts";
const servers = ["localhost:19101", "localhost:19102"];
for (let i = 0; i < Number(Deno.args[0]); i++) {
  const t = performance.now();
  try {
    let at = servers[0]!;
    for (const s of servers) {
      const c = await connect({ servers: [s], standby: true } as never);
      const st = await c.cursor().getCluster();
      await c.close();
      if (st.role === "active") at = s;
    }
    const c = await connect({ servers: [at], standby: true } as never);
    const r = await c.cursor().handOver();
    await c.close();
    console.log(new Date().toISOString(), i, JSON.stringify(r), Math.round(performance.now() - t));
  } catch (e) {
    console.log(
      new Date().toISOString(),
      i,
      "failed",
      (e as Error).message,
      Math.round(performance.now() - t),
    );
  }
  await new Promise((r) => setTimeout(r, Number(Deno.args[1])));
}
