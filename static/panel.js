// The panel: what it asks before it closes, where its focus is, and its address.
import { ask, isAsking, stopAsking } from "./confirm.js";
import { $, $$, isDialog, on, openPanel, panel, tell } from "./dom.js";

const root = document.documentElement;
const contentOf = (form) => JSON.stringify([...new FormData(form)].map(([key, value]) => [key, value.name ?? value]));
let isDirty = false;
let typed;

function isUnsaved() {
  const form = $("form:not([data-no-guard])", panel());
  return isDirty || (form && typed !== undefined && contentOf(form) !== typed);
}

function remember() {
  const form = $("form:not([data-no-guard])", panel());
  typed = form ? contentOf(form) : undefined;
}

function focusIn(place) {
  const target = $("[autofocus]:has([data-must-see])", place) ?? $("[aria-invalid='true']:not([type='hidden'])", place) ?? $("[autofocus]", place) ?? $(".panel-title", place);
  target?.focus();
  target?.scrollIntoView?.({ block: "nearest" });
}

on("htmx:beforeSwap", ({ detail }) => {
  if (detail.target?.id !== "panel") return;
  if (openPanel() || !isDialog()) isDirty = Boolean(isUnsaved());
});

on("htmx:afterSwap", ({ detail }) => {
  if (detail.target?.id !== "panel") return;
  if (isDialog()) {
    current = nameOf(detail);
    if (!panel().open) {
      isDirty = false;
      panel().showModal();
    }
    mark();
  }
  remember();
});

on("htmx:afterSettle", ({ detail }) => {
  if (detail.target?.id !== "panel") return;
  const held = document.activeElement;
  const isInvalid = $("[aria-invalid='true']", panel());
  if (isInvalid || !panel().contains(held) || held.matches("[data-close]")) focusIn(panel());
});

function leavePanel() {
  isDirty = false;
  typed = undefined;
  if (isDialog()) {
    panel().close();
    unmark();
  } else if (panel()) location.assign($("[data-close]", panel())?.href ?? "../");
}

async function closePanel() {
  const { discardTitle, discardText, discardAction, discardKeep } = panel().dataset;
  if (!isUnsaved() || (await ask(discardTitle, discardText, discardAction, discardKeep))) leavePanel();
}

// What was typed is saved, and the panel shows something else now.
on("panel:saved", () => {
  isDirty = false;
  remember();
});

// The session ended: what is typed is not left for the log-in page (session.js says what to do).
on("htmx:beforeOnLoad", (event) => {
  const door = event.detail.xhr.getResponseHeader("HX-Redirect");
  if (!door?.startsWith($("#session-template")?.dataset.door) || !panel() || !isUnsaved()) return;
  event.preventDefault();
  tell("session:ended", door);
});

on("panel:close", () => { if (panel() && (!isDialog() || panel().open)) leavePanel(); });

on("click", (event) => {
  if (!panel()) return;
  const close = event.target.closest("#panel [data-close]");
  const isBackdrop = event.target === panel() && openPanel() && event.offsetX < 0;
  if (!isBackdrop && (!close || (!isDialog() && !isUnsaved()))) return;
  event.preventDefault();
  closePanel();
});

on("cancel", (event) => {
  if (event.target !== panel()) return;
  event.preventDefault();
  closePanel();
}, document, true);

on("close", (event) => {
  if (event.target !== panel()) return;
  panel().replaceChildren();
}, document, true);

on("beforeunload", (event) => {
  const isSending = $("form[data-sent]");
  if (!isSending && panel() && isUnsaved()) event.preventDefault();
}, window);

if (panel() && !isDialog()) remember();

// The address: an open panel has an entry of its own in the history, with ?panel=<its path> on the page's own address,
// so that links and polls of the page stay what they are. Below it lies the page's entry, to which Back leads.

const NAME = "panel";
let current = ""; // what ?panel= says; "" for a panel that cannot be opened again
let isGoingBack = false;
const isMarked = () => typeof history.state?.panel === "string";
const within = (path) => (path.startsWith(panel().dataset.base) ? path.slice(panel().dataset.base.length) : "");

function addressWith(name) {
  const { pathname, search } = location;
  const query = new URLSearchParams(search);
  query.delete(NAME);
  const value = encodeURIComponent(name).replaceAll("%2F", "/");
  const all = [query.toString(), name && `${NAME}=${value}`].filter(Boolean).join("&");
  return pathname + (all && `?${all}`);
}

let under = addressWith(""); // the address of the page that is shown

// Where a panel that was answered can be opened again: a POST says so, or leaves the address as it is.
function nameOf({ xhr, requestConfig }) {
  const asked = new URL(requestConfig.path, location.href);
  const isGet = requestConfig.verb === "get";
  const came = new URL((!isGet && xhr.getResponseHeader("Waybill-Panel")) || xhr.responseURL, location.href);
  const isElsewhere = came.pathname !== asked.pathname;
  if (isGet || isElsewhere) return within(came.pathname + came.search);
  const isSame = within(asked.pathname) === current.split("?")[0];
  return xhr.status === 422 || isSame ? current : "";
}

function mark() {
  panel().toggleAttribute("data-addressed", Boolean(current));
  if (isGoingBack) return;
  if (!isMarked()) {
    history.replaceState(history.state, "", addressWith(""));
    history.pushState({ panel: current }, "", addressWith(current));
  } else history.replaceState({ panel: current }, "", addressWith(current));
}

function unmark() {
  if (!isMarked()) return;
  isGoingBack = true;
  history.back();
}

function open(name) {
  const path = panel().dataset.base + name;
  const links = $$("[hx-get][hx-target='#panel']").filter((link) => link.getAttribute("hx-get") === path);
  const source = links.find((link) => link.checkVisibility()) ?? links[0] ?? panel();
  htmx.ajax("GET", path, { target: "#panel", source });
}

// What could not be opened is not in the address any more.
for (const type of ["htmx:responseError", "htmx:sendError"]) {
  on(type, ({ detail }) => {
    if (detail.target?.id === "panel" && isDialog() && !openPanel()) history.replaceState(null, "", addressWith(""));
  });
}

// Before htmx hears of it, which would load the whole page again.
on("popstate", (event) => {
  if (!isDialog()) return;
  const wanted = history.state?.panel;
  if (!isGoingBack && !openPanel() && wanted === undefined) return;
  event.stopImmediatePropagation();
  if (addressWith("") !== under) location.reload(); // several steps at once, to another list
  else if (isGoingBack) {
    isGoingBack = false;
    if (openPanel()) mark();
  } else if (!openPanel()) {
    if (wanted) open(wanted);
  } else if (wanted === undefined) {
    const wasAsking = isAsking();
    if (wasAsking || isUnsaved()) history.forward();
    if (wasAsking) stopAsking();
    else closePanel();
  } else if (wanted !== current) location.reload();
}, window, true);
for (const type of ["htmx:pushedIntoHistory", "htmx:replacedInHistory"]) on(type, () => { under = addressWith(""); });
on("popstate", () => { under = addressWith(""); }, window);

if (isDialog()) {
  if (panel().dataset.open) open(within(panel().dataset.open));
  else if (new URLSearchParams(location.search).has(NAME)) history.replaceState(null, "", addressWith(""));
}

// What has to be seen before it is saved, such as a fingerprint: its box is ticked, and both are on the screen.

const isSeen = (place) => {
  const { top, bottom } = ($(".panel-body", panel()) ?? root).getBoundingClientRect();
  const shown = place.getBoundingClientRect();
  return shown.top >= Math.max(top, 0) - 1 && shown.bottom <= Math.min(bottom, innerHeight) + 1;
};

on("submit", (event) => {
  const place = $("[data-must-see]", event.target);
  const box = $("input[type='checkbox']", place);
  if (!place || (box.checked && isSeen(place))) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  box.focus({ preventScroll: true });
  place.scrollIntoView({ block: "center" });
  tell("announce", place.dataset.mustSeeText);
}, document, true);
