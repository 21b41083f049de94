/**
 * All bugs that are planted, each to be found by the tests that it names.
 *
 * @module
 */

import { ACCESS_BUGS } from "./bugs/access.ts";
import { BACKUP_BUGS } from "./bugs/backup.ts";
import { CONNECTING_BUGS } from "./bugs/connecting.ts";
import { ATTACK_BUGS, HTTP_BUGS } from "./bugs/attack.ts";
import { CLUSTER_CLIENT_BUGS } from "./bugs/cluster/client.ts";
import { OPERATING_BUGS } from "./bugs/cluster/operating.ts";
import { CLUSTER_RULES_BUGS } from "./bugs/cluster/rules.ts";
import { CLUSTER_SIMULATION_BUGS } from "./bugs/cluster/simulation.ts";
import { COMMANDS_BUGS } from "./bugs/commands.ts";
import { FIGURES_BUGS } from "./bugs/figures.ts";
import { JOURNAL_BUGS } from "./bugs/journal.ts";
import { PAGE_BUGS } from "./bugs/page.ts";
import { PAGE_LOGIN_BUGS } from "./bugs/page_logins.ts";
import { MANAGEMENT_BUGS } from "./bugs/management.ts";
import { PERMISSIONS_BUGS } from "./bugs/permissions.ts";
import { RULES_BUGS } from "./bugs/rules.ts";
import { SESSIONS_BUGS } from "./bugs/sessions.ts";
import { STREAMS_BUGS } from "./bugs/streams.ts";
import { TLS_BUGS } from "./bugs/tls.ts";
import { WORK_BUGS } from "./bugs/work/rules.ts";
import type { PlantedBug } from "./planted_bug.ts";

/** All of them. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...ACCESS_BUGS,
  ...ATTACK_BUGS,
  ...BACKUP_BUGS,
  ...CONNECTING_BUGS,
  ...CLUSTER_CLIENT_BUGS,
  ...OPERATING_BUGS,
  ...CLUSTER_RULES_BUGS,
  ...CLUSTER_SIMULATION_BUGS,
  ...COMMANDS_BUGS,
  ...FIGURES_BUGS,
  ...HTTP_BUGS,
  ...JOURNAL_BUGS,
  ...PAGE_BUGS,
  ...PAGE_LOGIN_BUGS,
  ...MANAGEMENT_BUGS,
  ...PERMISSIONS_BUGS,
  ...RULES_BUGS,
  ...SESSIONS_BUGS,
  ...STREAMS_BUGS,
  ...TLS_BUGS,
  ...WORK_BUGS,
];
