/**
 * Publishing a message by hand.
 *
 * @module
 */

import { apiPath, ask } from "../parts/api.js";
import { decodeBase64, encodeBase64 } from "../parts/body_view.js";
import { el, fill } from "../parts/element.js";
import { bytes, count } from "../parts/format.js";
import { field, numberInput, readNumber, segments, textInput } from "../parts/form.js";
import { button, link } from "../parts/page.js";
import { explainError } from "../parts/api.js";
import { readSpan } from "./stream/option_fields.js";
import { suggestStreams } from "./streams.js";

/** @typedef {import("../parts/page.js").Page} Page */

/** @param {Page} page */
export function showPublish(page) {
  const form = new PublishForm(page);
  page.show("Publish a message", [], form.element);
  page.signal.addEventListener("abort", () => form.close());
}

/** The form and what came of it. */
class PublishForm {
  #abort = new AbortController();

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.choices = el("datalist", { id: "stream-names" });
    this.stream = textInput({
      name: "stream",
      list: "stream-names",
      required: true,
      value: page.params.get("stream") ?? "",
    });
    this.body = el("textarea", { name: "body", rows: 9, spellcheck: "false" });
    this.file = el("input", { type: "file" });
    this.size = el("small", { role: "status" });
    this.kind = segments(
      "Kind of the body",
      [["text", "Text"], ["json", "JSON"], ["bytes", "Bytes"]],
      "text",
      () => this.#showKind(),
    );
    this.headers = el("div", { class: "pairs" });
    this.properties = {
      key: textInput({ name: "key" }),
      lane: textInput({ name: "lane" }),
      priority: numberInput({ name: "priority", min: 0, max: 9, placeholder: "4" }),
      delayMs: textInput({ name: "delay", placeholder: "such as 30 s" }),
      ttlMs: textInput({ name: "ttl", placeholder: "such as 2 h" }),
      dedupId: textInput({ name: "dedupId" }),
    };
    this.error = el("p", { class: "error", role: "alert" });
    this.result = el("p", { class: "told", role: "status" });
    this.submit = el("button", { type: "submit", class: "main" }, "Publish");
    this.element = this.#build();
    this.#showKind();
    this.#suggest();
  }

  close() {
    this.#abort.abort();
  }

  #build() {
    const { key, lane, priority, delayMs, ttlMs, dedupId } = this.properties;
    const form = el(
      "form",
      { class: "publish", novalidate: true },
      el(
        "section",
        { class: "panel" },
        field("Stream", this.stream),
        this.choices,
        this.kind.element,
        field("Body", this.body),
        el(
          "div",
          { class: "body-foot" },
          this.size,
          el("label", { class: "file" }, "From a file ", this.file),
        ),
        el("div", { class: "form-foot" }, this.submit, this.result, this.error),
      ),
      el(
        "section",
        { class: "panel" },
        field("Key", key, "Messages of a key are delivered one at a time, in order."),
        field("Lane", lane, "Whose it is: the lanes of a stream take turns."),
        field("Priority", priority, "0 to 9; higher ones are delivered first."),
        field("Delay", delayMs),
        field("Time to live", ttlMs),
        field("Dedup id", dedupId, "Stored once, however often it is sent."),
        el(
          "div",
          { class: "field" },
          el("span", { class: "label" }, "Headers"),
          this.headers,
          button("Add a header", () => this.#addHeader()),
        ),
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#publish();
    });
    this.body.addEventListener("input", () => this.#showKind());
    this.file.addEventListener("change", () => this.#readFile());
    return form;
  }

  #addHeader() {
    const name = textInput({ "aria-label": "Name of the header", placeholder: "name" });
    const value = textInput({ "aria-label": "Value of the header", placeholder: "value" });
    const row = el("div", { class: "pair" }, name, value);
    row.append(button("Remove", () => row.remove()));
    this.headers.append(row);
    name.focus();
  }

  async #readFile() {
    const [file] = this.file.files ?? [];
    if (file === undefined) return;
    const data = new Uint8Array(await file.arrayBuffer());
    this.body.value = this.kind.read() === "bytes"
      ? encodeBase64(data)
      : new TextDecoder().decode(data);
    this.#showKind();
  }

  #showKind() {
    const kind = this.kind.read();
    const text = this.body.value;
    const hints = /** @type {Record<string, string>} */ ({
      text: "",
      json: 'JSON, such as {"id": 7}',
      bytes: "Base64",
    });
    this.body.placeholder = hints[kind];
    const size = kind === "bytes"
      ? Math.floor(text.trim().length * 0.75)
      : new TextEncoder().encode(text).length;
    const mistake = text === "" ? "" : findBodyMistake(kind, text);
    fill(this.size, mistake === "" ? bytes(size) : mistake);
    this.size.className = mistake === "" ? "" : "error";
    return mistake;
  }

  #suggest() {
    /** @type {number | undefined} */
    let timer;
    const suggest = async () => {
      const names = await suggestStreams(this.stream.value, this.#abort.signal).catch(() => []);
      fill(this.choices, names.map((name) => el("option", { value: name })));
    };
    this.stream.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(suggest, 150);
    });
    suggest();
  }

  async #publish() {
    fill(this.error);
    fill(this.result);
    this.submit.disabled = true;
    try {
      const name = this.stream.value.trim();
      const body = this.#read(name);
      const { id, isDuplicate } = await ask("POST", apiPath("streams", name, "messages"), {
        body,
        signal: this.#abort.signal,
      });
      const where = link(["streams", name, "messages"], name);
      const how = isDuplicate
        ? "This dedup id was stored before, as message "
        : "Stored as message ";
      fill(this.result, how, count(id), " of ", where, ".");
    } catch (error) {
      fill(this.error, explainError(error));
    } finally {
      this.submit.disabled = false;
    }
  }

  /** @param {string} name */
  #read(name) {
    const kind = this.kind.read();
    const { key, lane, priority, delayMs, ttlMs, dedupId } = this.properties;
    const spans = [["delayMs", delayMs], ["ttlMs", ttlMs]].map(([field, input]) => {
      const text = /** @type {HTMLInputElement} */ (input).value.trim();
      return { field: String(field), text, value: text === "" ? undefined : readSpan(text) };
    });
    const mistakes = [
      name === "" ? "a stream is missing" : "",
      findBodyMistake(kind, this.body.value),
      ...spans.map(({ text, value }) =>
        text !== "" && value === undefined ? `"${text}" is not a time such as 30 s` : ""
      ),
    ].filter((mistake) => mistake !== "");
    if (mistakes.length > 0) throw new Error(`Cannot publish: ${mistakes.join("; ")}`);
    const pairs = [...this.headers.children].map((row) =>
      [...row.querySelectorAll("input")].map(({ value }) => value)
    );
    const headers = Object.fromEntries(pairs.filter(([header]) => header !== ""));
    return {
      kind,
      body: this.body.value,
      headers: pairs.length === 0 ? undefined : headers,
      key: key.value || undefined,
      lane: lane.value || undefined,
      priority: readNumber(priority),
      dedupId: dedupId.value || undefined,
      ...Object.fromEntries(spans.map(({ field, value }) => [field, value])),
    };
  }
}

/**
 * @param {string} kind
 * @param {string} text
 */
function findBodyMistake(kind, text) {
  try {
    if (kind === "json") JSON.parse(text);
    if (kind === "bytes") decodeBase64(text.trim());
    return "";
  } catch (error) {
    return kind === "json"
      ? `the body is no JSON: ${/** @type {Error} */ (error).message}`
      : "the body is no Base64";
  }
}
