/** So much is kept, in characters. */
const LENGTH = 2_000;

/** The last of what a process has said: the part of an error message that tells why. */
export class Tail {
  #text = "";

  add(text: string): void {
    this.#text = (this.#text + text).slice(-LENGTH);
  }

  toString(): string {
    return this.#text.trim();
  }
}
