// The little that pages need beyond htmx. Every part leaves a working page behind when scripts are off.
import { $, $$, giveFocus, on, tell } from "./dom.js";
import { worded } from "./words.js";

const root = document.documentElement;

// A search keeps sort and filters as the address bar has them now, not as they were when the page came

on("htmx:configRequest", ({ detail }) => {
  if (detail.elt.matches("form.search")) keepQuery(detail.parameters);
});

function keepQuery(parameters) {
  const form = $("form.search");
  const own = form ? [$("input[type='search']", form).name, "page"] : [];
  for (const hidden of $$("form.search input[type='hidden']")) delete parameters[hidden.name];
  if (form && !parameters[own[0]]) delete parameters[own[0]];
  for (const [key, value] of new URLSearchParams(location.search)) if (!own.includes(key)) parameters[key] = value;
}

// A link within the page leads to its place without an entry in the history; Back stays what it was.

const CONTROLS = ["a[href]", "button:enabled", "input:enabled:not([type='hidden'])", "select:enabled", "textarea:enabled", "[tabindex]"].join();

// Of a group of controls the first; of a text the text itself.
function placeOf(link) {
  const place = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  return place?.matches(CONTROLS) ? place : $(CONTROLS, place) ?? place;
}

function unfold(place) {
  for (let folded = place.closest("details"); folded; folded = folded.parentElement.closest("details")) folded.open = true;
}

on("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  const place = link && !event.defaultPrevented && placeOf(link);
  if (!place) return;
  event.preventDefault();
  unfold(place);
  if (!giveFocus(place, "center")) giveFocus(Object.assign(place, { tabIndex: -1 }), "center");
});

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

// Browsers give the clipboard to secure pages only; before a plain address the older way is left.
async function write(text, near) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = Object.assign(document.createElement("textarea"), { value: text });
  near.after(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  near.focus();
  return undefined;
}

// Without a text of its own a button copies the address of what is shown.
async function copyText(button) {
  await write(button.dataset.copy || location.href, button);
  button.dataset.done = "";
  tell("whisper", button.dataset.doneText);
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
