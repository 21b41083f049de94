import { type Field, oneOf, withDefault } from "../../../protocol/frames/json_fields.ts";
import { NamePattern } from "../../access/name_pattern.ts";
import { shortText, wholeText } from "./page_input.ts";

/** How many rows are shown at once. */
const ROWS_MAX = 200;
const ROWS_DEFAULT = 50;

/** The longest text to look for in names. */
const SEARCH_LENGTH_MAX = 128;

/** The part of a question for a list that says which of its rows are wanted. */
export interface PageQuery {
  /** A part of the name. */
  readonly search: string;
  readonly order: "asc" | "desc";
  readonly offset: number;
  readonly limit: number;
}

/** How it is read. */
export const PAGE_QUERY: { readonly [Key in keyof PageQuery]: Field<PageQuery[Key]> } = {
  search: withDefault(shortText(SEARCH_LENGTH_MAX), ""),
  order: withDefault(oneOf("asc", "desc"), "asc"),
  offset: withDefault(wholeText(0, 1_000_000), 0),
  limit: withDefault(wholeText(1, ROWS_MAX), ROWS_DEFAULT),
};

/** Finds names that have a text in them, in any case; `*` stands for any characters. */
export function matchNames(search: string): (name: string) => boolean {
  const wanted = search.trim().toLowerCase();
  if (wanted === "") return () => true;
  const pattern = new NamePattern(`*${wanted}*`);
  return (name) => pattern.matches(name.toLowerCase());
}
