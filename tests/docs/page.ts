/**
 * A document, taken apart: the blocks between fences, headings, links and tables.
 *
 * @module
 */

import { assert } from "@std/assert";

/** The directory of the repository. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** The documents that are written for a reader, with the most lines that each may have. */
export const LINES_MAX: Readonly<Record<string, number>> = {
  "README.md": 220,
  "ARCHITECTURE.md": 200,
  "CONTRIBUTING.md": 100,
  ".github/SECURITY.md": 30,
  "docs/tutorial.md": 320,
  "docs/delivery.md": 300,
  "docs/ordering.md": 300,
  "docs/request-reply.md": 300,
  "docs/testing.md": 300,
  "docs/json-lines.md": 300,
  "docs/production.md": 350,
  "docs/command-line.md": 300,
  "docs/monitoring.md": 300,
  "docs/deployment.md": 300,
  "docs/cluster.md": 350,
  "docs/storage.md": 200,
  "docs/security.md": 150,
  "docs/errors.md": 100,
  "docs/reference.md": 350,
  "docs/work/handlers.md": 300,
  "docs/work/lanes.md": 300,
  "docs/work/schedules.md": 300,
  "docs/work/coalescing.md": 250,
  "docs/internals/journal.md": 200,
  "docs/internals/replicated.md": 200,
  "docs/internals/reliability.md": 250,
  "docs/internals/benchmarks.md": 250,
  "docs/internals/decisions.md": 450,
  "docs/internals/words.md": 60,
  "docs/ru/README.md": 220,
  "docs/ru/tutorial.md": 320,
};

/** The documents about the code; their `ts` blocks are not programs. */
const OWN: readonly string[] = [
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "docs/internals/decisions.md",
  "docs/internals/words.md",
  "docs/internals/journal.md",
  "docs/internals/replicated.md",
];

/** A piece of a page between fences. */
export interface Block {
  readonly language: string;
  /** Without the indentation that it has in a list. */
  readonly text: string;
  /** The number of its first line in the page. */
  readonly line: number;
}

/** A table: the cells of its head, and those of its other rows. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A program that a page shows. */
export interface ShownProgram {
  readonly name: string;
  readonly text: string;
}

/** One document. */
export class Page {
  /** Its path from the root of the repository. */
  readonly path: string;
  readonly text: string;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  /** Reads a page; `undefined` if there is none of that name. */
  static read(path: string): Page | undefined {
    try {
      return new Page(path, Deno.readTextFileSync(new URL(path, ROOT)));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** Reads all pages that there are, in the order of {@linkcode LINES_MAX}. */
  static readAll(): Page[] {
    return Object.keys(LINES_MAX).map(Page.read).filter((page) => page !== undefined);
  }

  /** Whether it tells users what to write, and its programs run. */
  get hasPrograms(): boolean {
    return !OWN.includes(this.path);
  }

  /** All blocks between fences. */
  get blocks(): Block[] {
    const rule = /^( *)```(\w*)\n(.*?)^ *```$/gms;
    return [...this.text.matchAll(rule)].map(({ 1: indent, 2: language, 3: lines, index }) => ({
      language: language!,
      text: lines!.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      line: this.text.slice(0, index).split("\n").length,
    }));
  }

  /** All programs, in their order. */
  get programs(): ShownProgram[] {
    return this.blocks.filter(({ language }) => language === "ts").map(({ text, line }) => {
      const [, name] = /^\/\/ ([\w-]+\.ts)\n/.exec(text) ?? [];
      assert(name !== undefined, `${this.path}:${line}: the first line is not "// name.ts"`);
      return { name, text };
    });
  }

  /** The page without what is between fences. */
  get prose(): string {
    return this.text.replaceAll(/^( *)```.*?^ *```$/gms, "");
  }

  /** What a link to this page may have behind its `#`. */
  get anchors(): string[] {
    const titles = [...this.prose.matchAll(/^#+ (.*)$/gm)];
    return titles.map(([, title]) =>
      title!.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-")
    );
  }

  /** The targets of all links. */
  get links(): string[] {
    return [...this.prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  }

  /** All tables. */
  get tables(): Table[] {
    const rule = /^(\|.*\|)\n\|[ :|-]+\|\n((?:\|.*\|\n)*)/gm;
    return [...this.prose.matchAll(rule)].map(([, head, rows]) => ({
      head: splitRow(head!),
      rows: rows!.trimEnd().split("\n").map(splitRow),
    }));
  }
}

/** The cells of a row, without the space around them; `\|` is part of a cell. */
function splitRow(row: string): string[] {
  return row.trim().slice(1, -1).split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}
