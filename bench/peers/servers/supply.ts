import { tmpdir } from "node:os";
import { makeWorkspace } from "../../harness/process/workspace.ts";
import type { Peer } from "../peer.ts";
import { Chroot } from "./chroot.ts";
import { DebianPackages } from "./debian.ts";

/** Where the servers of the peers come from. */
export interface SupplyPlan {
  /** The directory that they are brought to and stay in; if not set, one that goes with the bench. */
  readonly folder?: string;
  /** Debian's suite that they are taken from. */
  readonly suite: string;
  /** Whether none are brought. */
  readonly isOff: boolean;
}

/** The servers of the peers, brought from Debian. */
export class Supply implements AsyncDisposable {
  /** Runs them; missing if there are none. */
  readonly servers: Chroot | undefined;
  /** Why there are none. */
  readonly lack: string | undefined;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    servers: Chroot | undefined,
    lack?: string,
    stack = new AsyncDisposableStack(),
  ) {
    this.servers = servers;
    this.lack = lack;
    this.#stack = stack;
  }

  /**
   * Brings the packages of peers.
   *
   * @throws {Error} If they cannot be brought.
   */
  static async open(
    { folder, suite, isOff }: SupplyPlan,
    peers: readonly Pick<Peer, "packages">[],
  ): Promise<Supply> {
    const packages = [...new Set(peers.flatMap(({ packages = [] }) => packages))];
    if (packages.length === 0 || isOff) return new Supply(undefined, "--without-servers was given");
    if (!Chroot.isAllowed) {
      return new Supply(undefined, "its server is run by chroot, which needs Linux and root");
    }
    await using stack = new AsyncDisposableStack();
    if (folder !== undefined) await Deno.mkdir(folder, { recursive: true });
    const place = folder === undefined
      ? stack.use(await makeWorkspace(tmpdir())).directory
      : await Deno.realPath(folder);
    const debian = new DebianPackages(place, suite);
    await debian.bring(packages);
    return new Supply(await Chroot.open(debian.root), undefined, stack.move());
  }

  /** Removes them, unless they have a directory to stay in. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
