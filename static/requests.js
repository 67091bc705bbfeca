// Requests under way: a quiet bar after 300 ms, and controls that rest until the answer is there.
import { $, $$, isPoll, on } from "./dom.js";

const running = new Set();
let loadingTimer;

// A resting control keeps the focus, so it is not `disabled`; its clicks are let go by.
const isAwake = (control) => !control.disabled && !control.hasAttribute("aria-disabled");

function controlsOf(element) {
  if (element.matches?.("form")) return [...element.elements].filter((one) => one.type === "submit" && isAwake(one));
  return element.matches?.("button") && isAwake(element) ? [element] : [];
}

// What nobody sees is not asked for: a poll with this mark lets its turn go by while the tab is hidden.
on("htmx:beforeRequest", (event) => {
  if (document.hidden && "whileVisible" in event.detail.elt.dataset) event.preventDefault();
});

// What is not there any more, or no longer for this person, is not asked for again (notices.js says so once).
const ended = new WeakSet();
on("htmx:beforeRequest", (event) => { if (ended.has(event.detail.elt)) event.preventDefault(); });
on("htmx:responseError", ({ detail }) => {
  if (isPoll(detail.elt) && [403, 404].includes(detail.xhr.status)) ended.add(detail.elt);
});

// What a page asks by itself does not count as use of the session. It says which answer it got last, so that the
// server does not make the same one again (roles/ui/polls.py).
const signatures = new WeakMap();
on("htmx:configRequest", ({ detail }) => {
  if (isPoll(detail.elt)) detail.headers["Waybill-Poll"] = signatures.get(detail.elt) ?? "1";
});
on("htmx:beforeOnLoad", ({ detail }) => {
  if (isPoll(detail.elt)) signatures.set(detail.elt, detail.xhr.getResponseHeader("Waybill-Signature") ?? "1");
});

on("htmx:beforeRequest", ({ detail }) => {
  if (isPoll(detail.elt)) return;
  running.add(detail.xhr);
  detail.xhr.resting = detail.elt.matches("form[role='search']") ? [] : controlsOf(detail.elt);
  for (const control of detail.xhr.resting) {
    control.setAttribute("aria-disabled", "true");
    control.setAttribute("aria-busy", "true");
  }
  loadingTimer ??= setTimeout(() => { $("#loading").dataset.on = ""; }, 300);
});

on("htmx:afterRequest", ({ detail }) => {
  for (const control of detail.xhr.resting ?? []) {
    control.removeAttribute("aria-disabled");
    control.removeAttribute("aria-busy");
  }
  running.delete(detail.xhr);
  if (running.size) return;
  clearTimeout(loadingTimer);
  loadingTimer = undefined;
  delete $("#loading").dataset.on;
});

// A list that is told of a change while it is being drawn anew asks once more: its own request would go with it.
const toldAgain = new Set();
on("htmx:trigger", ({ target }) => {
  if (target.matches?.("[id].htmx-request[hx-trigger*='from:body']")) toldAgain.add(target.id);
});
on("htmx:afterSettle", ({ target }) => {
  if (toldAgain.delete(target.id) && target.isConnected) htmx.ajax("GET", target.getAttribute("hx-get"), { source: target });
});

on("click", (event) => {
  if (!event.target.closest?.("button[aria-disabled='true']")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, document, true);

on("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[hx-post],[hx-get]")) return;
  if (form.dataset.sent) event.preventDefault();
  else if (form.method === "post") form.dataset.sent = "1";
});
on("pageshow", () => { for (const form of $$("form[data-sent]")) delete form.dataset.sent; }, window);
