import { oneOf, withDefault } from "../../../../protocol/frames/json_fields.ts";
import type { Permissions } from "../../../access/permissions.ts";
import { roundRates } from "../figures/stream_sums.ts";
import type { StreamFigures } from "../figures/stream_figures.ts";
import { findStates, isStuck, STREAM_COLUMNS, type StreamRow } from "../figures/stream_rows.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest } from "../../http_route.ts";
import { readQuery } from "../page_input.ts";
import { matchNames, PAGE_QUERY } from "../page_query.ts";

const QUERY = {
  ...PAGE_QUERY,
  kind: withDefault(oneOf("all", "streams", "dead", "stuck"), "all" as const),
  sort: withDefault(oneOf(...Object.keys(STREAM_COLUMNS)), "name"),
};

/** Answers with a page of the streams that the user sees: found, sorted and cut here, from one snapshot. */
export async function listStreams(request: HttpRequest, figures: StreamFigures): Promise<Response> {
  const { search, sort, order, offset, limit, kind } = readQuery(request, QUERY);
  const { user: { permissions }, parts: { dateNow } } = request;
  const { rows } = await figures.snapshots.get();
  const isFound = matchNames(search);
  const chosen = await rows.choose({
    column: STREAM_COLUMNS[sort]!,
    isDescending: order === "desc",
    offset,
    limit,
    isSeen: ({ name }) => permissions.maySee(name),
    isWanted: (row) => isOfKind(row, kind) && isFound(row.name),
  });
  const { total, matched } = chosen;
  const streams = chosen.rows.map((row) => tellRow(row, permissions));
  return writeJson({ at: dateNow(), total, matched, offset, streams });
}

function isOfKind(row: StreamRow, kind: "all" | "streams" | "dead" | "stuck"): boolean {
  if (kind === "stuck") return isStuck(row);
  return kind === "all" || row.isDead === (kind === "dead");
}

/** A row as the page gets it. */
export function tellRow(row: StreamRow, permissions: Permissions): Record<string, unknown> {
  const { totals: _totals, quietSeconds: _quietSeconds, rates, ...figures } = row;
  const { name } = row;
  return {
    ...figures,
    states: findStates(row),
    rates: rates === undefined ? null : roundRates(rates),
    may: {
      inspect: permissions.may("inspect", name),
      publish: permissions.may("publish", name),
      manage: permissions.may("manage", name),
    },
  };
}
