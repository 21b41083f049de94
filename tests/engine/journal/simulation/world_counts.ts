/** What went on in a world. */
export interface WorldCounts {
  crashes: number;
  powerCuts: number;
  published: number;
  confirmed: number;
  acknowledged: number;
  faults: number;
  /** How often a broker went on elsewhere, with a backup. */
  restored: number;
}

/** The counts of a world in which nothing has happened yet. */
export function countNothing(): WorldCounts {
  const counts = { crashes: 0, powerCuts: 0, published: 0, confirmed: 0, acknowledged: 0 };
  return { ...counts, faults: 0, restored: 0 };
}
