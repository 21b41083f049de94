/**
 * Who is connected, from where, and how much each sends and receives.
 *
 * @module
 */

import { apiPath, ask, query } from "../parts/api.js";
import { Dialog } from "../parts/dialog.js";
import { el } from "../parts/element.js";
import { bytes, count, counted, NONE, span, time } from "../parts/format.js";
import { field, textInput } from "../parts/form.js";
import { Listing } from "../parts/lists/listing.js";
import { tell } from "../parts/notices.js";
import { button } from "../parts/page.js";

/** @param {import("../parts/page.js").Page} page */
export function showConnections(page) {
  let now = Date.now();
  const close = (/** @type {any} */ row) => closeConnection(row, () => void listing.refresh());
  const mayClose = page.session.may.admin || page.session.may.manage || page.session.may.follow ||
    page.session.may.publish;
  const listing = new Listing(page, {
    caption: "Connections",
    sort: "id",
    searchHint: "Client, user, address or follower",
    key: ({ id }) => id,
    columns: [
      ...connectionColumns(page, () => now),
      ...(mayClose ? [closeColumn(close)] : []),
    ],
    empty: "Nobody is connected. A program connects with: connect({ hostname, port })",
    load: async (values, signal) => {
      const answer = await ask("GET", `/api/connections${query(values)}`, { signal });
      now = answer.at;
      return answer;
    },
    rows: ({ connections }) => connections,
  });
  page.show("Connections", [], listing.element);
  listing.start();
}

/**
 * @param {import("../parts/page.js").Page} page
 * @param {() => number} now The broker's time.
 * @returns {import("../parts/lists/table.js").Column[]}
 */
function connectionColumns(page, now) {
  return [
    { label: "Id", sort: "id", isNumber: true, text: ({ id }) => String(id) },
    { label: "Client", sort: "client", class: "name", node: clientCell },
    ...(page.session.hasUsers
      ? [{
        label: "User",
        sort: "user",
        isExtra: true,
        text: (/** @type {any} */ { user }) => user || NONE,
      }]
      : []),
    { label: "Address", sort: "address", isExtra: true, node: addressCell },
    {
      label: "For",
      sort: "connectedAt",
      isNumber: true,
      isExtra: true,
      text: ({ connectedAt }) => span(now() - connectedAt),
    },
    {
      label: "Received/s",
      sort: "receivedRate",
      isNumber: true,
      isExtra: true,
      text: ({ rates }) => perSecond(rates?.received),
    },
    {
      label: "Sent/s",
      sort: "sentRate",
      isNumber: true,
      isExtra: true,
      text: ({ rates }) => perSecond(rates?.sent),
    },
    {
      label: "Publishers",
      sort: "publishers",
      isNumber: true,
      isExtra: true,
      text: ({ publishers }) => count(publishers),
    },
    {
      label: "Followers",
      sort: "followers",
      class: "names",
      text: sayFollowers,
    },
  ];
}

/**
 * @param {(row: any) => unknown} close
 * @returns {import("../parts/lists/table.js").Column}
 */
function closeColumn(close) {
  return {
    label: "",
    class: "row-actions",
    node: (row) =>
      row.isPage
        ? null
        : button("Close …", () => close(row), { "aria-label": `Close connection ${row.id}` }),
  };
}

/** @param {any} row */
function clientCell({ client, protocol, isPage }) {
  if (protocol !== "http") return client || NONE;
  const about = isPage
    ? "A browser has several connections for this page and its other tabs"
    : "A browser with this page, or a program that asks for health or metrics";
  return el("span", { class: "quiet", title: about }, isPage ? "this page" : "HTTP");
}

/** The most names of followers in a cell. */
const NAMES_MAX = 3;

/**
 * How many followers there are, and the names of some: `2: w1, w2`.
 *
 * @param {any} row
 */
function sayFollowers({ followers, followerNames = [] }) {
  if (followerNames.length === 0) return count(followers);
  const more = followers > NAMES_MAX ? " …" : "";
  return `${count(followers)}: ${followerNames.slice(0, NAMES_MAX).join(", ")}${more}`;
}

/** @param {any} row */
function addressCell({ address, protocol, encrypted }) {
  return el("span", {}, address, el("small", {}, encrypted ? `${protocol}, TLS` : protocol));
}

/** @param {number | undefined} value */
function perSecond(value) {
  return value !== undefined && value < 0.5 ? "0" : bytes(value);
}

/**
 * Asks the broker about a connection of which little is known, then asks whether to close it.
 *
 * @param {import("../parts/page.js").Page} page
 * @param {{ id: number, address: string }} known
 * @param {() => void} onDone
 */
export async function askToClose(page, { id, address }, onDone) {
  const path = `/api/connections${query({ search: address, limit: 200 })}`;
  const { connections } = await ask("GET", path, { signal: page.signal });
  const row = connections.find((/** @type {{ id: number }} */ one) => one.id === id);
  if (row !== undefined) {
    closeConnection(row, onDone);
    return;
  }
  tell(`Connection ${id} is closed already.`);
  onDone();
}

/**
 * @param {any} connection
 * @param {() => void} onDone
 */
function closeConnection(
  { id, client, user, address, connectedAt, publishers, followers, followerNames },
  onDone,
) {
  const reason = textInput({ name: "reason" });
  const who = [client, user && `user ${user}`, address].filter(Boolean).join(", ");
  return new Dialog({
    title: `Close connection ${id}?`,
    content: [
      el(
        "p",
        {},
        `It is ${who}, connected since ${time(connectedAt)}, with ${
          counted(publishers, "publisher")
        } and ${counted(followers, "follower")}${
          followerNames === undefined ? "" : ` (${followerNames.join(", ")})`
        }.`,
      ),
      el(
        "p",
        {},
        "Messages that its followers hold are ready again. Most programs connect again by themselves.",
      ),
      field("Reason", reason, "The program and the log are told; may be left empty."),
    ],
    actions: [{
      label: `Close connection ${id}`,
      kind: "danger",
      run: async (signal) => {
        const body = reason.value.trim() === "" ? {} : { reason: reason.value.trim() };
        await ask("POST", apiPath("connections", id, "close"), { body, signal });
        tell(`Connection ${id} is closed.`);
        onDone();
      },
    }],
  });
}
