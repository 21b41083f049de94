/**
 * The login: by a token, or by a name and a password.
 *
 * @module
 */

import { ApiError, ask, explainError } from "../parts/api.js";
import { el, fill } from "../parts/element.js";
import { field, segments } from "../parts/form.js";
import { button } from "../parts/page.js";

/**
 * Shows the login.
 *
 * @param {HTMLElement} host
 * @param {import("../parts/api.js").Session} session
 * @param {(session: any) => void} onEnter
 */
export function showLogin(host, session, onEnter) {
  document.title = "Log in · SimpleMQ";
  const secret = { type: "password", required: true, spellcheck: "false" };
  const token = el("input", { ...secret, name: "token", autocomplete: "off" });
  const user = el("input", {
    type: "text",
    name: "user",
    required: true,
    autocomplete: "username",
    spellcheck: "false",
  });
  const password = el("input", { ...secret, name: "password", autocomplete: "current-password" });
  const byToken = el("div", {}, field("Token", token, "As made by: simplemq user add"));
  const byPassword = el("div", { hidden: true }, field("Name", user), field("Password", password));
  const way = segments(
    "Log in with",
    [["token", "Token"], ["password", "Password"]],
    "token",
    (chosen) => {
      byToken.hidden = chosen !== "token";
      byPassword.hidden = chosen === "token";
    },
  );
  const error = el("p", { class: "error", role: "alert" });
  const submit = el("button", { type: "submit", class: "main" }, "Log in");
  const form = el(
    "form",
    { class: "login", novalidate: true },
    el(
      "div",
      { class: "brand" },
      el("img", { src: "/assets/logo.svg", alt: "", width: 36, height: 36 }),
      el("h1", {}, "SimpleMQ"),
    ),
    session.hasPasswords ? way.element : null,
    byToken,
    byPassword,
    error,
    submit,
    session.user === null
      ? null
      : button(`Go on as ${session.user}`, () => onEnter(session), { class: "link" }),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const isToken = way.read() === "token";
    const missing = (isToken ? [token] : [user, password]).find((input) => input.value === "");
    if (missing !== undefined) {
      fill(error, "Fill in what is empty, please.");
      return missing.focus();
    }
    submit.disabled = true;
    fill(error);
    try {
      const body = isToken
        ? { token: token.value.trim() }
        : { user: user.value, password: password.value };
      onEnter(await ask("POST", "/api/login", { body }));
    } catch (refusal) {
      fill(error, explainLogin(refusal));
      submit.disabled = false;
      (isToken ? token : password).select();
    }
  });
  fill(host, el("main", { id: "main", class: "login-page", tabindex: -1 }, form));
  token.focus();
}

/** @param {unknown} error */
function explainLogin(error) {
  const wait = error instanceof ApiError ? error.retryAfterMs : undefined;
  const text = explainError(error);
  return wait === undefined ? text : `${text} Try again in ${Math.ceil(wait / 1000)} s.`;
}
