/**
 * The environment variables of the broker: whose they are, and which of them look like slips.
 *
 * @module
 */

import { findNearest } from "../../protocol/spelling.ts";
import { SETTING_ROWS } from "./setting_table.ts";

/** What the names of all of them begin with. */
const PREFIX = "SIMPLEMQ_";

/** The one that names the file, as `--settings` does. */
export const FILE_VARIABLE = "SIMPLEMQ_SETTINGS";

/** Those that are the client's. */
const CLIENT_VARIABLES: ReadonlySet<string> = new Set([
  "SIMPLEMQ_SERVER",
  "SIMPLEMQ_TOKEN",
  "SIMPLEMQ_TOKEN_FILE",
]);

/**
 * What Kubernetes sets in every container beside a service whose name begins with `simplemq`:
 * `SIMPLEMQ_SERVICE_HOST`, `SIMPLEMQ_SERVICE_PORT_SMQ`, `SIMPLEMQ_PORT_9090_TCP_ADDR` …
 */
const KUBERNETES_RULE = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$/;

/** What the broker knows, by the name of the setting in the file. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ...SETTING_ROWS.map(({ key, variable }) => [key, variable] as const),
  ["settings", FILE_VARIABLE],
]);

/** What the environment says. */
export interface Environment {
  /** Gives the value of a variable. */
  readonly env: (name: string) => string | undefined;
  /** The names of all variables, if they can be had. */
  readonly variables?: readonly string[];
}

/**
 * Tells whether a value comes from Kubernetes, which sets `SIMPLEMQ_PORT` to an address beside a
 * service of the name `simplemq`.
 */
export function isFromKubernetes(value: string): boolean {
  return /^(tcp|udp|sctp):\/\//.test(value);
}

/** Finds what in the environment is passed over, and may not be meant so. */
export function findWarnings({ env, variables = [] }: Environment): string[] {
  const passedOver = SETTING_ROWS.flatMap(({ variable }) => {
    const value = env(variable) ?? "";
    return isFromKubernetes(value)
      ? [
        `${variable} is ${JSON.stringify(value)}, which Kubernetes sets for a service: ` +
        `it is not the broker's setting, and is passed over`,
      ]
      : [];
  });
  const known = new Set([...KNOWN.values(), ...CLIENT_VARIABLES]);
  const unknown = variables.filter((name) =>
    name.startsWith(PREFIX) && !known.has(name) && !KUBERNETES_RULE.test(name) &&
    !isFromKubernetes(env(name) ?? "")
  );
  const slips = unknown.flatMap((name) => {
    const nearest = findNearest(name.slice(PREFIX.length), KNOWN.keys());
    return nearest === undefined
      ? []
      : [`there is no variable ${name}, the nearest known one is ${KNOWN.get(nearest)}`];
  });
  return [...passedOver, ...slips];
}
