import { ANONYMOUS_NAME, type UserLimits } from "../../access/user.ts";
import { nameToken } from "../../access/users/token.ts";
import { type LastUses, readLastUses } from "../../access/users/token_uses.ts";
import type { TokenEntry, UserEntry } from "../../access/users/users_file.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { formatByteSize } from "../../settings/byte_size.ts";
import type { CommandBody } from "../command.ts";
import { describePermissions, findUsersPath, PLACE_FLAGS } from "./user_flags.ts";
import { readUsers, type UsersDraft } from "./users_editor.ts";

/** `user ls`: lists users, permissions and tokens. */
export const ls: CommandBody = {
  examples: ["user ls", "user ls --json"],
  flags: [{ name: "json", about: "Prints one JSON value for programs" }, ...PLACE_FLAGS],
  words: [0, 0],
  details:
    "A token is shown by the first digits of its hash. When it was used last is noted once a\n" +
    "day, by the broker, in a file beside the users, if the broker may write there.",
  async run(args, context) {
    const path = await findUsersPath(args, context);
    const file = await readUsers(path);
    const uses = await readLastUses(path);
    if (args.has("json")) {
      context.print(`${JSON.stringify(describeAll(path, file, uses), undefined, 2)}\n`);
      return ExitCode.stopped;
    }
    if (file.users.size === 0) context.note(`There are no users in ${path}.`);
    context.print(listAll(file, uses, context.now()));
    return ExitCode.stopped;
  },
};

function listAll({ users, anonymous }: UsersDraft, uses: LastUses, now: number): string {
  const lines = [...users].flatMap(([name, user]) => listUser(name, user, uses, now));
  if (anonymous !== undefined) {
    lines.push(ANONYMOUS_NAME, `  may      ${describePermissions(anonymous)}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

function listUser(name: string, user: UserEntry, uses: LastUses, now: number): string[] {
  const limits = describeLimits(user.limits);
  return [
    name,
    `  may      ${describePermissions(user.permissions)}`,
    ...user.certificate === undefined ? [] : [`  shows    certificate "${user.certificate}"`],
    ...user.password === undefined ? [] : ["  shows    a password, on the management page"],
    ...limits === "" ? [] : [`  at most  ${limits}`],
    ...user.tokens.map((token) => `  token    ${describeToken(token, uses, now)}`),
  ];
}

function describeToken(token: TokenEntry, uses: LastUses, now: number): string {
  const { sha256, label, created, expires } = token;
  const used = uses[sha256];
  return [
    nameToken(sha256),
    ...label === undefined ? [] : [`"${label}"`],
    ...created === undefined ? [] : [`created ${created.slice(0, 10)}`],
    ...expires === undefined
      ? []
      : [`${Date.parse(expires) <= now ? "expired" : "expires"} ${expires.slice(0, 10)}`],
    used === undefined ? "no use noted" : `last used ${used.slice(0, 10)}`,
  ].join(", ");
}

function describeLimits({ connections, streams, storedBytes }: UserLimits): string {
  return [
    ...connections === undefined ? [] : [`${connections} connections`],
    ...streams === undefined ? [] : [`${streams} streams`],
    ...storedBytes === undefined ? [] : [`${describeBytes(storedBytes)} stored`],
  ].join(", ");
}

function describeBytes(count: number): string {
  const size = formatByteSize(count);
  return /\d$/.test(size) ? `${size} bytes` : size;
}

/** The users as programs read them: the names are those in the file. */
function describeAll(file: string, { users, anonymous }: UsersDraft, uses: LastUses): unknown {
  return {
    file,
    users: [...users].map(([name, { tokens, certificate, password, permissions, limits }]) => ({
      name,
      permissions,
      certificate,
      has_password: password === undefined ? undefined : true,
      limits: {
        connections: limits.connections,
        streams: limits.streams,
        stored_bytes: limits.storedBytes,
      },
      tokens: tokens.map(({ sha256, label, created, expires }) => ({
        id: nameToken(sha256),
        label,
        created,
        expires,
        last_used: uses[sha256],
      })),
    })),
    anonymous,
  };
}
