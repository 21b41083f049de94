import { runProgram } from "../../process/program.ts";
import { loadSettings } from "../../settings/load_settings.ts";
import { listSettingFlags } from "../../settings/setting_flags.ts";
import { placeUsers } from "../../settings/users_location.ts";
import type { CommandBody } from "../command.ts";

/** `serve`: runs the broker until it is stopped. */
export const serve: CommandBody = {
  examples: [
    "serve",
    "serve --port 9091 --storage-directory /var/lib/simplemq",
    "serve --settings /etc/simplemq/settings.yaml",
    "serve --storage-engine memory --log-level debug",
  ],
  flags: listSettingFlags(),
  words: [0, Infinity],
  readsFlags: true,
  details:
    "A flag that is true or false needs no value to be on; --no-json-lines turns json-lines off.\n" +
    "A flag comes before an environment variable, such as SIMPLEMQ_STORAGE_ENGINE for\n" +
    "--storage-engine, and that before the file, where it is the key engine under storage.",
  async run({ words: args }, context) {
    const load = async () => {
      const loaded = await loadSettings({ ...context.sources, args });
      if (loaded.help) {
        context.note('"simplemq help serve" shows the flags.');
        return undefined;
      }
      if (!loaded.version) return { ...loaded, users: placeUsers(loaded.settings, loaded.file) };
      context.print(`simplemq ${context.version}\n`);
      return undefined;
    };
    return await runProgram({
      load,
      // Wrong settings are told before the broker is loaded.
      serve: async (settings, log) => (await context.loadProgram()).serve(settings, log),
    });
  },
};
