import type { Duplex } from "../../transport/duplex.ts";

/** A connection that counts what goes over it. */
export class CountedDuplex implements Duplex {
  receivedBytes = 0;
  sentBytes = 0;
  readonly #duplex: Duplex;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
  }

  get heldBytes(): number {
    return this.#duplex.heldBytes ?? 0;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const count = await this.#duplex.read(buffer);
    this.receivedBytes += count ?? 0;
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const count = await this.#duplex.write(bytes);
    this.sentBytes += count;
    return count;
  }

  close(): void {
    this.#duplex.close();
  }
}
