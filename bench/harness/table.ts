/**
 * Tables in Markdown, aligned so that they can be read as they are.
 *
 * @module
 */

/** A table: the first column is text, the others are numbers. */
export interface Table {
  /** What the columns are. */
  readonly head: readonly string[];
  /** The rows, each with a cell for every column. */
  readonly rows: readonly (readonly string[])[];
}

/** Writes a table as lines of Markdown. */
export function formatTable({ head, rows }: Table): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((cells) => cells[column]!.length))
  );
  const ruler = widths.map((width, column) => column === 0 ? "-".repeat(width) : rightRule(width));
  return [head, ruler, ...rows].map((cells) => formatRow(cells, widths)).join("\n");
}

function rightRule(width: number): string {
  return `${"-".repeat(width - 1)}:`;
}

function formatRow(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column]!;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  });
  return `| ${padded.join(" | ")} |`;
}

/** Writes a number with so many decimals and its thousands apart: `1,234.5`. */
export function formatNumber(value: number, decimals = 0): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}
