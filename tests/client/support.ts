/**
 * What tests of the client need of their surroundings.
 *
 * @module
 */

/** Lets whatever is random be the same all the time while something is done. */
export async function withRandom(value: number, action: () => Promise<void>): Promise<void> {
  const { random } = Math;
  Math.random = () => value;
  try {
    await action();
  } finally {
    Math.random = random;
  }
}
