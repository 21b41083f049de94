/** An address of IPv4, or one of IPv6 in brackets. */
const ADDRESS_RULE = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;

/**
 * The names by which clients may call this machine. A page of another site can make a browser call the
 * broker by that site's name, which its owner has made lead here; such requests are refused. An address
 * belongs to no site, so any will do.
 */
export class HostNames {
  readonly #names: () => Iterable<string>;

  /** @param names Finds the names beside `localhost`; `*.` stands for one label. */
  constructor(names: () => Iterable<string>) {
    this.#names = names;
  }

  /** Whether the value of a header `Host` names this machine. */
  has(header: string): boolean {
    const name = header.trim().toLowerCase().replace(/:\d{1,5}$/, "").replace(/\.$/, "");
    if (name === "localhost" || ADDRESS_RULE.test(name)) return true;
    for (const known of this.#names()) {
      const wanted = known.toLowerCase().replace(/\.$/, "");
      if (name === wanted) return true;
      const isWild = wanted.startsWith("*.") && name.includes(".");
      if (isWild && name.slice(name.indexOf(".")) === wanted.slice(1)) return true;
    }
    return false;
  }
}
