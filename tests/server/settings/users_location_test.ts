/**
 * Where the file of users is looked for: by the broker, and by the commands that edit it.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { SettingsError } from "../../../src/server/settings/settings.ts";
import {
  locateUsers,
  placeUsers,
  type UsersLocation,
} from "../../../src/server/settings/users_location.ts";
import { load, sourcesOf, type World } from "./world.ts";

function locate(world: World, named?: string): Promise<UsersLocation> {
  return locateUsers(sourcesOf(world), named);
}

for (
  const [what, world, named, mistakes] of [
    [
      "a settings file that is named and missing",
      {},
      "conf/broker.yaml",
      ['file "conf/broker.yaml": found no such file'],
    ],
    [
      "a settings file that is no YAML",
      { files: { "./settings.yaml": "users: [" } },
      undefined,
      [/^file ".\/settings.yaml": found no valid YAML: /],
    ],
    [
      "a path that is none",
      { files: { "./settings.yaml": "users: 7\nport: none" } },
      undefined,
      ['setting "users" in "./settings.yaml": found 7, allowed a path of up to 1024 characters'],
    ],
  ] as const
) {
  Deno.test(`users: ${what} is refused`, async () => {
    const error = await assertRejects(() => locate(world, named), SettingsError);
    for (const [index, mistake] of mistakes.entries()) {
      const found = error.mistakes[index] ?? "";
      assertEquals(
        typeof mistake === "string" ? found === mistake : mistake.test(found),
        true,
        found,
      );
    }
    assertEquals(error.mistakes.length, mistakes.length);
  });
}

for (
  const [what, world, named, path, isDefault] of [
    ["nothing is said", {}, undefined, "./users.yaml", true],
    [
      "the default settings file is there",
      { files: { "./settings.yaml": "" } },
      undefined,
      "./users.yaml",
      true,
    ],
    [
      "another settings file is named",
      { files: { "/etc/smq/a.yaml": "" } },
      "/etc/smq/a.yaml",
      "/etc/smq/users.yaml",
      true,
    ],
    [
      "the environment names the settings file",
      { env: { SIMPLEMQ_SETTINGS: "conf/a.yaml" }, files: { "conf/a.yaml": "port: 1" } },
      undefined,
      "conf/users.yaml",
      true,
    ],
    [
      "the settings name another file",
      { files: { "conf/a.yaml": "users: people.yaml" } },
      "conf/a.yaml",
      "people.yaml",
      false,
    ],
    [
      "the environment names another file",
      { env: { SIMPLEMQ_USERS: "/run/users.yaml" }, files: { "conf/a.yaml": "users: b.yaml" } },
      "conf/a.yaml",
      "/run/users.yaml",
      false,
    ],
    ["there is to be none", { files: { "./settings.yaml": 'users: ""' } }, undefined, "", false],
    [
      "other settings have mistakes",
      { files: { "./settings.yaml": "host: 0.0.0.0\nport: none\nusers: a.yaml\nuser: b.yaml" } },
      undefined,
      "a.yaml",
      false,
    ],
  ] as const
) {
  Deno.test(`users: the file is found if ${what}`, async () => {
    assertEquals(await locate(world, named), { path, isDefault });
  });
}

Deno.test("users: broker and commands find the same file", async () => {
  for (const users of ["", "users: ./users.yaml", "users: other.yaml", 'users: ""']) {
    const world = { files: { "conf/a.yaml": users } };
    const { settings, file } = await load({ ...world, args: ["--settings", "conf/a.yaml"] });
    assertEquals(placeUsers(settings, file), await locate(world, "conf/a.yaml"));
  }
});
