/** A directory that a server writes to. It is removed whatever happens. */
export interface Workspace extends AsyncDisposable {
  /** Its absolute path. */
  readonly directory: string;
}

/** Those that are there. */
const present = new Set<string>();

/**
 * Makes an empty one below another directory; by default the one that the bench is started in, so that
 * the disk can be chosen.
 */
export async function makeWorkspace(parent: string = "."): Promise<Workspace> {
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
      // A server that writes to it has not ended yet; there is no time to wait.
    }
  }
}
