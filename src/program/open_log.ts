import type { JetStreamLog } from "../engine/replicated/jetstream/jetstream_log.ts";
import type { NatsSecrets } from "../engine/replicated/jetstream/nats_link.ts";
import { ExitCode } from "../server/process/exit_code.ts";
import { StartError } from "../server/process/start_error.ts";
import type { ClusterSettings } from "../server/settings/settings.ts";

/** What a log is opened with, beside its settings. */
export interface OpenLogOptions {
  readonly report: (level: "info" | "warning", message: string) => void;
  /** Ends the attempts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the log of a cluster in NATS, and makes it if there is none. Waits as long as no node can be reached.
 *
 * @throws {StartError} If waiting does not help.
 */
export async function openLog(
  cluster: ClusterSettings,
  { report, signal }: OpenLogOptions,
): Promise<JetStreamLog> {
  // What speaks with NATS is loaded only where it is used.
  const { JetStreamLog } = await import("../engine/replicated/jetstream/jetstream_log.ts");
  const { NatsRefusal } = await import("../engine/replicated/jetstream/nats_nodes.ts");
  const { name, id, leaseMs, nats, replicas, maxBytes: bytesMax } = cluster;
  try {
    return await JetStreamLog.open({
      cluster: name,
      id,
      leaseMs,
      replicas,
      bytesMax,
      addresses: splitList(nats),
      readSecrets: () => readSecrets(cluster),
      report,
      signal,
    });
  } catch (cause) {
    if (!(cause instanceof NatsRefusal)) throw cause;
    throw new StartError(cause.message, { cause, exitCode: ExitCode.notStarted });
  }
}

/** The parts of a list with commas. */
export function splitList(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** Reads the files that a broker shows to the nodes: they may have been renewed. */
async function readSecrets(cluster: ClusterSettings): Promise<NatsSecrets> {
  const { credentials, user, passwordFile, natsTokenFile } = cluster;
  const { tlsCa, tlsCertificate, tlsKey } = cluster;
  const read = async (path: string) => path === "" ? undefined : await Deno.readTextFile(path);
  const readLine = async (path: string) => (await read(path))?.trim();
  const hasTls = [tlsCa, tlsCertificate].some((path) => path !== "");
  return {
    credentials: await read(credentials),
    ...user !== "" && { user },
    password: await readLine(passwordFile),
    token: await readLine(natsTokenFile),
    ...hasTls && {
      tls: {
        ca: await read(tlsCa),
        certificate: await read(tlsCertificate),
        key: await read(tlsKey),
      },
    },
  };
}
