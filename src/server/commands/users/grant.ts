import { type PermissionFields, VERBS } from "../../access/permissions.ts";
import { ANONYMOUS_NAME } from "../../access/user.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, CommandError } from "../command.ts";
import { changeUsers, requireUser } from "./user_change.ts";
import {
  describePermissions,
  findUsersPath,
  PATTERN_HELP,
  PERMISSION_FLAGS,
  PLACE_FLAGS,
  UserFlags,
} from "./user_flags.ts";

const NAME = "user grant";

/** `user grant`: adds permissions, or removes them. */
export const grant: CommandBody = {
  examples: ["user grant shop --inspect orders", "user grant shop --revoke --publish orders"],
  flags: [
    ...PERMISSION_FLAGS,
    { name: "revoke", about: "Removes the permissions that are named, in place of adding them" },
    ...PLACE_FLAGS,
  ],
  words: [1, 1],
  details:
    '"user grant anonymous" is about sessions without a credential. Limits and the name of a\n' +
    `certificate are changed in the file.\n${PATTERN_HELP}`,
  async run(args, context) {
    const flags = new UserFlags(args, NAME);
    const name = flags.readName(true);
    const named = flags.readPermissions();
    const isAnonymous = name === ANONYMOUS_NAME;
    if (Object.keys(named).length === 0) {
      const known = PERMISSION_FLAGS.map(({ name }) => `--${name}`).join(", ");
      flags.refuse(`found no permission, allowed ${known}`);
    }
    if (isAnonymous && named.admin) {
      flags.refuse("--admin: allowed only for users, who have a credential");
    }
    flags.check();
    const path = await findUsersPath(args, context);
    await changeUsers(path, context, (draft) => {
      const user = isAnonymous ? undefined : requireUser(draft, name, NAME);
      const old = user?.permissions ?? draft.anonymous ?? {};
      const permissions = args.has("revoke") ? remove(old, named, name) : merge(old, named);
      if (user !== undefined) draft.users.set(name, { ...user, permissions });
      else draft.anonymous = Object.keys(permissions).length === 0 ? undefined : permissions;
      const owner = isAnonymous ? "Sessions without a credential" : `User "${name}"`;
      return `${owner} may ${describePermissions(permissions)}`;
    });
    return ExitCode.stopped;
  },
};

function merge(old: PermissionFields, more: PermissionFields): PermissionFields {
  const verbs = VERBS.map((verb) => [
    verb,
    [...new Set([...old[verb] ?? [], ...more[verb] ?? []])],
  ]);
  return keep({ ...old, ...more, ...Object.fromEntries(verbs) });
}

function remove(old: PermissionFields, less: PermissionFields, name: string): PermissionFields {
  const missing = VERBS.flatMap((verb) =>
    (less[verb] ?? []).filter((pattern) => !(old[verb] ?? []).includes(pattern))
      .map((pattern) => `--${verb} ${pattern}`)
  );
  for (const flag of ["metrics", "admin"] as const) {
    if (less[flag] && !old[flag]) missing.push(`--${flag}`);
  }
  if (missing.length > 0) {
    const found = describePermissions(old);
    throw new CommandError(
      missing.map((permission) =>
        `Cannot run "${NAME}": "${name}" has no permission ${permission} to remove, and may ${found}`
      ),
    );
  }
  const verbs = VERBS.map((verb) => [
    verb,
    (old[verb] ?? []).filter((pattern) => !less[verb]?.includes(pattern)),
  ]);
  return keep({
    ...Object.fromEntries(verbs),
    metrics: old.metrics === true && !less.metrics,
    admin: old.admin === true && !less.admin,
  });
}

/** Leaves out what gives no permission. */
function keep(permissions: PermissionFields): PermissionFields {
  return Object.fromEntries(
    Object.entries(permissions).filter(([, value]) =>
      Array.isArray(value) ? value.length > 0 : value === true
    ),
  );
}
