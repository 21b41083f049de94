/** The longest pattern of stream names: a name in which each character is a star, too. */
export const NAME_PATTERN_LENGTH_MAX = 256;

const NAME_PATTERN_RULE = /^[A-Za-z0-9._*-]+$/;

/**
 * A pattern of stream names: the whole name is compared, and `*` stands for any characters, also none.
 * Matching takes time in proportion to the lengths of name and pattern multiplied, never more.
 */
export class NamePattern {
  readonly text: string;

  /** @param text A pattern without mistakes, see {@linkcode findNamePatternMistake}. */
  constructor(text: string) {
    this.text = text;
  }

  matches(name: string): boolean {
    const pattern = this.text;
    let at = 0;
    let star = -1;
    let retryAt = 0;
    for (let index = 0; index < name.length;) {
      if (pattern[at] === "*") {
        star = at++;
        retryAt = index;
      } else if (pattern[at] === name[index]) {
        at++;
        index++;
      } else if (star >= 0) {
        // The last star takes one character more; earlier ones need not be tried again.
        at = star + 1;
        index = ++retryAt;
      } else return false;
    }
    while (pattern[at] === "*") at++;
    return at === pattern.length;
  }
}

/** Why a text is no pattern of stream names; `undefined` if it is one. */
export function findNamePatternMistake(text: string): string | undefined {
  if (text.length > NAME_PATTERN_LENGTH_MAX) {
    return `a pattern has at most ${NAME_PATTERN_LENGTH_MAX} characters, found ${text.length}`;
  }
  if (NAME_PATTERN_RULE.test(text)) return undefined;
  return "a pattern has letters, digits, '.', '_' and '-', and '*' for any characters";
}
