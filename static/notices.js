// What is said: successes in one line that goes by itself, warnings and errors in notices that stay.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const on = (type, handler, root = document) => root.addEventListener(type, handler);
const isPoll = (element) => element?.getAttribute?.("hx-trigger")?.includes("every") ?? false;
const wordOf = (name) => $("#words").dataset[name];
const openPanel = () => $("#panel:is(dialog)[open]");

// The status line: one at a time, for six seconds, longer under the pointer or the keyboard

const SECONDS = 6;
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

// A modal dialog silences what is outside of it, so the line moves into the open panel and out again.
function say(text, isShown) {
  const place = openPanel() ?? document.body;
  if (line.parentNode !== place) place.append(line);
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
on("focusin", ({ relatedTarget }) => { if (!line.contains(relatedTarget)) cameFrom = relatedTarget; }, line);
on("click", ({ target }) => {
  if (!target.closest("button")) return;
  hideLine();
  cameFrom?.focus();
}, line);
// A panel that is loaded anew takes the line out with what it held before.
on("htmx:afterSwap", () => { if (!line.isConnected) (openPanel() ?? document.body).append(line); });
document.addEventListener("close", ({ target }) => { if (target.contains(line)) document.body.append(line); }, true);

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
  const place = openPanel() ? $(".panel-body", openPanel()) : $("#notices");
  place?.prepend(notice);
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
on("click", ({ target }) => target.closest("[data-dismiss]")?.closest(".notice")?.remove());
