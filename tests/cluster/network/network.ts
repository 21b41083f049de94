/**
 * What lies between the processes of a cluster, so that a test can cut it.
 *
 * @module
 */

/** Where a process is: `n1`, `n2` … for nodes of NATS, `b1`, `b2` … for brokers, `clients`. */
export type Place = string;

/** Where all clients are. */
export const CLIENTS: Place = "clients";

/** Connections between places; those between two of them can be cut. */
export interface Network extends AsyncDisposable {
  /** What cuts them. */
  readonly way: "proxies" | "namespaces";
  /** The address that processes of a place listen at. */
  host(place: Place): string;
  /** What a command of a place begins with. */
  before(place: Place): readonly string[];
  /** How one place reaches an address of another one. */
  route(from: Place, to: Place, address: string): string;
  /**
   * Lets nothing through between two places, in either direction. Nobody is told: connections stay open, and
   * what is sent waits, or is lost and sent again.
   */
  cut(one: Place, other: Place): Promise<void>;
  /** Lets everything through again between two places; between all if none are named. */
  heal(one?: Place, other?: Place): Promise<void>;
}

/** Names a pair of places, in any order. */
export function pairOf(one: Place, other: Place): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}

/** Reads `host:port`. */
export function readAddress(address: string): { hostname: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { hostname: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
