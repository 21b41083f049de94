/**
 * The cluster: which broker is active, how far the others are, how their log is, what to look at.
 *
 * @module
 */

import { ask } from "../parts/api.js";
import { Dialog } from "../parts/dialog.js";
import { el, fill, setText } from "../parts/element.js";
import { bytes, count, counted, NONE, span } from "../parts/format.js";
import { field, textInput } from "../parts/form.js";
import { Table } from "../parts/lists/table.js";
import { tell } from "../parts/notices.js";
import { button } from "../parts/page.js";

/** @typedef {import("../parts/page.js").Page} Page */

const REFRESH_MS = 1000;

/** A broker that was heard of within so many leases is there. */
const HEARD_LEASES = 3;

/** @param {Page} page */
export function showCluster(page) {
  const lead = el("div", { class: "problems", role: "status" });
  const problems = el("div", { class: "problems", role: "status" });
  const log = el("dl", { class: "facts" });
  const lease = el("dl", { class: "facts" });
  const handover = button("Hand over …", () => askForHandover(known), { hidden: true });
  /** @type {any} */
  let known;
  const table = brokersTable(() => known);
  page.show(
    "Cluster",
    [page.session.may.admin ? handover : null],
    lead,
    problems,
    el("section", {}, el("h2", {}, "Brokers"), table.element),
    el(
      "div",
      { class: "columns" },
      el("section", {}, el("h2", {}, "Log"), log),
      el("section", {}, el("h2", {}, "Lead"), lease),
    ),
  );
  page.every(REFRESH_MS, async () => {
    known = await ask("GET", "/api/cluster", { signal: page.signal });
    const other = findOther(known);
    handover.hidden = known.role !== "active" || other === undefined;
    showLead(lead, known);
    showSentences(problems, known.problems);
    showFacts(log, logFacts(known));
    showFacts(lease, leaseFacts(known));
    table.show(known.brokers);
  });
}

/**
 * The standby that would take over first.
 *
 * @param {any} cluster
 */
function findOther({ brokers, id, leaseMs }) {
  return brokers.find((/** @type {any} */ one) =>
    one.role === "standby" && one.id !== id && one.heardMs <= HEARD_LEASES * leaseMs
  );
}

/**
 * @param {() => any} known
 */
function brokersTable(known) {
  return new Table({
    caption: "Brokers of the cluster",
    key: ({ id }) => id,
    columns: [
      {
        label: "Broker",
        class: "name place",
        node: (row) => brokerCell(row, known().id),
        stamp: ({ page, address }) => JSON.stringify([page, address, known().id]),
      },
      {
        label: "Role",
        class: "role",
        node: (row) => roleBadge(row, known()),
        stamp: (row) => JSON.stringify([row.role, stateOf(row, known())]),
      },
      { label: "Version", isExtra: true, text: ({ version }) => version },
      { label: "Record", isNumber: true, isExtra: true, text: ({ sequence }) => count(sequence) },
      { label: "Behind", isNumber: true, text: sayLag },
      { label: "Heard", isNumber: true, isExtra: true, text: ({ heardMs }) => sayAge(heardMs) },
    ],
  });
}

/**
 * @param {any} row
 * @param {string} own
 */
function brokerCell({ id, address, page }, own) {
  const isHere = id === own;
  const name = isHere || page === undefined ? id : el("a", { href: page }, id);
  return el("span", {}, name, isHere ? " (this one)" : null, el("small", {}, address));
}

/**
 * @param {any} row
 * @param {any} cluster
 */
function stateOf({ id, role, heardMs }, { id: own, leaseMs, serving }) {
  if (id !== own && heardMs > HEARD_LEASES * leaseMs) return "gone";
  return role === "active" && id === own && !serving ? "waits" : "";
}

/**
 * @param {any} row
 * @param {any} cluster
 */
function roleBadge(row, cluster) {
  const state = stateOf(row, cluster);
  const texts = { gone: "not heard of", waits: "active, serves nothing" };
  const text = state === "" ? row.role : texts[/** @type {"gone"} */ (state)];
  const kind = state !== "" ? " badge-warning" : row.role === "active" ? " badge-good" : "";
  return el("span", { class: `badge${kind}` }, text);
}

/** @param {any} row */
function sayLag({ role, lagRecords, lagMs }) {
  if (role === "active") return NONE;
  return lagRecords === 0 ? "0" : `${counted(lagRecords, "record")}, ${span(lagMs)}`;
}

/** @param {number | null | undefined} ms */
function sayAge(ms) {
  // It is heard of several times in a second: smaller figures would only flicker.
  return ms === null || ms === undefined ? NONE : ms < 1000 ? "now" : `${span(ms)} ago`;
}

/**
 * Says on a standby where the active broker is.
 *
 * @param {HTMLElement} box
 * @param {any} cluster
 */
function showLead(box, { role, serving, brokers, id, leaseMs }) {
  const active = brokers.find((/** @type {any} */ one) =>
    one.role === "active" && one.id !== id && one.heardMs <= HEARD_LEASES * leaseMs
  );
  const stamp = JSON.stringify([role, serving, active?.id, active?.address, active?.page]);
  if (box.getAttribute("data-shown") === stamp) return;
  box.setAttribute("data-shown", stamp);
  if (role === "active") {
    const text =
      "This broker has lost the lease: it delivers and confirms nothing until the log answers.";
    fill(box, serving ? null : el("p", { class: "problem" }, text));
    return;
  }
  if (active === undefined) {
    fill(box, el("p", { class: "problem" }, "This broker is a standby, and no broker is active."));
    return;
  }
  const where = active.page === undefined
    ? `${active.id} at ${active.address}`
    : el("a", { href: active.page }, `${active.id} at ${active.address}`);
  const text = "This broker is a standby: it follows, and has no streams to show. Active is ";
  fill(box, el("p", { class: "hint" }, text, where, "."));
}

/**
 * @param {HTMLElement} box
 * @param {string[]} sentences
 */
function showSentences(box, sentences) {
  const stamp = JSON.stringify(sentences);
  if (box.getAttribute("data-shown") === stamp) return;
  box.setAttribute("data-shown", stamp);
  fill(box, sentences.map((sentence) => el("p", { class: "hint" }, sentence)));
}

/**
 * @param {any} cluster
 * @returns {[string, string][]}
 */
function logFacts(
  { firstSequence, lastSequence, logBytes, logBytesMax, leader, replicas, lastAppendMs },
) {
  const limit = logBytesMax === undefined ? "" : ` of ${bytes(logBytesMax)}`;
  return [
    ["Last record", sayAge(lastAppendMs)],
    ["Records", `${count(firstSequence)} to ${count(lastSequence)}`],
    ["Bytes", `${bytes(logBytes)}${limit}, of one replica`],
    ["Led by node", leader ?? NONE],
    ["Nodes that have all", replicas === undefined ? NONE : count(replicas)],
  ];
}

/**
 * @param {any} cluster
 * @returns {[string, string][]}
 */
function leaseFacts({ name, epoch, leaseMs, reelections }) {
  return [
    ["Cluster", name],
    ["Lease", span(leaseMs)],
    ["Takeovers so far", count(epoch)],
    ["Elections of nodes", `${count(reelections)} since this broker's start`],
  ];
}

/**
 * @param {HTMLElement} list
 * @param {[string, string][]} facts
 */
function showFacts(list, facts) {
  if (list.childElementCount !== 2 * facts.length) {
    fill(list, facts.flatMap(([label]) => [el("dt", {}, label), el("dd", {})]));
  }
  facts.forEach(([, value], index) => setText(list.children[2 * index + 1], value));
}

/** @param {any} cluster */
function askForHandover(cluster) {
  const other = findOther(cluster);
  if (other === undefined) {
    tell("No standby is there to take over.");
    return;
  }
  const typed = textInput({ name: "broker" });
  return new Dialog({
    title: "Hand the lead over?",
    content: [
      el(
        "p",
        {},
        `Broker ${cluster.id} stops serving, and a standby takes over: ${other.id} at ${other.address}, ` +
          `unless another one is faster. Clients go there by themselves; nothing is lost.`,
      ),
      el("p", {}, "This broker goes on as a standby."),
      field(`Type the id of this broker: ${cluster.id}`, typed),
    ],
    actions: [{
      label: "Hand over",
      kind: "danger",
      run: async (signal) => {
        if (typed.value.trim() !== cluster.id) {
          throw new Error(`Nothing was done: found "${typed.value}", allowed ${cluster.id}`);
        }
        await ask("POST", "/api/cluster/handover", { body: {}, signal });
        tell("The lead was handed over.");
      },
    }],
  });
}
