/**
 * What the broker has logged lately.
 *
 * @module
 */

import { ask, query } from "../parts/api.js";
import { el, fill } from "../parts/element.js";
import { count, time } from "../parts/format.js";
import { field, select } from "../parts/form.js";
import { tell } from "../parts/notices.js";
import { Table } from "../parts/lists/table.js";

const REFRESH_MS = 2000;

/** The most events that are shown; the newest. */
const EVENTS_MAX = 1000;

const LIMIT = 200;

const LEVELS =
  /** @type {[string, string][]} */ ([["info", "all"], ["warning", "warnings and errors"], [
    "error",
    "errors",
  ]]);

/** @param {import("../parts/page.js").Page} page */
export function showEvents(page) {
  /** @type {any[]} */
  let events = [];
  let after = 0;
  const level = select(LEVELS, page.params.get("level") ?? "info", { name: "level" });
  const search = el("input", {
    type: "search",
    value: page.params.get("search") ?? "",
    "data-key": "/",
    autocomplete: "off",
  });
  const told = el("span", { class: "quiet", role: "status" });
  const table = eventTable();
  const show = () => {
    const text = search.value.toLowerCase();
    const found = text === ""
      ? events
      : events.filter((event) => JSON.stringify(event).toLowerCase().includes(text));
    table.show([...found].reverse());
    fill(told, `${count(found.length)} of the broker's last ${count(EVENTS_MAX)}`);
  };
  const refresh = page.every(REFRESH_MS, async () => {
    for (let isMore = true; isMore;) {
      const answer = await ask(
        "GET",
        `/api/events${query({ after, level: level.value, limit: LIMIT })}`,
        { signal: page.signal },
      );
      events = [...events, ...answer.events].slice(-EVENTS_MAX);
      isMore = answer.events.length === LIMIT;
      after = answer.next;
    }
    show();
  });
  level.addEventListener("change", () => {
    page.keep({ level: level.value === "info" ? undefined : level.value });
    events = [];
    after = 0;
    void refresh();
  });
  search.addEventListener("input", () => {
    page.keep({ search: search.value });
    show();
  });
  const bar = el(
    "div",
    { class: "list-bar fields-bar" },
    field("Show", level),
    field("Contains", search),
    told,
  );
  page.show(
    "Events",
    [page.session.may.logLevel ? logLevel(page) : null],
    el("div", { class: "listing" }, bar, table.element),
  );
}

function eventTable() {
  return new Table({
    caption: "Events, newest first",
    key: ({ number }) => number,
    empty: "Nothing logged that fits.",
    columns: [
      { label: "Time", class: "time", text: ({ at }) => time(at).replace(" ", "\n") },
      {
        label: "Level",
        node: (event) => el("span", { class: `level level-${event.level}` }, event.level),
      },
      {
        label: "What happened",
        class: "message",
        node: ({ message, fields }) => el("span", {}, message, fieldsOf(fields)),
      },
    ],
  });
}

/** @param {Record<string, unknown> | undefined} fields */
function fieldsOf(fields) {
  const texts = Object.entries(fields ?? {}).map(([name, value]) =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  return texts.length === 0 ? null : el("small", {}, texts.join("  "));
}

/** @param {import("../parts/page.js").Page} page */
function logLevel(page) {
  const levels = ["debug", "info", "warning", "error"];
  const chosen = select(levels.map((level) => [level, level]), "info", { name: "log-level" });
  ask("GET", "/api/overview", { signal: page.signal }).then(
    ({ broker }) => chosen.value = broker.logLevel,
    () => {},
  );
  chosen.addEventListener("change", async () => {
    await ask("POST", "/api/log-level", { body: { level: chosen.value } });
    tell(`The broker logs from level "${chosen.value}" on, until it is restarted.`);
  });
  return el("label", { class: "inline" }, "Broker's log level ", chosen);
}
