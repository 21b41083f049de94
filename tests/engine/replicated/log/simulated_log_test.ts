import { Random } from "../../../support/random.ts";
import { SimulatedHost } from "../../../support/log/simulated_host.ts";
import { SimulatedLog } from "../../../support/log/simulated_log.ts";
import { SimulatedLogServer } from "../../../support/log/simulated_log_server.ts";
import { VirtualTime } from "../../../support/log/virtual_time.ts";
import { logConformance } from "./log_conformance.ts";

// deno-lint-ignore require-await
logConformance("SimulatedLog", async (bytesMax) => {
  const time = new VirtualTime();
  const server = new SimulatedLogServer({ time, random: new Random(1), bytesMax });
  return {
    // deno-lint-ignore require-await
    open: async () => new SimulatedLog(server, new SimulatedHost(time)),
    until: (what) => time.until(what),
    shrink: (last) => server.shrink(server.last - last),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
});
