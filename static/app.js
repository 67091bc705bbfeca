// The little that pages need beyond htmx. Every part leaves a working page behind when scripts are off.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const on = (type, handler, root = document, options = false) => root.addEventListener(type, handler, options);
const root = document.documentElement;

// The confirm dialog: a form or its button asks through data-confirm-title, -text and -action

function ask(title, text, action, keep) {
  const dialog = $("#confirm");
  const cancel = $("#confirm-cancel");
  $("#confirm-title").textContent = title;
  $("#confirm-text").textContent = text ?? "";
  $("#confirm-action").textContent = action;
  cancel.textContent = keep ?? cancel.dataset.text;
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
  if (form && !parameters[own[0]]) delete parameters[own[0]];
  for (const [key, value] of new URLSearchParams(location.search)) if (!own.includes(key)) parameters[key] = value;
}

// The panel

const panel = () => $("#panel");
const isDialog = () => panel()?.matches("dialog") ?? false;
const isPanelOpen = () => isDialog() && panel().open;
const contentOf = (form) => JSON.stringify([...new FormData(form)].map(([key, value]) => [key, value.name ?? value]));
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
    isDirty = false;
    panel().showModal();
    markHistory();
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
    unmarkHistory();
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
  document.dispatchEvent(new CustomEvent("session:ended", { detail: door }));
});

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
}, document, true);

on("beforeunload", (event) => {
  const isSending = $("form[data-sent]");
  if (!isSending && panel() && isUnsaved()) event.preventDefault();
}, window);

if (panel() && !isDialog()) remember();

// Back closes the panel: an open one has an entry of its own in the history, at the same address

let isGoingBack = false;
const isMarked = () => Boolean(history.state?.panel);

function markHistory() {
  if (!isMarked() || isGoingBack) history.pushState({ panel: true }, "");
}

function unmarkHistory() {
  if (!isMarked()) return;
  isGoingBack = true;
  history.back();
}

// Before htmx hears of it, which would load the whole page again.
on("popstate", (event) => {
  const isOurs = isGoingBack || isPanelOpen();
  if (isOurs) event.stopImmediatePropagation();
  if (isGoingBack) {
    isGoingBack = false;
    if (isPanelOpen()) markHistory();
  } else if (isPanelOpen() && !isMarked()) {
    const isAsking = $("#confirm").open;
    if (isAsking || isUnsaved()) history.forward();
    if (isAsking) $("#confirm").close();
    else closePanel();
  }
}, window, true);

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
  if (!output) return;
  const sum = chosen.reduce((before, box) => before + Number(box.dataset.count ?? 0), 0);
  const { summary, sum: words, all } = output.dataset;
  output.textContent = [worded(summary, chosen.length, all ? { all } : {}), ...(words ? [worded(words, sum)] : [])].join(" · ");
}

async function copyText(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.dataset.done = "";
  document.dispatchEvent(new CustomEvent("whisper", { detail: button.dataset.doneText }));
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
});

for (const choice of $$(".theme-choice input")) choice.checked = choice.value === (root.dataset.theme ?? "");
