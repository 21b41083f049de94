import { type Network, pairOf, type Place } from "./network.ts";
import { Relay } from "./relay.ts";

/** Processes on this machine that reach each other through relays. It needs no rights. */
export class ProxiedNetwork implements Network {
  readonly way = "proxies";
  readonly #relays: { readonly pair: string; readonly relay: Relay }[] = [];
  readonly #cut = new Set<string>();

  host(): string {
    return "127.0.0.1";
  }

  before(): readonly string[] {
    return [];
  }

  route(from: Place, to: Place, address: string): string {
    const relay = new Relay({ target: address });
    this.adopt(from, to, relay);
    return `127.0.0.1:${relay.port}`;
  }

  /** Takes a relay that lies between two places. */
  adopt(one: Place, other: Place, relay: Relay): void {
    this.#relays.push({ pair: pairOf(one, other), relay });
  }

  cut(one: Place, other: Place): Promise<void> {
    const pair = pairOf(one, other);
    this.#cut.add(pair);
    for (const { relay } of this.#of(pair)) relay.cut();
    return Promise.resolve();
  }

  heal(one?: Place, other?: Place): Promise<void> {
    const all = one === undefined || other === undefined;
    for (const pair of all ? [...this.#cut] : [pairOf(one, other)]) {
      this.#cut.delete(pair);
      for (const { relay } of this.#of(pair)) relay.heal();
    }
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { relay } of this.#relays) await relay[Symbol.asyncDispose]();
  }

  #of(pair: string) {
    return this.#relays.filter((one) => one.pair === pair);
  }
}
