import type { Summary } from "./statistics.ts";

/** A column: its head, the cell of a row, and the decimals of its numbers, 0 if not given. */
export type Column<Row> = readonly [
  head: string,
  read: (row: Row) => string | number | undefined,
  decimals?: number,
];

/** A table: the first column, or the first ones, are text, the others are numbers. */
export interface Table {
  readonly head: readonly string[];
  /** The rows, each with a cell for every column. */
  readonly rows: readonly (readonly string[])[];
  /** How many columns are text; 1 if not set. */
  readonly textCount?: number;
}

/** Writes a table as lines of Markdown, aligned so that they can be read as they are. */
export function formatTable({ head, rows, textCount = 1 }: Table): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((cells) => cells[column]!.length))
  );
  const ruler = widths.map((width, column) =>
    column < textCount ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [head, ruler, ...rows].map((cells) => formatRow(cells, widths, textCount)).join("\n");
}

/** Writes a table of columns; a cell without a value is empty. */
export function formatColumns<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): string {
  return formatTable({
    head: columns.map(([head]) => head),
    rows: rows.map((row) =>
      columns.map(([, read, decimals = 0]) => {
        const value = read(row);
        return typeof value === "number" ? formatNumber(value, decimals) : value ?? "";
      })
    ),
  });
}

/** The three columns of a summary. */
export function spread<Row>(
  head: string,
  read: (row: Row) => Summary | undefined,
  decimals: number = 0,
): Column<Row>[] {
  return [
    [head, (row) => read(row)?.median, decimals],
    ["lowest", (row) => read(row)?.lowest, decimals],
    ["highest", (row) => read(row)?.highest, decimals],
  ];
}

function formatRow(
  cells: readonly string[],
  widths: readonly number[],
  textCount: number,
): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column]!;
    return column < textCount ? cell.padEnd(width) : cell.padStart(width);
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
