import type { Page } from "../../../protocol.ts";
import type { WorkTurn } from "./work_turn.ts";

/** Gathers the pages of a list, asking for the page behind some item; others have their turn between. */
export async function gatherPages<Item>(
  ask: (after: number) => Promise<Page<Item>>,
  turn: WorkTurn,
): Promise<Item[]> {
  const all: Item[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const { items, next }: Page<Item> = await ask(after);
    for (const item of items) all.push(item);
    after = next;
    if (next !== undefined) await turn.next();
  }
  return all;
}
