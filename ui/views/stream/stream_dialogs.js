/**
 * Dialogs that create, change, purge and delete streams.
 *
 * @module
 */

import { apiPath, ask } from "../../parts/api.js";
import { confirmFirst, Dialog } from "../../parts/dialog.js";
import { el } from "../../parts/element.js";
import { counted } from "../../parts/format.js";
import { field, textInput } from "../../parts/form.js";
import { tell } from "../../parts/notices.js";
import { address } from "../../parts/page.js";
import { optionFields } from "./option_fields.js";

/** @typedef {import("../../parts/page.js").Page} Page */

/** @param {Page} _page */
export function createStream(_page) {
  const name = textInput({ required: true, name: "name" });
  const options = optionFields(undefined, undefined);
  const more = el(
    "details",
    {},
    el("summary", {}, "Options; what is left empty has its default"),
    options.element,
  );
  return new Dialog({
    title: "New stream",
    content: [
      field(
        "Name",
        name,
        "1 to 128 of the characters A-Z a-z 0-9 . _ - ; it cannot be changed later.",
      ),
      more,
    ],
    actions: [{
      label: "Create",
      run: async (signal) => {
        const stream = name.value.trim();
        const body = { name: stream, options: options.read() };
        const { created } = await ask("POST", "/api/streams", { body, signal });
        tell(
          created
            ? `Stream "${stream}" is created.`
            : `Stream "${stream}" was there already, with the same options.`,
        );
        location.hash = address(["streams", stream]);
      },
    }],
  });
}

/**
 * @param {any} stream
 * @param {() => void} onDone
 */
export function changeOptions(stream, onDone) {
  const options = optionFields(stream.options, stream.optionDefaults);
  return new Dialog({
    title: `Options of ${stream.name}`,
    isWide: true,
    content: [options.element],
    actions: [{
      label: "Save",
      run: async (signal) => {
        const changed = options.read();
        if (Object.keys(changed).length === 0) return;
        await ask("PATCH", apiPath("streams", stream.name), { body: { options: changed }, signal });
        tell(`The options of "${stream.name}" are changed.`);
        onDone();
      },
    }],
  });
}

/**
 * Counts first, then asks, then removes what nobody holds.
 *
 * @param {string} name
 * @param {() => void} onDone
 */
export async function purgeStream(name, onDone) {
  const path = apiPath("streams", name, "purge");
  const { count } = await ask("POST", path, { body: { dryRun: true } });
  if (count === 0) return tell(`Stream "${name}" has no messages to purge.`);
  const messages = counted(count, "message");
  return confirmFirst({
    title: `Purge ${name}?`,
    sentences: [
      `${messages} of the stream "${name}" will be removed for good, ready and delayed ones.`,
      "Messages that followers hold stay, and so do the stream and its options.",
    ],
    label: `Purge ${messages}`,
    run: async (signal) => {
      const done = await ask("POST", path, { body: {}, signal });
      tell(`${counted(done.count, "message")} of "${name}" removed.`);
      onDone();
    },
  });
}

/** @param {string} name */
export async function deleteStream(name) {
  const path = apiPath("streams", name);
  const { count } = await ask("DELETE", path, { body: { dryRun: true } });
  const messages = counted(count, "message");
  return confirmFirst({
    title: `Delete ${name}?`,
    sentences: [
      `The stream "${name}" and its ${messages} will be removed for good, those that followers hold, too.`,
      "Programs that publish to it will get STREAM_NOT_FOUND; its dead letters stay in a stream of their own.",
    ],
    label: `Delete ${name} with ${messages}`,
    run: async (signal) => {
      const done = await ask("DELETE", path, { body: {}, signal });
      tell(`Stream "${name}" is deleted, with ${counted(done.count, "message")}.`);
      location.hash = address(["streams"]);
    },
  });
}
