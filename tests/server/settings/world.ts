// Command lines, environments and files that are not those of the machine.

import {
  type LoadedSettings,
  loadSettings,
  type SettingsSources,
} from "../../../src/server/settings/load_settings.ts";
import { SettingsError } from "../../../src/server/settings/settings.ts";
import { assertRejects } from "@std/assert";

export interface World {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

export function load(world: World): Promise<LoadedSettings> {
  return loadSettings(sourcesOf(world));
}

export function sourcesOf({ args = [], env = {}, files = {} }: World): SettingsSources {
  return {
    args,
    env: (name) => env[name],
    variables: Object.keys(env),
    defaultFile: "./settings.yaml",
    readTextFile: (path) => {
      const content = files[path];
      if (content === undefined) return Promise.reject(new Deno.errors.NotFound(path));
      return Promise.resolve(content);
    },
  };
}

/** Loads settings with mistakes in them, and gives these. */
export async function mistakesOf(world: World): Promise<readonly string[]> {
  return (await assertRejects(() => load(world), SettingsError)).mistakes;
}

export const IN_FILE = ' in "./settings.yaml": found';
