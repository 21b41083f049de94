/** A day, or a time with its zone, as ISO 8601. */
const DATE_RULE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Reads a date such as `2027-11-30` or `2027-11-30T12:00:00Z`.
 *
 * @returns Milliseconds since 1970; `undefined` if it is no date, or the day does not exist.
 */
export function parseDate(text: string): number | undefined {
  const at = DATE_RULE.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at)) return undefined;
  // A day that does not exist may be taken for one of the next month.
  const day = text.slice(0, 10);
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) ? at : undefined;
}

/** Writes a time, in milliseconds since 1970, to the second: `2027-11-30T12:00:00Z`. */
export function formatDate(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
