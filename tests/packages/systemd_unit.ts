import { assert, assertEquals } from "@std/assert";
import {
  type CheckList,
  hasCommand,
  readText,
  requireCommand,
  ROOT,
  runCommand,
} from "./check_list.ts";

/** The most exposure that a unit may have, of 10. */
const EXPOSURE_MAX = 1.5;

const UNIT = "ops/systemd/simplemq.service";

/** Checks the unit for systemd, without starting it. */
export async function checkSystemdUnit(list: CheckList): Promise<void> {
  if (!await hasCommand("systemd-analyze")) {
    return list.skip("the unit of systemd", "there is no systemd-analyze here");
  }
  await list.check("the unit of systemd is understood, all of it", async () => {
    const text = readText(UNIT);
    assertEquals(await verify(text), "");
    // The check notices a key that does not exist.
    assert((await verify(text.replace("UMask=", "UMusk="))).includes("UMusk"));
  });
  await list.check(`its exposure is at most ${EXPOSURE_MAX}`, async () => {
    const args = ["security", "--offline=true", new URL(UNIT, ROOT).pathname];
    const [, exposure] = /exposure level for \S+: ([\d.]+)/.exec(
      await requireCommand("systemd-analyze", args),
    ) ?? [];
    assert(Number(exposure) <= EXPOSURE_MAX, `it is ${exposure}`);
    return exposure!;
  });
}

/** Returns what systemd says against a unit. */
async function verify(text: string): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/simplemq.service`;
    // A program that exists on every machine: the executable is not installed on this one.
    await Deno.writeTextFile(path, text.replaceAll("/usr/local/bin/simplemq", "/bin/true"));
    const outcome = await runCommand("systemd-analyze", ["verify", "--man=no", path]);
    return outcome.text.split("\n").filter((line) => line.includes(path)).join("\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
