/**
 * Clicks through the management page of real brokers, in a real Chromium: `deno task test:page`. With
 * `--shots DIR` it leaves pictures of every view there. Where there is no Chromium, root gets one from
 * the system's packages.
 *
 * @module
 */

import { requireChromium } from "./chromium.ts";

const CONFIG = new URL("./deno.json", import.meta.url).pathname;
const CHECKS = new URL("./checks/", import.meta.url);

const found = Deno.args.indexOf("--shots");
const shots = found === -1 ? "" : Deno.args[found + 1] ?? "";
const names = [...Deno.readDirSync(CHECKS)].map(({ name }) => name).sort();
const files = names.map((name) => new URL(name, CHECKS).pathname);
const chromium = await requireChromium();
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--frozen", "--config", CONFIG, "--parallel", ...files],
  env: { CHROMIUM: chromium, PAGE_SHOTS: shots, DENO_JOBS: "2" },
}).spawn().status;
Deno.exit(code);
