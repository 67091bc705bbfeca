// The Set up export pane: long lists can be searched and ticked at once, and a corrected field loses its error.
import { $, $$ } from "./dom.js";
import { worded } from "./words.js";

// Long lists

const linesOf = (list) => $$("[data-pick]", list);
// Neither case nor accents count, however they are composed.
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
const labels = new WeakMap();

function labelOf(line) {
  if (!labels.has(line)) labels.set(line, plain($("[data-pick-label]", line).textContent));
  return labels.get(line);
}

function find(list, text) {
  const wanted = plain(text.trim());
  const lines = linesOf(list);
  for (const word of $$("[data-pick-word]", list)) word.hidden = (word.dataset.pickWord === "shown") !== Boolean(wanted);
  for (const line of lines) line.hidden = !labelOf(line).includes(wanted);
  const found = $("[data-pick-found]", list);
  const shown = lines.filter((line) => !line.hidden).length;
  found.textContent = wanted ? worded(found.dataset.pickFound, shown, { all: lines.length }) : "";
}

// Those that the search left out stay as they are.
function tick(list, isOn) {
  const shown = linesOf(list).filter((line) => !line.hidden);
  const boxes = shown.map((line) => $("input[type='checkbox']:enabled", line)).filter((box) => box && box.checked !== isOn);
  for (const box of boxes) box.checked = isOn;
  for (const name of ["input", "change"]) boxes[0]?.dispatchEvent(new Event(name, { bubbles: true }));
}

document.addEventListener("input", ({ target }) => {
  if (target.matches("[data-pick-filter]")) find(target.closest("[data-pickable]"), target.value);
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-pick-filter]")) return;
  const hasText = event.key === "Escape" && event.target.value;
  if (event.key === "Enter" || hasText) event.preventDefault(); // neither saves nor closes the panel
  if (!hasText) return;
  event.stopPropagation();
  event.target.value = "";
  find(event.target.closest("[data-pickable]"), "");
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-pick-all], [data-pick-none]");
  if (button) tick(button.closest("[data-pickable]"), button.matches("[data-pick-all]"));
});

// A link that leads away opens in the panel only while nothing is typed: as a page the browser asks first

document.addEventListener("input", ({ target }) => {
  const pane = target.closest("[data-pane]");
  if (pane) pane.dataset.isTyped = "1";
});
document.addEventListener("htmx:confirm", (event) => {
  const link = event.detail.elt;
  if (!link.matches("[data-leaves]") || !link.closest("[data-is-typed]")) return;
  event.preventDefault();
  location.assign(link.href);
});

// Errors: what is touched is no longer wrong until the next save says so

const isWrong = (place) => place && ($("[aria-invalid='true'], .field-error", place) || place.matches("[aria-invalid='true']"));

// A line that does not fit stays an error until it is taken out of the choice itself.
const doesNotFit = (control) => control.closest("[data-pick]")?.querySelector(".checklist-error");

function forgive(place, touched) {
  if (touched.type === "checkbox" && !touched.checked) doesNotFit(touched)?.remove();
  for (const one of [place, ...$$("[aria-invalid='true']", place)]) if (!doesNotFit(one)) one.removeAttribute("aria-invalid");
  for (const error of $$(".field-error", place)) error.remove();
}

// The list at the top names only what is still wrong; what cannot be found on the page stays in it.
function shortenErrors() {
  for (const link of $$("#export-errors a")) {
    const isStill = isWrong(document.getElementById(link.hash.slice(1)));
    if (link.dataset.seen && !isStill) link.closest("li").remove();
    else if (isStill) link.dataset.seen = "1";
  }
  if (!$("#export-errors li")) $("#export-errors")?.remove();
}

function corrected({ target }) {
  if (!target.name || !target.closest("[data-pane]")) return;
  const place = target.closest("[data-judged-together]") ?? target.closest(".field");
  if (place && isWrong(place)) forgive(place, target);
  shortenErrors();
}
document.addEventListener("input", corrected);
document.addEventListener("htmx:afterSettle", shortenErrors);
shortenErrors();

// What is touched while an answer is under way is not in that answer: it is put into the new controls

const underWay = new Set();
const touched = new Map();

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!detail.elt.closest?.("[data-pane]")) return;
  underWay.add(detail.xhr);
  for (const [id, { control }] of touched) if (control.isConnected) touched.delete(id); // it is being sent now
});
document.addEventListener("htmx:afterRequest", ({ detail }) => underWay.delete(detail.xhr));
document.addEventListener("htmx:beforeSwap", ({ detail }) => { if (detail.target.id === "panel") touched.clear(); });

document.addEventListener("input", ({ target: control }) => {
  if (!underWay.size || !control.id || !control.name || !control.closest("[data-pane]")) return;
  touched.set(control.id, { control, value: control.value, checked: control.checked });
});

function putBack(id, { control, value, checked }) {
  const now = document.getElementById(id);
  if (control.isConnected || !now || now.disabled) return undefined;
  if (now.matches("[type='checkbox'], [type='radio']")) now.checked = checked;
  else now.value = value;
  touched.delete(id);
  return now;
}

// Before the next request that waits is sent, so that a save clicked meanwhile takes them along; told when htmx listens.
const putIn = [];
document.addEventListener("htmx:afterSwap", () => {
  putIn.push(...[...touched].map(([id, before]) => putBack(id, before)).filter(Boolean));
});
document.addEventListener("htmx:afterSettle", () => {
  const changed = putIn.splice(0).filter((control) => control.isConnected);
  changed.at(-1)?.dispatchEvent(new Event("change", { bubbles: true }));
});
