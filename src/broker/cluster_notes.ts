/**
 * What a broker of a cluster tells the others about files that must be alike on all of them, and about its
 * page: the log does not hold these.
 */
export interface ClusterNotes {
  /** A hash of what is in the file of users; empty if the broker has no users. */
  readonly usersHash: string;
  /** A hash of who signs the broker's certificate, and those of its clients; empty without TLS. */
  readonly certificateHash: string;
  /** Where its page is, as a URL; absent if it has none, or nobody else can reach it. */
  readonly page?: string;
}

/** What another broker has told. */
export interface NotedBroker {
  readonly id: string;
  readonly notes: ClusterNotes;
}

/** How long what a broker has told may be, in characters; longer texts are not from a broker. */
const NOTE_LENGTH_MAX = 512;

/**
 * Says how the files of other brokers differ from one's own, a sentence each: clients that log in here, or
 * trust this broker, could do neither there after a takeover.
 */
export function findDifferences(own: ClusterNotes, others: readonly NotedBroker[]): string[] {
  const sentences: string[] = [];
  for (const { id, notes } of others) {
    if (notes.usersHash !== own.usersHash) {
      const what = notes.usersHash === ""
        ? `broker ${id} has no users, this one has some`
        : own.usersHash === ""
        ? `broker ${id} has users, this one has none`
        : `the users of broker ${id} are not those of this one`;
      sentences.push(`${what}: after a takeover clients may be refused; make the files alike`);
    }
    if (notes.certificateHash !== own.certificateHash) {
      const what = notes.certificateHash === ""
        ? `broker ${id} speaks without TLS, this one with it`
        : own.certificateHash === ""
        ? `broker ${id} speaks TLS, this one does not`
        : `the certificate of broker ${id} is from another authority than this one's, or it knows other clients'`;
      sentences.push(
        `${what}: after a takeover clients may not connect; give both the same authority`,
      );
    }
  }
  return sentences;
}

/** Reads notes out of what somebody has announced; what is missing or no text counts as not there. */
export function readNotes(announced: Readonly<Record<string, unknown>>): ClusterNotes {
  const text = (value: unknown) =>
    typeof value === "string" && value.length <= NOTE_LENGTH_MAX ? value : "";
  const page = text(announced.page);
  return {
    usersHash: text(announced.usersHash),
    certificateHash: text(announced.certificateHash),
    // It becomes a link: nothing else may be in it.
    ...URL.canParse(page) && /^https?:$/.test(new URL(page).protocol) && { page },
  };
}
