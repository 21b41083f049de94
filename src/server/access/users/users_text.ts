import { stringify } from "@std/yaml";
import { formatByteSize } from "../../settings/byte_size.ts";
import { type PermissionFields, VERBS } from "../permissions.ts";
import { ANONYMOUS_NAME, type UserLimits } from "../user.ts";
import type { TokenEntry, UserEntry, UsersFile } from "./users_file.ts";

/** The fields of a group in the file; those without a value are left out. */
type Fields = Record<string, unknown>;

/** Writes a file of users; `parseUsers` reads the same from it. */
export function formatUsers({ users, anonymous }: UsersFile): string {
  const fields: Fields = {
    users: Object.fromEntries([...users].map(([name, user]) => [name, writeUser(user)])),
    ...anonymous === undefined ? {} : { [ANONYMOUS_NAME]: writePermissions(anonymous) },
  };
  return stringify(fields, { schema: "core" });
}

function writeUser(user: UserEntry): Fields {
  const { tokens, certificate, password, permissions, limits } = user;
  return withoutEmpty({
    tokens: tokens.map(writeToken),
    certificate,
    password,
    permissions: writePermissions(permissions),
    limits: writeLimits(limits),
  });
}

function writeToken({ sha256, label, created, expires }: TokenEntry): Fields {
  return withoutEmpty({ sha256, label, created, expires });
}

function writePermissions(permissions: PermissionFields): Fields {
  const { metrics = false, admin = false } = permissions;
  const verbs = Object.fromEntries(VERBS.map((verb) => [verb, [...permissions[verb] ?? []]]));
  return withoutEmpty({ ...verbs, metrics: metrics || undefined, admin: admin || undefined });
}

function writeLimits({ connections, streams, storedBytes }: UserLimits): Fields {
  const size = storedBytes === undefined ? undefined : formatByteSize(storedBytes);
  return withoutEmpty({ connections, streams, "stored_bytes": size });
}

/** Leaves out undefined values, empty lists and empty groups: the reader takes a missing one as the same. */
function withoutEmpty(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) =>
      value !== undefined && (typeof value !== "object" || Object.keys(value ?? {}).length > 0)
    ),
  );
}
