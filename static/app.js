// The little that pages need beyond htmx. Every part leaves a working page behind when scripts are off.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const on = (type, handler, root = document, options = false) => root.addEventListener(type, handler, options);
const root = document.documentElement;
const wordOf = (name) => $("#words").dataset[name];

// Announcements and notices

function announce(text) {
  const region = $("#announce");
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
}

function showNotice(text, tone = "danger") {
  const copy = $("#notice-template").content.cloneNode(true);
  const notice = $(".notice", copy);
  const icon = $(`:scope > .icon.${tone}`, copy);
  notice.className = `notice tone-${tone}`;
  notice.setAttribute("role", tone === "danger" ? "alert" : "status");
  if (icon) $(":scope > .icon", notice).replaceWith(icon);
  $("[data-text]", notice).textContent = text;
  const place = isPanelOpen() ? $(".panel-body", panel()) : $("#notices");
  place?.prepend(notice);
}

on("announce", ({ detail }) => announce(typeof detail === "string" ? detail : detail.value));
on("notice", ({ detail }) => showNotice(detail.text ?? detail.value, detail.tone ?? "info"));
on("htmx:sendError", ({ detail }) => { if (!isPoll(detail.elt)) showNotice(wordOf("offline")); });
on("htmx:responseError", ({ detail }) => {
  const name = { 403: "forbidden", 404: "missing" }[detail.xhr.status] ?? "error";
  showNotice(wordOf(name), name === "error" ? "danger" : "warning");
});

// Loading bar after 300 ms; the controls of a request rest while it runs

const isPoll = (element) => element.getAttribute?.("hx-trigger")?.includes("every") ?? false;
const running = new Set();
let loadingTimer;

function controlsOf(element) {
  if (element.matches?.("form")) return [...element.elements].filter((one) => one.type === "submit" && !one.disabled);
  return element.matches?.("button:enabled") ? [element] : [];
}

on("htmx:beforeRequest", ({ detail }) => {
  if (isPoll(detail.elt)) return;
  running.add(detail.xhr);
  detail.xhr.resting = detail.elt.matches("form[role='search']") ? [] : controlsOf(detail.elt);
  for (const control of detail.xhr.resting) {
    control.disabled = true;
    control.setAttribute("aria-busy", "true");
  }
  loadingTimer ??= setTimeout(() => { $("#loading").dataset.on = ""; }, 300);
});

on("htmx:afterRequest", ({ detail }) => {
  for (const control of detail.xhr.resting ?? []) {
    control.disabled = false;
    control.removeAttribute("aria-busy");
  }
  running.delete(detail.xhr);
  if (running.size) return;
  clearTimeout(loadingTimer);
  loadingTimer = undefined;
  delete $("#loading").dataset.on;
});

on("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[hx-post],[hx-get]")) return;
  if (form.dataset.sent) event.preventDefault();
  else if (form.method === "post") form.dataset.sent = "1";
});
on("pageshow", () => { for (const form of $$("form[data-sent]")) delete form.dataset.sent; }, window);

// The confirm dialog: a form or its button asks through data-confirm-title, -text and -action

function ask(title, text, action) {
  const dialog = $("#confirm");
  $("#confirm-title").textContent = title;
  $("#confirm-text").textContent = text ?? "";
  $("#confirm-action").textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    on("close", () => resolve(dialog.returnValue === "yes"), dialog, { once: true });
  });
}

function questionOf(form, submitter) {
  const source = [submitter, form].find((one) => one?.dataset?.confirmTitle);
  return source && [source.dataset.confirmTitle, source.dataset.confirmText, source.dataset.confirmAction];
}

on("htmx:confirm", async (event) => {
  const { elt, triggeringEvent, issueRequest } = event.detail;
  const question = questionOf(elt, triggeringEvent?.submitter);
  if (!question) return;
  event.preventDefault();
  if (!(await ask(...question))) return;
  elt.dataset.confirmed = "1";
  issueRequest(true);
});

on("htmx:configRequest", ({ detail }) => {
  if (detail.elt.dataset.confirmed) detail.parameters.confirmed = "1";
  delete detail.elt.dataset.confirmed;
  if (detail.elt.matches("form.search")) keepQuery(detail.parameters);
});

on("submit", async (event) => {
  const form = event.target;
  const question = questionOf(form, event.submitter);
  const byHtmx = form.matches("[hx-post],[hx-get]") || event.submitter?.matches("[hx-post],[hx-get]");
  if (!question || byHtmx || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await ask(...question))) return;
  form.dataset.confirmed = "1";
  const mark = Object.assign(document.createElement("input"), { type: "hidden", name: "confirmed", value: "1" });
  form.append(mark);
  form.requestSubmit(event.submitter);
}, document, true);

// A search keeps sort and filters as the address bar has them now, not as they were when the page came
function keepQuery(parameters) {
  const form = $("form.search");
  const own = form ? [$("input[type='search']", form).name, "page"] : [];
  for (const hidden of $$("form.search input[type='hidden']")) delete parameters[hidden.name];
  for (const [key, value] of new URLSearchParams(location.search)) if (!own.includes(key)) parameters[key] = value;
}

// The panel

const panel = () => $("#panel");
const isDialog = () => panel()?.matches("dialog") ?? false;
const isPanelOpen = () => isDialog() && panel().open;
const contentOf = (form) => JSON.stringify([...new FormData(form)].map(([key, value]) => [key, value.name ?? value]));
let opener;
let isDirty = false;
let typed;

function isUnsaved() {
  const form = panel() && $("form:not([data-no-guard])", panel());
  return isDirty || (form && typed !== undefined && contentOf(form) !== typed);
}

function remember() {
  const form = $("form:not([data-no-guard])", panel());
  typed = form ? contentOf(form) : undefined;
}

function focusIn(place) {
  const target = $("[aria-invalid='true']:not([type='hidden'])", place) ?? $("[autofocus]", place) ?? $(".panel-title", place);
  target?.focus();
  target?.scrollIntoView?.({ block: "nearest" });
}

on("htmx:beforeSwap", ({ detail }) => {
  if (detail.target?.id !== "panel") return;
  if (isPanelOpen() || !isDialog()) isDirty = Boolean(isUnsaved());
});

on("htmx:afterSwap", ({ detail }) => {
  if (detail.target?.id !== "panel") return;
  if (isDialog() && !panel().open) {
    opener = { element: document.activeElement, id: document.activeElement?.id };
    isDirty = false;
    panel().showModal();
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
  if (isDialog()) panel().close();
  else if (panel()) location.assign($("[data-close]", panel())?.href ?? "../");
}

async function closePanel() {
  const { discardTitle, discardText, discardAction } = panel().dataset;
  if (!isUnsaved() || (await ask(discardTitle, discardText, discardAction))) leavePanel();
}

on("panel:close", () => { if (panel() && (!isDialog() || panel().open)) leavePanel(); });

on("click", (event) => {
  if (!panel()) return;
  const close = event.target.closest("#panel [data-close]");
  const isBackdrop = event.target === panel() && isPanelOpen() && event.offsetX < 0;
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
  const back = opener?.element?.isConnected ? opener.element : opener?.id && document.getElementById(opener.id);
  back?.focus?.();
}, document, true);

on("beforeunload", (event) => {
  const isSending = $("form[data-sent]");
  if (!isSending && panel() && isUnsaved()) event.preventDefault();
}, window);

// Small parts: themes, copy, dismiss, sums of a check list

function setTheme(value) {
  if (value) root.dataset.theme = value;
  else delete root.dataset.theme;
  try {
    localStorage.setItem("waybill-theme", value);
  } catch {
    // Storage can be refused; the choice then lasts for this page.
  }
}

function sumChecklist(list) {
  const output = $("[data-summary]", list);
  const chosen = $$("input:checked", list);
  const grouped = (value) => new Intl.NumberFormat(root.lang || undefined).format(value);
  const people = chosen.reduce((sum, box) => sum + Number(box.dataset.count ?? 0), 0);
  if (output) output.value = output.dataset.summary.replace("{n}", grouped(chosen.length)).replace("{sum}", grouped(people));
}

async function copyText(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.dataset.done = "";
  announce(button.dataset.doneText);
  setTimeout(() => delete button.dataset.done, 1500);
}

on("change", ({ target }) => {
  if (target.matches(".theme-choice input")) setTheme(target.value);
  const list = target.closest("[data-checklist]");
  if (list) sumChecklist(list);
});

on("click", ({ target }) => {
  const copy = target.closest("[data-copy]");
  if (copy) copyText(copy);
  target.closest("[data-dismiss]")?.closest(".notice").remove();
});

for (const choice of $$(".theme-choice input")) choice.checked = choice.value === (root.dataset.theme ?? "");
