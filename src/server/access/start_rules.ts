import { type Settings, SettingsError } from "../settings/settings.ts";
import { describe } from "../settings/found_value.ts";
import type { StartSettings } from "../settings/start_settings.ts";

/** What a broker may be reached by, and shows. */
export interface Exposure extends Pick<StartSettings, "describe" | "users"> {
  readonly settings: Pick<Settings, "insecure">;
  /** Which port it is about: the broker's one, or that for HTTP. */
  readonly place: { readonly path: "host" | "http.host"; readonly host: string };
  readonly hasUsers: boolean;
  readonly hasTls: boolean;
}

/**
 * Checks all ports of a broker by {@linkcode checkExposure}.
 *
 * @returns The warnings.
 * @throws {SettingsError} With what is not safe at any of them.
 */
export function checkExposures(
  exposure: Omit<Exposure, "place"> & Pick<StartSettings, "settings">,
): string[] {
  const { settings: { host, http } } = exposure;
  const places: Exposure["place"][] = [{ path: "host", host }];
  if (http.enabled) places.push({ path: "http.host", host: http.host });
  const warnings: string[] = [];
  const mistakes: string[] = [];
  for (const place of places) {
    try {
      const warning = checkExposure({ ...exposure, place });
      if (warning !== undefined) warnings.push(warning);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      mistakes.push(...error.mistakes);
    }
  }
  if (mistakes.length > 0) throw new SettingsError(mistakes);
  return warnings;
}

/**
 * Checks whether a broker may listen where it is to listen: beyond this machine only with users and TLS,
 * unless the settings say that this is meant.
 *
 * @returns A warning if it is not safe but meant; it is a sentence without a period.
 * @throws {SettingsError} If it is not safe.
 */
export function checkExposure(exposure: Exposure): string | undefined {
  const { settings: { insecure }, describe: name, users, hasUsers, hasTls } = exposure;
  const { path, host } = exposure.place;
  const isMissing = !hasUsers && users.path !== "";
  if (isLoopback(host)) {
    // Who wants TLS wants users, too: the broker may look for them in a wrong directory.
    return isMissing && hasTls && path === "host"
      ? `there is no ${describe(users.path)}: everybody on this machine may do everything`
      : undefined;
  }
  if (hasUsers && hasTls) return undefined;
  const danger = hasUsers
    ? "other machines can read tokens and messages on their way"
    : "other machines can connect without authentication";
  const remedy = hasUsers ? "any with tls.certificate" : "any with users and tls.certificate";
  const what = path === "host" ? "the broker" : "HTTP";
  if (insecure) return `${what} is not safe at ${host}: ${danger}, allowed by insecure: true`;
  const why = isMissing ? ` as there is no ${describe(users.path)}` : "";
  throw new SettingsError([
    `${name(path)}: found ${describe(host)}, where ${danger}${why}, ` +
    `allowed localhost, ${remedy}, or any with insecure: true`,
  ]);
}

/** Whether only programs of this machine can reach a host. */
function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|(0*:)+0*1|::ffff:127\.\d+\.\d+\.\d+)\.?$/i
    .test(host);
}
