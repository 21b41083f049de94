const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

const ESCAPE_RULE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const NUMBER_RULE = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE_RULE = /[ \t\r\n]*/y;

/** A part of a text. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/**
 * Checks JSON without making anything of it: neither depth nor number nor choice of its strings make it
 * slow.
 */
export class JsonScanner {
  readonly #text: string;
  readonly #key: string | undefined;
  #at = 0;
  #value: Part | undefined;

  /**
   * @param text What may be JSON.
   * @param key The key in the outermost object whose value is looked for.
   */
  constructor(text: string, key?: string) {
    this.#text = text;
    this.#key = key;
  }

  /** Where the value of the key lies, once the text was scanned; the last one if there are several. */
  get value(): Part | undefined {
    return this.#value;
  }

  /** Whether the text is one JSON value. */
  scan(): boolean {
    const text = this.#text;
    /** The ends of the objects and arrays that are open. */
    const ends: ("}" | "]")[] = [];
    let valueAt: number | undefined;
    for (;;) {
      this.#skip(SPACE_RULE);
      const first = text[this.#at];
      if (first === "{" || first === "[") {
        const end = first === "{" ? "}" : "]";
        this.#at++;
        this.#skip(SPACE_RULE);
        if (text[this.#at] === end) this.#at++;
        else {
          ends.push(end);
          if (end === "}" && !this.#takeKey(ends.length === 1, (at) => valueAt = at)) return false;
          continue;
        }
      } else if (!this.#takeScalar(first)) return false;
      for (;;) {
        if (ends.length === 1 && valueAt !== undefined) {
          this.#value = { start: valueAt, end: this.#at };
          valueAt = undefined;
        }
        this.#skip(SPACE_RULE);
        const end = ends.at(-1);
        if (end === undefined) return this.#at === text.length;
        const next = text[this.#at++];
        if (next === end) {
          ends.pop();
          continue;
        }
        if (next !== ",") return false;
        this.#skip(SPACE_RULE);
        if (end === "}" && !this.#takeKey(ends.length === 1, (at) => valueAt = at)) return false;
        break;
      }
    }
  }

  /** Takes a key and its colon; tells where the value begins if that is looked for. */
  #takeKey(isOutermost: boolean, note: (valueAt: number) => void): boolean {
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== QUOTE || !this.#takeString()) return false;
    const end = this.#at;
    this.#skip(SPACE_RULE);
    if (this.#text[this.#at] !== ":") return false;
    this.#at++;
    if (!isOutermost || this.#key === undefined) return true;
    this.#skip(SPACE_RULE);
    if (JSON.parse(this.#text.slice(start, end)) === this.#key) note(this.#at);
    return true;
  }

  #takeScalar(first: string | undefined): boolean {
    if (first === '"') return this.#takeString();
    for (const word of ["true", "false", "null"]) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return true;
    }
    return this.#skip(NUMBER_RULE);
  }

  #takeString(): boolean {
    const text = this.#text;
    for (this.#at++; this.#at < text.length;) {
      const code = text.charCodeAt(this.#at);
      if (code === BACKSLASH) {
        if (!this.#skip(ESCAPE_RULE)) return false;
      } else {
        if (code < SPACE) return false;
        this.#at++;
        if (code === QUOTE) return true;
      }
    }
    return false;
  }

  /** Goes behind what matches here; returns whether something does. */
  #skip(rule: RegExp): boolean {
    rule.lastIndex = this.#at;
    if (!rule.test(this.#text)) return false;
    this.#at = rule.lastIndex;
    return true;
  }
}
