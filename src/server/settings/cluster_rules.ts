import { describe } from "./found_value.ts";

/** A setting as it was found. */
export interface LookedUp {
  readonly name: string;
  readonly value: unknown;
  /** The source in messages: ` from --port`. */
  readonly where: string;
  readonly isFaulty: boolean;
}

type LookUp = (path: string) => LookedUp;

/** What a broker in a cluster cannot do without. */
const REQUIRED = ["cluster.name", "cluster.id", "cluster.address", "cluster.nats"];

/** Which settings of clusters mean nothing without which others; checked with those of all settings. */
export const CLUSTER_NEEDS: readonly (readonly [path: string, needed: string])[] = [
  ["cluster.user", "cluster.passwordFile"],
  ["cluster.passwordFile", "cluster.user"],
  ["cluster.tlsCertificate", "cluster.tlsKey"],
  ["cluster.tlsKey", "cluster.tlsCertificate"],
];

/** The ways to log in at NATS: one of them at most. */
const LOGINS = ["cluster.credentials", "cluster.user", "cluster.natsTokenFile"];

/** The engine of brokers in a cluster. */
const ENGINE = "cluster";

/**
 * Finds what is wrong with the settings of a cluster, taken together.
 *
 * @param look Looks a setting up, by its name in a program.
 * @param allowed What is allowed for a setting, in words.
 * @returns A sentence for each mistake, without a period.
 */
export function findClusterMistakes(look: LookUp, allowed: (path: string) => string): string[] {
  const engine = look("storage.engine");
  if (engine.isFaulty) return [];
  if (engine.value !== ENGINE) {
    // Whoever names a cluster would believe to be in it.
    return REQUIRED.map(look).filter(isGiven).map((one) =>
      `setting "${one.name}"${one.where}: found ${describe(one.value)} with "${engine.name}" ` +
      `${describe(engine.value)}, allowed only with "${ENGINE}"`
    );
  }
  const missing = REQUIRED.map((path) => ({ path, ...look(path) }))
    .filter(({ value }) => value === "")
    .map(({ path, name, where }) =>
      `setting "${name}"${where}: found nothing, allowed ${allowed(path)}, with "${engine.name}" ` +
      `"${ENGINE}"`
    );
  return [...missing, ...findUnwatched(look), ...findLogins(look)];
}

/** Whether nodes flush can be asked only where they tell of themselves. */
function findUnwatched(look: LookUp): string[] {
  const [monitoring, replicas, requireSync] = [
    look("cluster.monitoring"),
    look("cluster.replicas"),
    look("cluster.requireSync"),
  ];
  if (monitoring.isFaulty || replicas.isFaulty || requireSync.value !== true) return [];
  const count = String(monitoring.value).split(",").filter((one) => one.trim() !== "").length;
  if (count >= Number(replicas.value)) return [];
  return [
    `setting "${monitoring.name}"${monitoring.where}: found ${count} addresses, allowed one for ` +
    `each node, at least "${replicas.name}", which is ${replicas.value}; with ` +
    `"${requireSync.name}" false, none is needed`,
  ];
}

function findLogins(look: LookUp): string[] {
  const given = LOGINS.map(look).filter(isGiven);
  if (given.length < 2) return [];
  const [first, ...others] = given.map(({ name }) => `"${name}"`);
  return [`setting ${first}: found it together with ${others.join(" and ")}, allowed one of them`];
}

function isGiven({ value, isFaulty }: LookedUp): boolean {
  return value !== "" && !isFaulty;
}
