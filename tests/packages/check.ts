/**
 * Checks everything in which the broker is handed out: the unit of systemd, the container file, the objects
 * for Kubernetes, the workflows, the executable. It needs Linux, systemd-analyze, and root.
 *
 * ```sh
 * deno task test:packages
 * ```
 *
 * @module
 */

import { CheckList } from "./check_list.ts";
import { checkContainer } from "./container.ts";
import { checkExecutable } from "./executable.ts";
import { checkKubernetesObjects } from "./kubernetes_objects.ts";
import { checkSystemdUnit } from "./systemd_unit.ts";
import { checkWorkflows } from "./workflows.ts";

if (import.meta.main) {
  const list = new CheckList();
  await checkSystemdUnit(list);
  await checkWorkflows(list);
  await checkKubernetesObjects(list);
  await checkContainer(list);
  await checkExecutable(list);
  Deno.exit(list.finish());
}
