import type { ClusterNotes } from "../broker/cluster_notes.ts";
import type { UsersWatch } from "../server/access/users/users_watch.ts";
import type { Certificates } from "../server/certificates/certificates.ts";
import type { HttpSettings } from "../server/settings/settings.ts";

/** Names of the machine itself, which mean another machine elsewhere. */
const OWN_HOSTS = ["localhost", "127.0.0.1", "::1", "[::1]"];

/** What notes are made of. */
export interface NoteSources {
  readonly users: Pick<UsersWatch, "hash"> | undefined;
  readonly certificates: Pick<Certificates, "authorityMark"> | undefined;
  readonly http: HttpSettings;
  /** The port of HTTP, once it is open. */
  readonly httpPort: () => number | undefined;
  /** Where clients reach this broker: `host:port`. */
  readonly address: string;
}

/** Makes what a broker tells the others of its cluster about its files and its page; read each time anew. */
export function makeNotes(sources: NoteSources): () => ClusterNotes {
  const { users, certificates } = sources;
  return () => ({
    usersHash: users?.hash ?? "",
    certificateHash: certificates?.authorityMark ?? "",
    ...findPage(sources),
  });
}

/** Where the page is for others: at the host by which clients know the broker, if it can be reached there. */
function findPage(
  { certificates, http, httpPort, address }: NoteSources,
): Pick<ClusterNotes, "page"> {
  const port = httpPort();
  if (address === "") return {};
  const { hostname: host } = new URL(`http://${address}`);
  const isOwn = (name: string) => OWN_HOSTS.includes(name);
  if (port === undefined || isOwn(http.host) && !isOwn(host)) return {};
  return { page: `${certificates === undefined ? "http" : "https"}://${host}:${port}/` };
}
