import type { Call, Outcome } from "./matrix_rows.ts";
import type { MatrixWorld } from "./matrix_world.ts";

/** What a caller found. */
export interface Found {
  readonly outcome: Outcome;
  /** The sentence of the error, if there is one. */
  readonly message?: string;
}

/** One way to call a broker. Another protocol is another one of these. */
export interface MatrixCaller {
  readonly name: string;
  /** The calls that it knows, each for a stream of a world. */
  readonly calls: {
    readonly [Name in Call]?: (world: MatrixWorld, target: string) => Promise<Found>;
  };
}

/** A pattern that matches all streams of a world, dead letters included. */
export const EVERYTHING: RegExp = /dead|o/;

/** Does something, and tells of the streams in which it stored or which it follows now. */
export async function seeChange(
  world: MatrixWorld,
  what: "nextId" | "followers",
  act: () => Promise<Found | undefined>,
): Promise<Found> {
  const before = await world.look();
  const refused = await act();
  if (refused !== undefined) return refused;
  const after = await world.look();
  const names = [...after.keys()].filter((name) =>
    after.get(name)![what] > before.get(name)![what]
  );
  return { outcome: `ok ${names.join()}` };
}
