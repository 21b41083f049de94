/**
 * Network namespaces of Linux: each process has an address of its own, and what is cut is cut by the kernel:
 * frames between two places go to nobody.
 *
 * @module
 */

import { CLIENTS, type Network, pairOf, type Place } from "./network.ts";

/** Nobody has it. */
const NOBODY = "02:00:00:00:00:fe";

/** Whether this process may make namespaces. */
export async function canMakeNamespaces(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const name = `smq-try-${Deno.pid}`;
  const isMade = await tryIp(["netns", "add", name]);
  return isMade && await tryIp(["netns", "del", name]);
}

/** Processes that are each in a namespace, on one bridge. Clients are where this process is. */
export class NamespacedNetwork implements Network {
  readonly way = "namespaces";
  readonly #name: string;
  readonly #subnet: string;
  readonly #places: readonly Place[];
  readonly #cut = new Set<string>();

  private constructor(places: readonly Place[], random: number) {
    this.#places = places;
    this.#name = `smq${Deno.pid.toString(36)}`;
    this.#subnet = `10.${64 + random % 64}.${Math.floor(random / 64) % 256}`;
  }

  /** Makes a namespace for each place. */
  static async create(places: readonly Place[]): Promise<NamespacedNetwork> {
    const random = crypto.getRandomValues(new Uint32Array(1))[0]!;
    const network = new NamespacedNetwork(places, random);
    try {
      await network.#make();
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  host(place: Place): string {
    if (place === CLIENTS) return `${this.#subnet}.1`;
    const index = this.#places.indexOf(place);
    if (index < 0) throw new RangeError(`There is no place ${place} in this network`);
    return `${this.#subnet}.${10 + index}`;
  }

  before(place: Place): readonly string[] {
    return ["ip", "netns", "exec", this.#namespace(place)];
  }

  route(_from: Place, _to: Place, address: string): string {
    return address;
  }

  async cut(one: Place, other: Place): Promise<void> {
    this.#cut.add(pairOf(one, other));
    await Promise.all(
      [[one, other], [other, one]].map(([from, to]) =>
        this.#ip(from!, ["neigh", "replace", this.host(to!), "lladdr", NOBODY], [
          "nud",
          "permanent",
        ])
      ),
    );
  }

  async heal(one?: Place, other?: Place): Promise<void> {
    const all = one === undefined || other === undefined;
    for (const pair of all ? [...this.#cut] : [pairOf(one, other)]) {
      if (!this.#cut.delete(pair)) continue;
      const [from = "", to = ""] = pair.split(" ");
      await this.#ip(from, ["neigh", "del", this.host(to)]);
      await this.#ip(to, ["neigh", "del", this.host(from)]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [index, place] of this.#places.entries()) {
      await tryIp(["netns", "del", this.#namespace(place)]);
      // The namespace itself may live on for a while, with sockets that nobody closes.
      await tryIp(["link", "del", this.#device(index)]);
    }
    await tryIp(["link", "del", this.#name]);
  }

  async #make(): Promise<void> {
    await ip(["link", "add", this.#name, "type", "bridge"]);
    await ip(["addr", "add", `${this.host(CLIENTS)}/24`, "dev", this.#name]);
    await ip(["link", "set", this.#name, "up"]);
    for (const [index, place] of this.#places.entries()) {
      const inner = this.#namespace(place);
      const device = this.#device(index);
      await ip(["netns", "add", inner]);
      await ip([
        ...["link", "add", device, "type", "veth", "peer", "name", "eth0"],
        ...["netns", inner],
      ]);
      await ip(["link", "set", device, "master", this.#name, "up"]);
      await this.#ip(place, ["addr", "add", `${this.host(place)}/24`]);
      await ip(["-n", inner, "link", "set", "eth0", "up"]);
      await ip(["-n", inner, "link", "set", "lo", "up"]);
    }
  }

  /** Runs `ip` where a place is, on its device. */
  async #ip(place: Place, words: readonly string[], more: readonly string[] = []): Promise<void> {
    const isHere = place === CLIENTS;
    const where = isHere ? [] : ["-n", this.#namespace(place)];
    await ip([...where, ...words, "dev", isHere ? this.#name : "eth0", ...more]);
  }

  #device(index: number): string {
    return `${this.#name}v${index}`;
  }

  #namespace(place: Place): string {
    return `${this.#name}-${place}`;
  }
}

async function ip(args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args: [...args] }).output();
  if (success) return;
  throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}

async function tryIp(args: readonly string[]): Promise<boolean> {
  return await ip(args).then(() => true, () => false);
}
