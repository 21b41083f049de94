import type { TlsCredentials } from "../../transport/tls_acceptor.ts";

/** Where the certificates of a broker are; without a file of authorities, clients show none. */
export interface CertificatePaths {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

/** Certificates cannot be used: one sentence for each mistake, with its file and what is allowed. */
export class CertificateError extends Error {
  /** When this may be no mistake any more though no file changes, in milliseconds since 1970. */
  readonly retryAt: number;

  /**
   * @param mistakes Sentences without periods.
   * @param retryAt When a certificate becomes valid that is not yet, if that is the mistake.
   */
  constructor(mistakes: readonly string[], retryAt: number = Infinity) {
    super(mistakes.join("; "));
    this.name = "CertificateError";
    this.retryAt = retryAt;
  }
}

/** The largest file that is read, in bytes: a bundle of all public authorities has a fifth of that. */
const FILE_BYTES_MAX = 1024 * 1024;

/** The bits of a file's mode for its group, and for all others. */
const GROUP = 0o070;
const OTHERS = 0o007;

/**
 * Reads the files of a broker's certificates.
 *
 * @throws {CertificateError} If a file is missing, cannot be read, is empty or too large, or if others
 * may read the key.
 */
export async function readCertificateFiles(paths: CertificatePaths): Promise<TlsCredentials> {
  const mistakes: string[] = [];
  const read = async (path: string, kind: "certificate" | "key") => {
    const result = await readOne(path, kind).catch((error) => explain(path, error));
    if ("text" in result) return result.text;
    mistakes.push(result.mistake);
    return "";
  };
  const certificate = await read(paths.certificate, "certificate");
  const key = await read(paths.key, "key");
  const clientCa = paths.clientCa && await read(paths.clientCa, "certificate");
  if (mistakes.length > 0) throw new CertificateError(mistakes);
  return { certificate, key, clientCa };
}

type Read = { readonly text: string } | { readonly mistake: string };

async function readOne(path: string, kind: "certificate" | "key"): Promise<Read> {
  const info = await Deno.stat(path);
  const fault = !info.isFile
    ? "found something that is no file"
    : info.size > FILE_BYTES_MAX
    ? `found ${info.size} bytes, allowed ${FILE_BYTES_MAX}`
    : undefined;
  if (fault !== undefined) return { mistake: `file "${path}": ${fault}` };
  const text = await Deno.readTextFile(path);
  if (text.trim() === "") {
    return { mistake: `file "${path}": found nothing in it, allowed a ${kind} in PEM` };
  }
  // Who may read a certificate, or what is no key at all, is of no interest.
  const openness = kind === "key" && text.includes("PRIVATE KEY")
    ? findOpenness(info, path)
    : undefined;
  return openness === undefined ? { text } : { mistake: `file "${path}": ${openness}` };
}

/** Says if others than the owner may read a key, where the system knows that. */
function findOpenness({ mode, uid }: Deno.FileInfo, path: string): string | undefined {
  if (mode === null || Deno.build.os === "windows") return undefined;
  const shown = (mode & 0o777).toString(8).padStart(3, "0");
  const advice = `chmod 600 ${path}, or defaultMode: 0400 where Kubernetes mounts it`;
  if ((mode & OTHERS) !== 0) {
    return `found a key that everybody may use (mode ${shown}), allowed one for its owner: ${advice}`;
  }
  // Kubernetes gives the files of a secret to root, and lets the group of the broker read them.
  if ((mode & GROUP) === 0 || (uid === 0 && (mode & 0o030) === 0)) return undefined;
  return `found a key that its group may use (mode ${shown}), allowed one for its owner: ${advice}`;
}

function explain(path: string, error: unknown): Read {
  const why = error instanceof Deno.errors.NotFound
    ? "found no such file"
    : `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  return { mistake: `file "${path}": ${why}` };
}
