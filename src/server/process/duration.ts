import { describe } from "../settings/settings_draft.ts";

/** The parts of a text, the largest first; each may be left out. */
const FORM = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** How many milliseconds the parts are. */
const PART_MS = [24 * 60 * 60 * 1000, 60 * 60 * 1000, 60 * 1000, 1000, 1];

const ALLOWED =
  'allowed whole milliseconds from 0 on, or a text such as "250ms", "5s", "1h30m", "2d"';

/**
 * Reads how long something takes.
 *
 * @param found What was found.
 * @param action What is not possible with something else, for the message of the error.
 * @returns It in milliseconds.
 * @throws {TypeError | RangeError} If it is no duration.
 */
export function readDuration(found: unknown, action: string): number {
  if (typeof found !== "number" && typeof found !== "string") {
    throw new TypeError(`${action}: found ${describe(found)}, ${ALLOWED}`);
  }
  const ms = typeof found === "number" ? found : parseText(found);
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new RangeError(`${action}: found ${describe(found)}, ${ALLOWED}`);
}

function parseText(text: string): number {
  const parts = FORM.exec(text.trim());
  if (parts === null || parts[0] === "") return NaN;
  return PART_MS.reduce((sum, ms, index) => sum + ms * Number(parts[index + 1] ?? 0), 0);
}
