import { X509Certificate } from "node:crypto";
import { hostname } from "node:os";
import { Authority, type CertificatePair, type Validity } from "../../certificates/authority.ts";
import { findHostMistake, isHost } from "../../certificates/certificate_names.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { describe } from "../../settings/found_value.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { createFile, readFileIfThere, replaceFiles } from "../files.ts";

const DAY_MS = 86_400_000;

/** The names that a server on this machine has in any case. */
const LOCAL_NAMES = ["localhost", "127.0.0.1", "::1"];

/** The longest that Apple's systems accept of a server; others have no limit. */
const DAYS_DEFAULT = 825;

const DAYS_MAX = 3650;

/** An authority outlives the certificates that it makes. */
const AUTHORITY_DAYS = 2 * DAYS_MAX;

/** `cert`: makes certificates for development. */
export const cert: CommandBody = {
  examples: ["cert", "cert broker.example.com 10.0.0.7", "cert --client mailer"],
  flags: [
    { name: "directory", value: "<path>", about: "Where the files are; ./certs by default" },
    {
      name: "days",
      value: "<number>",
      about: `How long the certificates are valid; ${DAYS_DEFAULT} days by default`,
    },
    {
      name: "client",
      value: "<name>",
      about: "Makes a certificate for a client of that name, in place of one for the broker",
    },
  ],
  words: [0, 100],
  details: "The names are those by which clients know this machine, such as broker.example.com;\n" +
    "localhost, 127.0.0.1, ::1 and the host name are added, and the names that the certificate\n" +
    "before has. The authority is made the first time,\n" +
    "and is used again after that. It is for development: its key lies in a file.",
  async run(args, context) {
    const request = readRequest(args, context.now());
    try {
      await make(request, context);
    } catch (error) {
      throw explain(error, request.directory);
    }
    return ExitCode.stopped;
  },
};

async function make(request: Request, context: CommandContext): Promise<void> {
  const { directory, client } = request;
  await Deno.mkdir(directory, { recursive: true });
  const authority = await takeAuthority(request, context);
  const file = client === undefined ? "server" : `client-${client}`;
  const kept = client === undefined ? await findKept(directory, request.names) : [];
  const names = [...request.names, ...kept];
  const pair = client === undefined
    ? authority.makeServer(names, request.validity)
    : authority.makeClient(client, request.validity);
  const isRenewed = await writePair(directory, file, pair);
  const day = request.validity.until.toISOString().slice(0, 10);
  context.print(
    `${isRenewed ? "Renewed" : "Made"} ${directory}/${file}.pem and ${file}-key.pem, ` +
      `valid until ${day}${client === undefined ? `, for ${names.join(", ")}` : ""}.\n`,
  );
  if (kept.length > 0) {
    context.note(`Kept from the certificate before: ${kept.join(", ")}.`);
  }
  context.print(client === undefined ? adviseBroker(directory) : adviseClient(directory, client));
  context.note(
    "This authority is for development: a program that can read ca-key.pem can pose as the broker.",
  );
}

/** The names that the certificate before is for, beside those that are asked for. */
async function findKept(directory: string, names: readonly string[]): Promise<string[]> {
  const text = await readFileIfThere(`${directory}/server.pem`);
  if (text === undefined) return [];
  let listed: string;
  try {
    listed = new X509Certificate(text).subjectAltName ?? "";
  } catch {
    // What is no certificate has no names; it is replaced.
    return [];
  }
  const found = [...listed.matchAll(/(?:^|, )(?:DNS|IP Address):([^,\s"]+)/g)]
    .map(([, name = ""]) => name.includes(":") ? shortenAddress(name) : name.toLowerCase());
  const known = new Set(names.map((name) => name.toLowerCase()));
  return [...new Set(found)].filter((name) => !known.has(name) && isHost(name));
}

/** An address of IPv6 as people write it. */
function shortenAddress(address: string): string {
  return URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address;
}

/** Names the directory in what the system says. */
function explain(error: unknown, directory: string): unknown {
  const isOfSystem = error instanceof Deno.errors.NotCapable || "code" in Object(error);
  if (!isOfSystem || !(error instanceof Error)) return error;
  return new CommandError(`Cannot use ${directory}: ${error.message}`, { cause: error });
}

/** What is to be made. */
interface Request {
  readonly directory: string;
  readonly client: string | undefined;
  readonly names: readonly string[];
  readonly validity: Validity;
  readonly authorityValidity: Validity;
}

function readRequest(args: Arguments, now: number): Request {
  const mistakes = args.words.map(findHostMistake).filter((mistake) => mistake !== undefined);
  const [directory = "certs", client] = [args.find("directory"), args.find("client")];
  const days = args.find("days") ?? String(DAYS_DEFAULT);
  const isCount = /^\d{1,4}$/.test(days) && Number(days) >= 1 && Number(days) <= DAYS_MAX;
  if (!isCount) mistakes.push(`--days: found ${describe(days)}, allowed 1 to ${DAYS_MAX}`);
  // The name becomes part of the name of a file.
  if (client !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/.test(client)) {
    mistakes.push(
      `--client: found ${
        describe(client)
      }, allowed 1 to 128 letters, digits, '.', '_', '@' and '-'`,
    );
  }
  if (client !== undefined && args.words.length > 0) {
    mistakes.push("found names of machines and --client, allowed one of the two");
  }
  if (mistakes.length > 0) {
    throw new CommandError(mistakes.map((mistake) => `Cannot run "cert": ${mistake}`));
  }
  // Clocks differ.
  const from = new Date(now - DAY_MS);
  const lasting = (count: number) => ({ from, until: new Date(now + count * DAY_MS) });
  return {
    directory: directory.replace(/(?<=.)\/+$/, ""),
    client,
    names: [
      ...new Set([...args.words, ...LOCAL_NAMES, ...client === undefined ? findHostName() : []]),
    ],
    validity: lasting(Number(days)),
    authorityValidity: lasting(AUTHORITY_DAYS),
  };
}

/** The name of this machine, if a certificate can have it. */
function findHostName(): string[] {
  const name = hostname().toLowerCase();
  return isHost(name) ? [name] : [];
}

/** Takes the authority of the directory, or makes one there; one that is there is never replaced. */
async function takeAuthority(
  { directory, authorityValidity, validity }: Request,
  context: CommandContext,
): Promise<Authority> {
  const [path, keyPath] = [`${directory}/ca.pem`, `${directory}/ca-key.pem`];
  const certificate = await readFileIfThere(path);
  const key = await readFileIfThere(keyPath);
  if (certificate === undefined && key === undefined) {
    const authority = Authority.create(`SimpleMQ development, ${hostname()}`, authorityValidity);
    await createFile(keyPath, authority.key, 0o600);
    await createFile(path, authority.certificate, 0o644);
    context.print(`Made the authority ${path}, with its key in ca-key.pem.\n`);
    return authority;
  }
  if (certificate === undefined || key === undefined) {
    const [missing, found] = key === undefined ? [keyPath, path] : [path, keyPath];
    throw new CommandError(
      `Cannot use the authority: ${found} is there and ${missing} is not; ` +
        "bring that back, choose another --directory, or remove what is there if no client uses it",
    );
  }
  const authority = readAuthority({ certificate, key }, path);
  if (authority.until >= validity.until) return authority;
  throw new CommandError(
    `Cannot use the authority ${path}: it is valid until ` +
      `${authority.until.toISOString().slice(0, 10)} only; allowed fewer --days, or another ` +
      "--directory, where a new one is made",
  );
}

function readAuthority(pair: CertificatePair, path: string): Authority {
  try {
    return Authority.read(pair);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new CommandError(
      `Cannot use the authority ${path} with ca-key.pem: ${cause.message}; choose another --directory`,
      { cause },
    );
  }
}

/** Writes a certificate and its key in place of earlier ones; returns whether there were some. */
async function writePair(
  directory: string,
  file: string,
  pair: CertificatePair,
): Promise<boolean> {
  const path = `${directory}/${file}`;
  const isRenewed = await readFileIfThere(`${path}.pem`) !== undefined;
  await replaceFiles(directory, [
    { path: `${path}-key.pem`, text: pair.key, mode: 0o600 },
    { path: `${path}.pem`, text: pair.certificate, mode: 0o644 },
  ]);
  return isRenewed;
}

function adviseBroker(directory: string): string {
  return `
Settings of the broker, in settings.yaml:

  tls:
    certificate: ${directory}/server.pem
    key: ${directory}/server-key.pem

Clients trust the authority, of which they need only ${directory}/ca.pem:

  const ca = await Deno.readTextFile("${directory}/ca.pem");
  const connection = await connect({ tls: { ca } });
`;
}

function adviseClient(directory: string, client: string): string {
  return `
Settings of the broker, in settings.yaml, beside certificate and key:

  tls:
    client_ca: ${directory}/ca.pem
    client_certificates: optional

The user with "certificate: ${client}" in users.yaml is the one who shows it:

  const [ca, cert, key] = await Promise.all(
    ["ca", "client-${client}", "client-${client}-key"]
      .map((name) => Deno.readTextFile(\`${directory}/\${name}.pem\`)),
  );
  const connection = await connect({ tls: { ca, cert, key } });
`;
}
