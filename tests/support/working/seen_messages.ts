import { decodeBatch, type MessageBatch } from "../../../protocol.ts";
import type { Engine } from "../../../src/broker/engine.ts";
import type { SeenMessage } from "./promises/work_ledger.ts";
import { WORK_STREAMS } from "./work_streams.ts";

/** The most messages that are looked at together. */
const PAGE = 1000;

/** What messages say of themselves. */
export function readSeen(batch: MessageBatch): Pick<SeenMessage, "label" | "lane" | "key">[] {
  return decodeBatch(batch).map(({ body, properties: { lane, key } }) => {
    return { label: new TextDecoder().decode(body).replace(/\.+$/, ""), lane, key };
  });
}

/** Everything that a broker has: the messages, and the dead letters under the names of their streams. */
export async function lookAtAll(
  engine: Engine,
): Promise<{ readonly found: SeenMessage[]; readonly dead: SeenMessage[] }> {
  const found: SeenMessage[] = [];
  const dead: SeenMessage[] = [];
  for (const stream of WORK_STREAMS) {
    found.push(...await look(engine, stream, stream));
    const deadName = `${stream}.dead`;
    if (engine.hasStream(deadName)) dead.push(...await look(engine, deadName, stream));
  }
  return { found, dead };
}

async function look(engine: Engine, name: string, stream: string): Promise<SeenMessage[]> {
  const seen: SeenMessage[] = [];
  for (let from = 1;;) {
    const { infos, entries } = await engine.peek(name, from, PAGE);
    if (infos.length === 0) return seen;
    const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
    for (const [index, message] of readSeen(batch).entries()) {
      const { id, attempts } = infos[index]!;
      seen.push({ ...message, stream, id, attempts });
    }
    from = infos.at(-1)!.id + 1;
  }
}
