// Results of actions, in one place that stays on the screen: a line for successes, which goes by itself, and notices for
// warnings and errors, which stay.
import { $, $$, isPoll, on, openPanel } from "./dom.js";

const wordOf = (name) => $("#words").dataset[name];

// The status line: one at a time, for six seconds, longer under the pointer or the keyboard

const SECONDS = 6;
const results = $("#results");
const line = $("#status-line");
const region = $("#announce");
let timer;
let cameFrom;

function hideLine() {
  clearTimeout(timer);
  delete line.dataset.on;
  region.textContent = "";
}

function hideLater() {
  clearTimeout(timer);
  timer = setTimeout(() => { if (!line.matches(":hover, :focus-within")) hideLine(); }, SECONDS * 1000);
}

// A modal dialog silences what is outside of it, so the results move into the open panel and out again.
function follow() {
  const place = openPanel() ?? document.body;
  if (results.parentNode !== place) place.append(results);
}

function say(text, isShown) {
  follow();
  region.textContent = "";
  setTimeout(() => {
    region.textContent = text;
    if (isShown) line.dataset.on = "";
    else delete line.dataset.on;
    hideLater();
  }, 50);
}

for (const type of ["pointerenter", "focusin"]) on(type, () => clearTimeout(timer), line);
for (const type of ["pointerleave", "focusout"]) on(type, hideLater, line);
on("focusin", ({ relatedTarget }) => { if (!results.contains(relatedTarget)) cameFrom = relatedTarget; }, results);
on("click", ({ target }) => {
  const dismiss = target.closest("#status-line button, [data-dismiss]");
  if (!dismiss) return;
  const isInResults = results.contains(dismiss);
  if (line.contains(dismiss)) hideLine();
  else dismiss.closest(".notice").remove();
  if (isInResults && cameFrom?.isConnected) cameFrom.focus();
});
// A panel that is loaded anew takes the results out with what it held before.
on("htmx:afterSwap", () => { if (!results.isConnected) follow(); });
on("close", ({ target }) => { if (target.contains(results)) document.body.append(results); }, document, true);

// What the server said of an action before this page came; without scripts it stands above the page.
const notices = $("#notices");
if (notices) results.prepend(notices);

on("announce", ({ detail }) => say(typeof detail === "string" ? detail : detail.value, true));
on("whisper", ({ detail }) => say(detail, false));

// Notices: those of one action go when the next one starts

function listOf(items) {
  const list = document.createElement("ul");
  list.append(...items.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  return list;
}

function showNotice(text, tone = "danger", kind = "", items = []) {
  const copy = $("#notice-template").content.cloneNode(true);
  const notice = $(".notice", copy);
  const icon = $(`:scope > .icon.${tone}`, copy);
  notice.className = `notice tone-${tone}`;
  notice.dataset.said = kind;
  notice.setAttribute("role", tone === "danger" ? "alert" : "status");
  if (icon) $(":scope > .icon", notice).replaceWith(icon);
  $("[data-text]", notice).textContent = text;
  if (items.length) $(".notice-body > div", notice).append(listOf(items));
  for (const old of $$("[data-said]")) if ($("[data-text]", old).textContent === text) old.remove();
  follow();
  notices?.prepend(notice);
}

on("notice", ({ detail }) => showNotice(detail.text ?? detail.value, detail.tone ?? "info", "", detail.items));
on("htmx:sendError", ({ detail }) => { if (!isPoll(detail.elt)) showNotice(wordOf("offline"), "danger", "offline"); });
on("htmx:responseError", ({ detail }) => {
  const saysWhy = detail.xhr.getResponseHeader("HX-Trigger")?.includes('"notice"');
  const name = { 403: "forbidden", 404: "missing" }[detail.xhr.status] ?? "error";
  if (saysWhy || (name === "error" && isPoll(detail.elt))) return;
  showNotice(wordOf(name), name === "error" ? "danger" : "warning");
});

// A draft, sent by a change, is no action: what the last one said still stands.
on("htmx:beforeRequest", ({ detail: { requestConfig } }) => {
  if (requestConfig.verb === "get" || requestConfig.triggeringEvent?.type === "change") return;
  for (const old of $$("#notices > .notice, [data-said]")) old.remove();
});
on("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) for (const old of $$("[data-said='offline']")) old.remove();
});

