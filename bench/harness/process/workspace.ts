/**
 * Directories that servers write to. They are removed whatever happens.
 *
 * @module
 */

/** A directory that somebody writes to. */
export interface Workspace extends AsyncDisposable {
  /** Where it is, from the root. */
  readonly directory: string;
}

/** Those that are there. */
const present = new Set<string>();

/**
 * Makes an empty one; it is removed when it is disposed of.
 *
 * @param parent The directory that it is made in.
 */
export async function makeWorkspace(parent: string): Promise<Workspace> {
  const made = await Deno.makeTempDir({ dir: parent, prefix: "simplemq-bench-" });
  const directory = await Deno.realPath(made);
  present.add(directory);
  return {
    directory,
    [Symbol.asyncDispose]: async () => {
      await Deno.remove(directory, { recursive: true });
      present.delete(directory);
    },
  };
}

/** Removes all that are there: the bench itself is about to end. */
export function removeWorkspaces(): void {
  for (const directory of present) {
    try {
      Deno.removeSync(directory, { recursive: true });
    } catch {
      // Whoever writes to it has not ended yet; there is no time to wait.
    }
  }
}
