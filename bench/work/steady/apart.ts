import { Account } from "../../harness/account.ts";
import type { Host, Result, SteadyWork } from "../work.ts";
import type { Followed, Published, SidePlan } from "./side.ts";
import { TimedProgram } from "./timed_program.ts";

/** The program of either side. */
const SIDE = new URL("./side.ts", import.meta.url);

let streamCount = 0;

/**
 * Sends messages steadily from a process of their own to a follower in another one, and accounts for all.
 *
 * @throws {Error} If a side fails, or not everything is accounted for.
 */
export async function measureApart(
  host: Pick<Host, "open" | "clientUrl" | "port" | "config">,
  work: SteadyWork,
  { count, warmUpCount }: { readonly count: number; readonly warmUpCount: number },
): Promise<Result> {
  const stream = `bench-steady-${++streamCount}`;
  await using client = await host.open("publishing");
  await client.createStream(stream);
  const { clientUrl, port, config } = host;
  const start = async (side: SidePlan["side"]) => {
    const plan: SidePlan = { side, clientUrl, port, stream, work, count, warmUpCount };
    return await TimedProgram.start(SIDE, plan, config);
  };
  await using following = await start("following");
  await using publishing = await start("publishing");
  const found = await TimedProgram.run(publishing, following);
  const [published, followed] = found as [Published, Followed];
  const account = new Account();
  account.send(count);
  account.confirm(published.confirmedCount);
  account.takeAll(followed.takenCount, followed.takenSum);
  account.check(await client.countLeft(stream), await client.countStored?.(stream));
  await client.deleteStream(stream);
  const { confirmMs, lateMs, sinceSentMs } = published;
  return { count, confirmMs, deliveryMs: followed.deliveryMs, lateMs, sinceSentMs };
}
