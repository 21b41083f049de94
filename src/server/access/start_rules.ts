import { type Settings, SettingsError } from "../settings/settings.ts";
import { describe } from "../settings/found_value.ts";
import type { StartSettings } from "../settings/start_settings.ts";

/** What a broker may be reached by, and shows. */
export interface Exposure extends Pick<StartSettings, "describe" | "users"> {
  readonly settings: Pick<Settings, "host" | "insecure">;
  readonly hasUsers: boolean;
  readonly hasTls: boolean;
}

/**
 * Checks whether a broker may listen where it is to listen: beyond this machine only with users and TLS,
 * unless the settings say that this is meant.
 *
 * @returns A warning if it is not safe but meant; it is a sentence without a period.
 * @throws {SettingsError} If it is not safe.
 */
export function checkExposure(exposure: Exposure): string | undefined {
  const { settings: { host, insecure }, describe: name, users, hasUsers, hasTls } = exposure;
  const isMissing = !hasUsers && users.path !== "";
  if (isLoopback(host)) {
    // Who wants TLS wants users, too: the broker may look for them in a wrong directory.
    return isMissing && hasTls
      ? `there is no ${describe(users.path)}: everybody on this machine may do everything`
      : undefined;
  }
  if (hasUsers && hasTls) return undefined;
  const danger = hasUsers
    ? "other machines can read tokens and messages on their way"
    : "other machines can connect without authentication";
  const remedy = hasUsers ? "any with tls.certificate" : "any with users and tls.certificate";
  if (insecure) return `the broker is not safe at ${host}: ${danger}, allowed by insecure: true`;
  const why = isMissing ? ` as there is no ${describe(users.path)}` : "";
  throw new SettingsError([
    `${name("host")}: found ${describe(host)}, where ${danger}${why}, ` +
    `allowed localhost, ${remedy}, or any with insecure: true`,
  ]);
}

/** Whether only programs of this machine can reach a host. */
function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|(0*:)+0*1|::ffff:127\.\d+\.\d+\.\d+)\.?$/i
    .test(host);
}
