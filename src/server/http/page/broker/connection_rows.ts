import type { ConnectionInfo } from "../../../../../protocol.ts";
import type { Management } from "../../../management/management.ts";
import { roundFigure } from "../figures/history.ts";
import { Snapshots } from "../../figures/snapshots.ts";
import type { Column } from "../../figures/sorted_rows.ts";

/** What the list of connections shows of one. */
export interface ConnectionRow extends ConnectionInfo {
  /** Bytes a second; `null` if it was not there at the last look. */
  readonly rates: { readonly received: number; readonly sent: number } | null;
}

/** The columns by which connections can be sorted. */
export const CONNECTION_COLUMNS: Readonly<Record<string, Column<ConnectionRow>>> = {
  id: (row) => row.id,
  client: (row) => row.client,
  user: (row) => row.user ?? "",
  address: (row) => row.address,
  protocol: (row) => row.protocol,
  connectedAt: (row) => row.connectedAt,
  receivedBytes: (row) => row.receivedBytes,
  sentBytes: (row) => row.sentBytes,
  receivedRate: (row) => row.rates?.received ?? -1,
  sentRate: (row) => row.rates?.sent ?? -1,
  publishers: (row) => row.publishers,
  followers: (row) => row.followers,
};

/** Takes snapshots of all connections. */
export function makeConnectionSnapshots(
  management: Pick<Management, "listConnections">,
  now: () => number,
): Snapshots<ConnectionInfo, ConnectionRow> {
  return new Snapshots({
    list: (after) => management.listConnections(after),
    isSame: ({ id }, row) => id === row.id,
    make: (info, before, seconds) => ({
      ...info,
      rates: before === undefined ? null : {
        received: roundFigure((info.receivedBytes - before.receivedBytes) / seconds) ?? 0,
        sent: roundFigure((info.sentBytes - before.sentBytes) / seconds) ?? 0,
      },
    }),
    now,
  });
}
