/**
 * Scripts by which shells complete command lines; they know all commands and flags, and ask nobody.
 *
 * @module
 */

import type { Flag } from "../arguments.ts";

/** What is known of a command. */
export interface CompletedCommand {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
}

const PROGRAM = "simplemq";

/** What may stand behind `simplemq`, and behind each first word of a command of two words. */
function listWords(commands: readonly CompletedCommand[]): Map<string, string[]> {
  const words = new Map<string, string[]>([["", ["help"]]]);
  for (const { name } of commands) {
    const [first = "", second] = name.split(" ");
    const top = words.get("")!;
    if (!top.includes(first)) top.push(first);
    if (second !== undefined) words.set(first, [...words.get(first) ?? [], second]);
  }
  return words;
}

function listFlags(flags: readonly Flag[]): string {
  return ["help", ...flags.map(({ name }) => name)].map((name) => `--${name}`).join(" ");
}

/** What stands for values of a kind, between words that are values: `<span|none>`. */
const KINDS: ReadonlySet<string> = new Set(["span", "number", "size"]);

/** Values that are one of a few words: `<text|json|bytes>`. */
function listChoices({ value = "" }: Flag): string[] {
  const inner = /^<([\w|-]+\|[\w|-]+)>$/.exec(value)?.[1];
  return inner === undefined ? [] : inner.split("|").filter((word) => !KINDS.has(word));
}

/** Whether a flag takes a path. */
function takesPath({ value }: Flag): boolean {
  return value === "<file>" || value === "<path>";
}

/** Writes the script for bash 4 or later. */
export function writeBash(commands: readonly CompletedCommand[]): string {
  const words = listWords(commands);
  const seconds = [...words].filter(([first]) => first !== "")
    .map(([first, list]) =>
      `      ${first}) COMPREPLY=($(compgen -W "${list.join(" ")}" -- "$cur")) ;;`
    );
  const writeFlags = (isPair: boolean) =>
    commands.filter(({ name }) => name.includes(" ") === isPair)
      .map(({ name, flags }) => `    "${name}") flags="${listFlags(flags)}" ;;`).join("\n");
  const all = commands.flatMap(({ flags }) => flags);
  const paths = [...new Set(all.filter(takesPath).map(({ name }) => `--${name}`))];
  const choices = new Map(
    all.map((flag) => [flag.name, listChoices(flag)] as const)
      .filter(([, list]) => list.length > 0),
  );
  const values = [...choices].map(([name, list]) =>
    `    --${name}) COMPREPLY=($(compgen -W "${list.join(" ")}" -- "$cur")); return ;;`
  );
  return `# bash completion for ${PROGRAM}; written by "${PROGRAM} completions bash".
_${PROGRAM}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" flags=""
  local first="\${COMP_WORDS[1]}" second="\${COMP_WORDS[2]}" at=1
  COMPREPLY=()
  if [[ $first == help ]]; then
    at=2 first="\${COMP_WORDS[2]}" second="\${COMP_WORDS[3]}"
  fi
  if [[ $COMP_CWORD -eq $at ]]; then
    COMPREPLY=($(compgen -W "${words.get("")!.join(" ")}" -- "$cur"))
    return
  fi
  if [[ $COMP_CWORD -eq $((at + 1)) && $cur != -* ]]; then
    case "$first" in
${seconds.join("\n")}
    esac
    [[ \${#COMPREPLY[@]} -gt 0 ]] && return
  fi
  case "$prev" in
    ${paths.join("|")}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
${values.join("\n")}
  esac
  [[ $cur == -* ]] || return
  case "$first $second" in
${writeFlags(true)}
  esac
  [[ -n $flags ]] || case "$first" in
${writeFlags(false)}
  esac
  COMPREPLY=($(compgen -W "$flags" -- "$cur"))
}
complete -o filenames -o bashdefault -F _${PROGRAM} ${PROGRAM}
`;
}

/** A text between single quotes of zsh and fish, without what their descriptions end with. */
function quote(text: string): string {
  return `'${(text.split("\n")[0] ?? "").replaceAll(/['\\[\]:]/g, " ")}'`;
}

/** Writes the script for zsh. */
export function writeZsh(commands: readonly CompletedCommand[]): string {
  const words = listWords(commands);
  const abouts = new Map(commands.map(({ name, about }) => [name, about]));
  const describeWord = (first: string, word: string) => {
    const name = first === "" ? word : `${first} ${word}`;
    return `${word}:${(abouts.get(name) ?? `commands of ${word}`).replaceAll(/['\\:]/g, " ")}`;
  };
  const lists = [...words].map(([first, list]) =>
    `  words_${first.replaceAll("-", "_")}=(${
      list.map((word) => `'${describeWord(first, word)}'`).join(" ")
    })`
  );
  const cases = commands.map(({ name, flags }) => {
    const specs = flags.map((flag) => {
      const about = `[${quote(flag.about).slice(1, -1)}]`;
      const action = takesPath(flag) ? "_files" : listChoices(flag).join(" ");
      const values = action === "" || action === "_files" ? action : `(${action})`;
      const repeat = flag.isList ? "*" : "";
      return flag.value === undefined
        ? `'${repeat}--${flag.name}${about}'`
        : `'${repeat}--${flag.name}=${about}:${flag.name}:${values}'`;
    });
    return `    '${name}') _arguments ${
      specs.join(" ")
    } '--help[Shows the help]' '*:file:_files' ;;`;
  });
  const groups = [...words.keys()].filter((first) => first !== "");
  return `#compdef ${PROGRAM}
# zsh completion for ${PROGRAM}; written by "${PROGRAM} completions zsh".
_${PROGRAM}() {
  local -a words_ ${groups.map((first) => `words_${first.replaceAll("-", "_")}`).join(" ")}
${lists.join("\n")}
  if (( CURRENT == 2 )); then
    _describe 'command' words_
    return
  fi
  local name="\${words[2]}"
  case "$name" in
    ${groups.join("|")})
      if (( CURRENT == 3 )); then
        _describe 'command' "words_\${name//-/_}"
        return
      fi
      name="$name \${words[3]}"
      ;;
  esac
  case "$name" in
${cases.join("\n")}
  esac
}
compdef _${PROGRAM} ${PROGRAM}
`;
}

/** Writes the script for fish. */
export function writeFish(commands: readonly CompletedCommand[]): string {
  const words = listWords(commands);
  const lines = [`complete -c ${PROGRAM} -f`];
  const abouts = new Map(commands.map(({ name, about }) => [name, about]));
  for (const [first, list] of words) {
    const condition = first === ""
      ? "__fish_use_subcommand"
      : `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${
        list.join(" ")
      }`;
    for (const word of list) {
      const about = abouts.get(first === "" ? word : `${first} ${word}`) ?? `commands of ${word}`;
      lines.push(`complete -c ${PROGRAM} -n '${condition}' -a ${word} -d ${quote(about)}`);
    }
  }
  for (const { name, flags } of commands) {
    const condition = name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`)
      .join("; and ");
    for (const flag of flags) {
      const choices = listChoices(flag);
      const value = flag.value === undefined
        ? ""
        : takesPath(flag)
        ? " -r -F"
        : choices.length > 0
        ? ` -x -a '${choices.join(" ")}'`
        : " -x";
      lines.push(
        `complete -c ${PROGRAM} -n '${condition}' -l ${flag.name}${value} -d ${quote(flag.about)}`,
      );
    }
  }
  return `# fish completion for ${PROGRAM}; written by "${PROGRAM} completions fish".\n${
    lines.join("\n")
  }\n`;
}
