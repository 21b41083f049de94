import type { Disk, ReadableDisk } from "../disk/disk.ts";
import { cutBeforeDamage, type RepairWay, skipDamaged } from "./repair.ts";
import { type Finding, type Survey, surveyJournal } from "./survey.ts";

export interface ToolReport {
  readonly lines: readonly string[];
  readonly isUsable: boolean;
}

/** How often the survey of a changing journal is repeated. */
const LOOKS_MAX = 5;

/**
 * Lists a journal's segments and faults. Changes nothing.
 *
 * @param disk The directory.
 * @param user The broker that is using it, if there is one: its last write may be unfinished.
 */
export function verifyJournal(disk: ReadableDisk, user?: string): ToolReport {
  const survey = surveyChanging(disk);
  const lines = describeSurvey(disk, survey);
  if (user !== undefined) {
    lines.unshift(
      `${user} is using ${disk.path}: this is its recent state, and its end may be unfinished`,
    );
  }
  const { length } = survey.findings;
  if (length === 0) return { lines: [...lines, "everything is in order"], isUsable: true };
  const last = `${
    formatCount(length, "fault")
  } found; "repair ${disk.path}" tells what can be done`;
  return { lines: [...lines, last], isUsable: false };
}

/** Repairs a journal in one of two ways; without a way, describes both. */
export async function repairJournal(
  disk: Disk,
  way: RepairWay | undefined,
  suffix: string,
): Promise<ToolReport> {
  const survey = surveyJournal(disk);
  const lines = describeSurvey(disk, survey);
  if (survey.findings.length === 0) {
    return { lines: [...lines, "everything is in order: nothing was changed"], isUsable: true };
  }
  if (way === undefined) {
    return { lines: [...lines, ...describeWays(disk, survey)], isUsable: false };
  }
  const repair = way === "cut" ? cutBeforeDamage : skipDamaged;
  const sideFiles = await repair({ disk, survey, suffix });
  const isUsable = surveyJournal(disk).findings.length === 0;
  return {
    lines: [
      ...lines,
      ...sideFiles.map((name) => `kept ${disk.path}/${name}`),
      isUsable ? "repaired: the broker can be started" : "some of it could not be repaired",
    ],
    isUsable,
  };
}

/** Surveys a journal; files may be removed meanwhile. */
function surveyChanging(disk: ReadableDisk): Survey {
  const listNames = () => disk.list().map(({ name }) => name).sort().join();
  for (let look = 1;; look++) {
    const names = listNames();
    try {
      return surveyJournal(disk);
    } catch (error) {
      if (look === LOOKS_MAX || names === listNames()) throw error;
    }
  }
}

function describeSurvey({ path }: ReadableDisk, survey: Survey): string[] {
  const { segments, findings, tornBytes, content } = survey;
  const lines = segments.map(({ segment, end, groupCount, recordCount, messageCount }) =>
    `${path}/${segment.name}: ${end} bytes, ${formatCount(groupCount, "group")}, ` +
    `${formatCount(recordCount, "record")}, ${formatCount(messageCount, "message")}`
  );
  if (segments.length === 0) lines.push(`${path}: there is no journal`);
  lines.push(...findings.map((finding) => `${path}/${describeFinding(finding, survey)}`));
  if (tornBytes > 0) {
    lines.push(
      `the last ${tornBytes} bytes belong to a write that was neither finished nor confirmed`,
    );
  }
  lines.push(...content.foreign.map((name) => `${path}/${name} does not belong to the journal`));
  return lines;
}

function describeFinding(finding: Finding, { streams }: Survey): string {
  const { segment, offset, end, what, messages } = finding;
  const lost = messages.map(({ number, firstId, count }) => {
    const ids = count === 1
      ? `message ${firstId}`
      : `messages ${firstId} to ${firstId + count - 1}`;
    const name = streams.get(number);
    return `${ids} of ${name === undefined ? `stream number ${number}` : `stream "${name}"`}`;
  });
  const whose = lost.length === 0 ? "" : ` (${lost.join(", ")})`;
  return `${segment.name} at offset ${offset}, ${end - offset} bytes: ${what}${whose}`;
}

function describeWays({ path }: ReadableDisk, { findings, journalId }: Survey): string[] {
  const [first] = findings;
  const skip =
    `  repair ${path} --skip-damaged   gives up what is listed above, and keeps everything else`;
  return [
    "nothing was changed; these would change something, and keep what they take away beside it:",
    // Without the journal's id no checksum can be checked.
    ...journalId === undefined ? [] : [skip],
    `  repair ${path} --cut            gives up everything from ${first!.segment.name} at offset ` +
    `${first!.groupOffset} on`,
  ];
}

function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
