import manifest from "../../deno.json" with { type: "json" };
import { DenoDisk } from "../engine/journal/disk/deno_disk.ts";
import { LocalEngine } from "../engine/local_engine.ts";
import { ClusterLog } from "../engine/replicated/cluster_log.ts";
import { JetStreamLog } from "../engine/replicated/jetstream/jetstream_log.ts";
import { LogWatch } from "../engine/replicated/jetstream/log_watch.ts";
import type { NatsSecrets } from "../engine/replicated/jetstream/nats_link.ts";
import { NatsRefusal } from "../engine/replicated/jetstream/nats_nodes.ts";
import { RECORD_HEAD_BYTES } from "../engine/replicated/record.ts";
import { SYSTEM_TIMING } from "../engine/replicated/timing.ts";
import { StartError } from "../server/process/start_error.ts";
import type { ClusterSettings, Settings } from "../server/settings/settings.ts";
import { systemClock } from "../transport/clock.ts";
import type { EngineSurroundings, OpenedEngine } from "./engine_surroundings.ts";
import { explainJournalError } from "./journal_fault.ts";

/**
 * Opens the engine of a broker in a cluster. Waits until a node of NATS can be reached; then the engine
 * follows, until it takes over.
 */
export async function openCluster(
  { storage, cluster }: Settings,
  { now, dateNow, hashKey, report, hasten, fail, notes }: EngineSurroundings,
): Promise<OpenedEngine> {
  const { memoryLimit, directory } = storage;
  const { name, id, address, leaseMs, pipeline, recordBytes } = cluster;
  const { log, watch } = await openLog(cluster, report);
  try {
    const clusterLog = new ClusterLog({
      disk: DenoDisk.open(directory),
      log,
      name,
      id,
      address,
      version: manifest.version,
      leaseMs,
      pipeline,
      recordBytes,
      durability: watch.durability,
      timing: SYSTEM_TIMING,
      random: Math.random,
      now,
      diskNow: systemClock.now,
      report,
      fail,
      notes,
      problems: () => watch.problems,
    });
    const engine = new LocalEngine({
      memoryLimit,
      now,
      dateNow,
      hasten,
      hashKey,
      report: (message, fields) => report("warning", message, fields),
      log: clusterLog,
    });
    return { engine, opening: engine.open() };
  } catch (cause) {
    await log.close();
    const advice =
      "stop that one, or choose another directory: --storage-directory, or storage.directory";
    throw explainJournalError(cause, directory, advice);
  }
}

/** Opens the log in NATS, and looks at its nodes. */
export async function openLog(
  cluster: ClusterSettings,
  report: EngineSurroundings["report"],
): Promise<{ readonly log: JetStreamLog; readonly watch: LogWatch }> {
  const { name, id, leaseMs, replicas, recordBytes, maxBytes: bytesMax, requireSync } = cluster;
  const readSecrets = () => readFiles(cluster);
  await readSecrets();
  let log: JetStreamLog | undefined;
  try {
    log = await JetStreamLog.open({
      cluster: name,
      id,
      addresses: listAddresses(cluster.nats).map((one) => one.replace(/^nats:\/\//, "")),
      readSecrets,
      report,
      leaseMs,
      recordBytes: RECORD_HEAD_BYTES + recordBytes,
      replicas,
      bytesMax,
    });
    const monitoring = listAddresses(cluster.monitoring);
    const watch = await LogWatch.open({ log, replicas, monitoring, requireSync, report });
    return { log, watch };
  } catch (cause) {
    await log?.close();
    if (!(cause instanceof NatsRefusal)) throw cause;
    throw new StartError(cause.message, { cause });
  }
}

function listAddresses(text: string): string[] {
  return text.split(",").map((one) => one.trim()).filter((one) => one !== "");
}

/** Reads what a broker shows to NATS. */
async function readFiles(cluster: ClusterSettings): Promise<NatsSecrets> {
  const { user, tlsCa, tlsCertificate, tlsKey } = cluster;
  const [credentials, password, token, ca, certificate, key] = await Promise.all([
    readSecret("cluster.credentials", cluster.credentials),
    readSecret("cluster.password_file", cluster.passwordFile),
    readSecret("cluster.nats_token_file", cluster.natsTokenFile),
    readSecret("cluster.tls_ca", tlsCa),
    readSecret("cluster.tls_certificate", tlsCertificate),
    readSecret("cluster.tls_key", tlsKey),
  ]);
  const hasTls = tlsCa !== "" || tlsCertificate !== "";
  return {
    credentials,
    user: user === "" ? undefined : user,
    password: password?.trim(),
    token: token?.trim(),
    tls: hasTls ? { ca, certificate, key } : undefined,
  };
}

async function readSecret(setting: string, path: string): Promise<string | undefined> {
  if (path === "") return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`Cannot use "${setting}": ${why}`, { cause });
  }
}
