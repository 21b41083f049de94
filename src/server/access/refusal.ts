import { BrokerError } from "../../../protocol.ts";
import type { Audit } from "./audit.ts";
import type { StreamNeed } from "./operation_verbs.ts";
import type { User } from "./user.ts";

/** An action that a user may not take. */
export interface Refused {
  /** The verb that is missing. */
  readonly verb: string;
  /** What was tried, as a sentence says it. */
  readonly action: string;
  /** What the user has no permission for, as a sentence says it. */
  readonly permission: string;
  /** The stream or the pattern; none if several streams are meant. */
  readonly stream?: string;
}

/** How sentences name the action that has a need, and the permission that it lacks. */
const WORDS: Readonly<Record<StreamNeed, readonly [action: string, permission: string]>> = {
  inspect: ["inspect", "inspect"],
  publish: ["publish to", "publish to"],
  follow: ["follow", "follow"],
  manage: ["manage", "manage"],
  any: ["see", "inspect, publish to, follow or manage"],
  new: ["create", "manage"],
};

/** Describes what is needed for a stream; the same whether the stream exists or not. */
export function describeNeed(need: StreamNeed, stream: string): Omit<Refused, "stream"> {
  const [action, permission] = WORDS[need];
  // Creating is one of the things that `manage` is for.
  const verb = need === "new" ? "manage" : need;
  return { verb, action: `${action} "${stream}"`, permission: `${permission} it` };
}

/** Describes what is needed for a pattern. */
export function describePatternNeed(need: StreamNeed, pattern: string): Omit<Refused, "stream"> {
  const [action, permission] = WORDS[need];
  return { verb: need, action: `${action} /${pattern}/`, permission: `${permission} any stream` };
}

/** Makes the error for what a user may not do; it is written into the log. */
export function refuse(audit: Audit, user: User, refused: Refused): BrokerError {
  const { verb, action, permission, stream = "" } = refused;
  audit.noteRefused(user, verb, stream);
  const why = `user "${user.name}" has no permission to ${permission}`;
  return new BrokerError("FORBIDDEN", `Cannot ${action}: ${why}`);
}
