import { BrokerError, type Page } from "../../../protocol.ts";
import type { WorkTurn } from "./work_turn.ts";

/**
 * Gathers the pages of a list; others have their turn in between.
 *
 * @param ask Asks for the page behind some item.
 * @param turn The turn of the event loop.
 * @param lengthMax How many characters of JSON the list may have.
 * @throws {BrokerError} `BAD_REQUEST` if it has more.
 */
export async function gatherPages<Item>(
  ask: (after: number) => Promise<Page<Item>>,
  turn: WorkTurn,
  lengthMax: number = Infinity,
): Promise<Item[]> {
  const all: Item[] = [];
  let length = 0;
  for (let after: number | undefined = 0; after !== undefined;) {
    const { items, next }: Page<Item> = await ask(after);
    if (lengthMax < Infinity) length += JSON.stringify(items).length;
    if (length > lengthMax) {
      throw new BrokerError(
        "BAD_REQUEST",
        `Cannot answer a query in one piece: the answer has more than ${lengthMax} ` +
          `characters; ask for pages, with the option "after"`,
      );
    }
    for (const item of items) all.push(item);
    after = next;
    if (next !== undefined) await turn.next();
  }
  return all;
}
