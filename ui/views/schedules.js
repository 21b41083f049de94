/**
 * The schedules: which messages the broker stores, and when.
 *
 * @module
 */

import { apiPath, ask, query } from "../parts/api.js";
import { confirmFirst } from "../parts/dialog.js";
import { el } from "../parts/element.js";
import { count, counted, moment, NONE, span, time, zone } from "../parts/format.js";
import { Listing } from "../parts/lists/listing.js";
import { tell } from "../parts/notices.js";
import { button, link } from "../parts/page.js";

/** @param {import("../parts/page.js").Page} page */
export function showSchedules(page) {
  const refresh = () => void listing.refresh();
  const listing = new Listing(page, {
    caption: "Schedules",
    sort: "name",
    searchHint: "Part of a name or of a stream, * for anything",
    key: ({ name }) => name,
    columns: [...scheduleColumns(), actionColumn(refresh)],
    empty:
      "No schedule. A program makes one with cursor.putSchedule(), people with: simplemq schedule put",
    load: (values, signal) => ask("GET", `/api/schedules${query(values)}`, { signal }),
    rows: ({ schedules }) => schedules,
  });
  page.show("Schedules", [], listing.element);
  listing.start();
}

/** @returns {import("../parts/lists/table.js").Column[]} */
function scheduleColumns() {
  const ours = zone(Date.now());
  return [
    { label: "Schedule", sort: "name", class: "name wraps", node: nameCell, stamp: sayTrouble },
    { label: "Stream", sort: "stream", isExtra: true, node: ({ stream }) => streamLink(stream) },
    { label: "When", class: "wraps", isExtra: true, node: whenCell, stamp: whenText },
    {
      label: `Next (${ours})`,
      sort: "next",
      class: "wraps",
      node: nextCell,
      stamp: ({ next, isPaused }) => `${next} ${isPaused}`,
    },
    {
      label: `Last (${ours})`,
      sort: "last",
      isExtra: true,
      node: lastCell,
      stamp: ({ last }) => last?.at,
    },
    {
      label: "Stored",
      sort: "count",
      isNumber: true,
      isExtra: true,
      text: ({ count: stored }) => count(stored),
    },
  ];
}

/** @param {any} row */
function nameCell(row) {
  const { name, isPaused, problem, next } = row;
  const badge = isPaused
    ? ["paused", "badge-warning"]
    : problem !== undefined
    ? ["cannot store", "badge-danger"]
    : next.length === 0
    ? ["over", ""]
    : undefined;
  return el(
    "span",
    { class: "badged" },
    name,
    badge === undefined ? null : el("span", { class: `badge ${badge[1]}`.trim() }, badge[0]),
    el("small", {}, sayTrouble(row)),
  );
}

/**
 * Why a schedule stores nothing, or has stored nothing for its last date.
 *
 * @param {any} row
 */
function sayTrouble({ isPaused, problem, leftOut, last, next }) {
  if (problem !== undefined) return problem;
  const isLatest = leftOut !== undefined && leftOut.at > (last?.at ?? 0);
  const about = isLatest ? `left out ${time(leftOut.at)}: ${leftOut.why}` : "";
  // A change of state draws the cell anew.
  return about + (isPaused || next.length === 0 ? " " : "");
}

/** @param {string} stream */
function streamLink(stream) {
  return link(["streams", stream], stream);
}

/** @param {any} row */
function whenText({ cron, timeZone, everyMs }) {
  return cron === undefined ? `every ${span(everyMs)}` : `${cron} ${timeZone}`;
}

/** @param {any} row */
function whenCell({ cron, timeZone, everyMs, jitterMs, until, limit, missed, overlap }) {
  const more = [
    jitterMs > 0 && `up to ${span(jitterMs)} later`,
    missed !== "one" && `missed: ${missed}`,
    overlap !== "skip" && `overlap: ${overlap}`,
    limit !== null && `${counted(limit, "message")} at most`,
    until !== null && `until ${time(until)}`,
  ].filter(Boolean);
  const zoneText = cron === undefined ? [] : [timeZone];
  return el(
    "span",
    {},
    cron === undefined ? `every ${span(everyMs)}` : el("code", {}, cron),
    el("small", {}, [...zoneText, ...more].join(", ")),
  );
}

/** @param {any} row */
function nextCell({ next, isPaused }) {
  if (next.length === 0) return el("span", { class: "quiet" }, isPaused ? "when resumed" : NONE);
  const [first, ...others] = next;
  const rest = others.length === 0 ? "" : `then ${others.map(moment).join(", ")}`;
  return el("span", {}, moment(first), el("small", {}, rest));
}

/** @param {any} row */
function lastCell({ last, stream }) {
  if (last === undefined) return el("span", { class: "quiet" }, NONE);
  const to = link(["streams", stream, "messages"], `message ${count(last.id)}`);
  return el("span", {}, moment(last.at), el("small", {}, to));
}

/**
 * @param {() => void} refresh
 * @returns {import("../parts/lists/table.js").Column}
 */
function actionColumn(refresh) {
  return {
    label: "",
    class: "row-actions",
    stamp: ({ isPaused, mayManage }) => `${isPaused} ${mayManage}`,
    node: (row) => row.mayManage ? actions(row, refresh) : null,
  };
}

/**
 * @param {any} row
 * @param {() => void} refresh
 */
function actions({ name, isPaused, stream, count: stored }, refresh) {
  const verb = isPaused ? "Resume" : "Pause";
  const change = async () => {
    await ask("POST", apiPath("schedules", name, isPaused ? "resume" : "pause"), { body: {} });
    tell(`Schedule "${name}" ${isPaused ? "goes on" : "is paused: its dates are left out"}.`);
    refresh();
  };
  return el(
    "span",
    { class: "actions" },
    button(verb, change, { "aria-label": `${verb} ${name}` }),
    button("Delete …", () => deleteSchedule({ name, stream, stored }, refresh), {
      "aria-label": `Delete ${name}`,
    }),
  );
}

/**
 * @param {{ name: string, stream: string, stored: number }} schedule
 * @param {() => void} onDone
 */
function deleteSchedule({ name, stream, stored }, onDone) {
  return confirmFirst({
    title: `Delete schedule ${name}?`,
    sentences: [
      `The broker stores no more messages of it in "${stream}"; it has stored ${
        counted(stored, "message")
      }, which stay.`,
      "A program that puts its schedules when it starts makes it again.",
    ],
    label: `Delete ${name}`,
    run: async (signal) => {
      await ask("DELETE", apiPath("schedules", name), { body: {}, signal });
      tell(`Schedule "${name}" is deleted.`);
      onDone();
    },
  });
}
