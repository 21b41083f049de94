import type { Page } from "../../../../protocol.ts";
import { TimeSlices } from "./time_slices.ts";

/** Lists a page of what there is, in an order in which new ones come last. */
export type ListPage<Raw> = (after: number) => Promise<Page<Raw>> | Page<Raw>;

/**
 * Visits all that there is, page by page and in slices of time. Everything that looks at all streams, or at
 * all connections, does it here.
 *
 * @param visit Takes one; it must be quick, since the time is looked at after each.
 */
export async function visitAll<Raw>(
  list: ListPage<Raw>,
  visit: (raw: Raw) => void,
): Promise<void> {
  const slices = new TimeSlices();
  for (let after: number | undefined = 0; after !== undefined;) {
    const { items, next }: Page<Raw> = await list(after);
    for (const raw of items) {
      visit(raw);
      if (slices.isOver) await slices.next();
    }
    after = next;
    // A filter may have let nothing of the page through.
    if (after !== undefined && slices.isOver) await slices.next();
  }
}
