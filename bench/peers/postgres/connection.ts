import { HOSTNAME } from "../../harness/broker_process.ts";

/** The user that the server is made for. */
export const USER = "bench";

/** How to connect: everybody on this machine may. */
export type PostgresAddress = Record<"host" | "user" | "database", string> & { port: number };

/** The address of a server. */
export function locatePostgres(port: number): PostgresAddress {
  return { host: HOSTNAME, port, user: USER, database: "postgres" };
}
