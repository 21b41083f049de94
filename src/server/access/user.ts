import { Permissions } from "./permissions.ts";

/** How much a user may take on; what is undefined has no limit. */
export interface UserLimits {
  /** The most connections at a time. */
  readonly connections?: number | undefined;
  /** The most streams that the user's `manage` patterns match. */
  readonly streams?: number | undefined;
  /** The most bytes of messages in the streams that the user's `publish` patterns match. */
  readonly storedBytes?: number | undefined;
}

/** The name of everybody where there are no users, and of sessions inside the broker's process. */
export const LOCAL_NAME = "local";

/** The name of sessions without a credential where there are users. */
export const ANONYMOUS_NAME = "anonymous";

/** Whose session it is. Permissions and limits are replaced in place when the file of users changes. */
export class User {
  readonly name: string;
  permissions: Permissions;
  limits: UserLimits;

  constructor(name: string, permissions: Permissions, limits: UserLimits = {}) {
    this.name = name;
    this.permissions = permissions;
    this.limits = limits;
  }

  /** The owner of the user's members; undefined for `local`, whose sessions may belong to anybody. */
  get owner(): string | undefined {
    return this.name === LOCAL_NAME ? undefined : this.name;
  }

  /** Whether a session needs a token or a certificate to be the user's. */
  get needsProof(): boolean {
    return this.name !== LOCAL_NAME && this.name !== ANONYMOUS_NAME;
  }

  /** A user who may do everything, without a file. */
  static local(): User {
    return new User(LOCAL_NAME, Permissions.all);
  }
}
