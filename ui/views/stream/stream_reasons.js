/**
 * Why the messages of a stream wait, who holds some, and beside each cause what mends it.
 *
 * @module
 */

import { apiPath, ask } from "../../parts/api.js";
import { confirmFirst } from "../../parts/dialog.js";
import { el, fill, setText } from "../../parts/element.js";
import { count, counted, span, time } from "../../parts/format.js";
import { tell } from "../../parts/notices.js";
import { button, link } from "../../parts/page.js";
import { askToClose } from "../connections.js";
import { openMessage } from "../messages/message_dialog.js";
import { sweepMessages } from "../messages/sweep_dialog.js";
import { releaseFollower } from "./stream_followers.js";

/** @typedef {import("./stream.js").StreamView} StreamView */
/** @typedef {import("../../parts/element.js").Child} Child */

/**
 * @typedef {object} Reason
 * @property {string} key As long as it is the same, the buttons stay.
 * @property {string} text
 * @property {any[]} cures
 * @property {any} [holder]
 */

const EXPLAIN_MS = 3000;

/** Which cures belong to which sentence; what belongs to none stands below. */
/** @type {[sentence: RegExp, kinds: string[]][]} */
const CAUSES = [
  [/^(The stream|It) is paused|^The breaker.* is open/, ["resume"]],
  [/^There is no follower|asks for nothing/, ["connections"]],
  [/redrive sends (it|them) back/, ["dead", "redrive"]],
  [/^The stream is full/, ["maxMessages", "maxBytes"]],
];

/** @param {StreamView} view */
export function showStreamReasons(view) {
  const { page, name } = view;
  const list = el("ul", { class: "reasons" });
  const reasons = new Reasons(view, list, () => void refresh());
  const refresh = page.every(EXPLAIN_MS, async () => {
    const path = apiPath("streams", name, "explain");
    reasons.show(await ask("GET", path, { signal: page.signal }));
  });
  return el("section", { class: "explain" }, el("h2", {}, "Why messages wait"), list);
}

/** The list of reasons; rows that stay keep their buttons. */
class Reasons {
  /** @type {Map<string, { element: HTMLElement, update: (reason: Reason) => void }>} */
  #rows = new Map();

  /**
   * @param {StreamView} view
   * @param {HTMLElement} list
   * @param {() => void} refresh
   */
  constructor(view, list, refresh) {
    this.view = view;
    this.list = list;
    this.refresh = refresh;
  }

  /** @param {any} answer */
  show(answer) {
    const before = this.#rows;
    this.#rows = new Map();
    const elements = findReasons(answer).map((reason) => {
      const row = before.get(reason.key) ?? this.#create(reason);
      this.#rows.set(reason.key, row);
      row.update(reason);
      return row.element;
    });
    const isSame = elements.length === this.list.childElementCount &&
      elements.every((element, index) => this.list.children[index] === element);
    if (!isSame) fill(this.list, elements);
  }

  /** @param {Reason} first */
  #create(first) {
    let reason = first;
    const text = el("p", {});
    const note = el("p", { class: "quiet" });
    const actions = el("div", { class: "actions" });
    fill(actions, first.cures.map((cure, index) => this.#action(cure.kind, () => reason, index)));
    return {
      element: el("li", {}, el("div", {}, text, note), actions),
      update: (/** @type {Reason} */ next) => {
        reason = next;
        setText(text, next.text);
        setText(note, sayCures(next));
        note.hidden = note.textContent === "";
        actions.hidden = next.cures.length === 0;
      },
    };
  }

  /**
   * @param {string} kind
   * @param {() => Reason} read
   * @param {number} index
   * @returns {Child}
   */
  #action(kind, read, index) {
    const { view, refresh } = this;
    const { name, page } = view;
    const cure = () => read().cures[index];
    const dead = `${name}.dead`;
    switch (kind) {
      case "resume":
        return button(
          view.stream.isPaused ? "Resume …" : "Close breaker …",
          () => askToResume(view, refresh),
        );
      case "connections":
        return link(["connections"], "Connections");
      case "release":
        return button("Release …", () => releaseFollower(view, cure().follower, refresh), {
          "aria-label": `Release ${cure().follower}`,
        });
      case "close":
        return button(
          `Close connection ${cure().connection} …`,
          () => askToClose(page, read().holder.connections[0], refresh),
        );
      case "look":
        return button("Look at the message", () => openMessage(view, cure().message));
      case "dead":
        return link(["streams", dead, "messages"], "Dead letters");
      case "redrive":
        return button("Redrive …", () => sweepMessages(dead, "redrive", refresh));
      case "maxMessages":
      case "maxBytes":
        return link(["streams", name, "options"], "Options");
      default:
        return null;
    }
  }
}

/**
 * @param {any} answer
 * @returns {Reason[]}
 */
function findReasons({ at, sentences, holders, others, cures }) {
  const left = new Set(cures);
  const take = (/** @type {(cure: any) => boolean} */ isWanted) => {
    const taken = [...left].filter(isWanted);
    for (const cure of taken) left.delete(cure);
    return taken;
  };
  /** @type {(subject: string, text: string, cures: any[], holder?: any) => Reason} */
  const make = (subject, text, cures, holder) => {
    const key = [subject, ...cures.map(({ kind }) => kind)].join("\n");
    return { key, text, cures, holder };
  };
  const reasons = sentences.map((/** @type {string} */ sentence, /** @type {number} */ index) => {
    const kinds = CAUSES.flatMap(([form, kinds]) => form.test(sentence) ? kinds : []);
    return make(`${index}`, writeTimes(sentence), take(({ kind }) => kinds.includes(kind)));
  });
  for (const holder of holders) {
    const { follower, id, connections: [connection] } = holder;
    const own = take((cure) => cure.follower === follower || cure.message === id);
    const subject = JSON.stringify([follower, connection?.id]);
    reasons.push(make(subject, sayHolder(holder, at), own, holder));
  }
  if (others > 0) {
    reasons.push(make("others", `${counted(others, "other follower")} more hold messages.`, []));
  }
  for (const cure of left) reasons.push(make("left", "", [cure]));
  return reasons.length > 0 ? reasons : [make("none", "Nothing waits here.", [])];
}

/**
 * @param {any} holder
 * @param {number} now The broker's time.
 */
function sayHolder({ follower, count: held, id, attempts, ageMs, deadline, connections }, now) {
  const [connection] = connections;
  const where = connection === undefined
    ? ""
    : ` at ${[connection.client, connection.address].filter(Boolean).join(", ")}, connection ${
      count(connection.id)
    },`;
  const attempt = attempts > 1 ? `, delivery ${attempts}` : "";
  const left = deadline <= now
    ? "it is about to be taken back"
    : `it is taken back in ${span(Math.ceil((deadline - now) / 1000) * 1000)}`;
  return `Follower “${follower}”${where} has held ${counted(held, "message")}, ` +
    `message ${count(id)} for ${span(ageMs)}${attempt}: ${left}.`;
}

/** @type {Record<string, string>} */
const VERBS = { release: "Release: ", close: "Close: ", dead: "", redrive: "", look: "" };

/** What comes of the cures, where it has consequences. */
function sayCures(/** @type {Reason} */ { cures, text }) {
  return cures.flatMap(({ kind, about }) => {
    if (text !== "" && VERBS[kind] === "") return [];
    const verb = VERBS[kind] ?? "";
    return [`${verb}${verb === "" ? about[0].toUpperCase() + about.slice(1) : about}.`];
  }).join(" ");
}

/**
 * @param {StreamView} view
 * @param {() => void} refresh
 */
function askToResume({ name, stream: { ready, isPaused }, refresh: refreshStream }, refresh) {
  const verb = isPaused ? "Resume" : "Close the breaker of";
  return confirmFirst({
    title: `${verb} ${name}?`,
    sentences: [
      `The stream delivers again: ${
        counted(ready, "ready message")
      } to its followers, and what comes.`,
    ],
    label: `${verb} ${name}`,
    kind: "main",
    run: async (signal) => {
      await ask("POST", apiPath("streams", name, "resume"), { signal });
      tell(`Stream "${name}" delivers again.`);
      refresh();
      await refreshStream();
    },
  });
}

/**
 * Writes the times in a sentence in the zone of the reader, as everywhere in the page.
 *
 * @param {string} sentence
 */
function writeTimes(sentence) {
  return sentence.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (found) => time(Date.parse(found)));
}
