// The keys: the table in the list of keys says which key does what (roles/ui/keys.py); here and in other scripts is how.
import { $, $$, on, isTyping } from "./dom.js";

const list = $("#keys");
const combinations = new Map($$("[data-key]", list).map(({ dataset }) => [dataset.key, dataset.keys.split(" ")]));
const STORED = "waybill-single-keys";
const isSingle = (key) => key.length === 1;
let areSinglesOff = false;

try {
  areSinglesOff = localStorage.getItem(STORED) === "off";
} catch {
  // Storage can be refused; the keys then work.
}

function matches(event, combination) {
  const parts = combination.split("+");
  const key = parts.at(-1) === "Space" ? " " : parts.at(-1);
  if (event.ctrlKey !== parts.includes("Control") || event.metaKey !== parts.includes("Meta") || event.altKey) return false;
  if (areSinglesOff && isSingle(key) && key !== " ") return false;
  return isSingle(key) ? event.key.toLowerCase() === key : event.key === key;
}

// Whether an event is of the keys that the table names so.
export const isKey = (name, event) => !event.isComposing && (combinations.get(name) ?? []).some((one) => matches(event, one));

// Saving from anywhere in a form, by the button that stands first for it

const MAIN = [".panel-footer :is(.button-primary, .button-danger-solid)", ".button-primary", ".button-danger-solid"];

function mainButton(form) {
  const buttons = [...form.elements].filter((one) => one.type === "submit" && !one.disabled);
  const shown = buttons.filter((one) => one.checkVisibility() && !one.matches(".visually-hidden"));
  return MAIN.map((kind) => shown.find((one) => one.matches(kind))).find(Boolean) ?? shown[0] ?? buttons[0];
}

on("keydown", (event) => {
  if (!isKey("save", event)) return;
  const place = event.target.closest?.("dialog, form") ?? $("#panel");
  const form = event.target.form ?? event.target.closest?.("form") ?? $("form.panel, form[method='dialog']", place);
  const button = form?.matches("[role='search']") ? undefined : form && mainButton(form);
  if (!button) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!event.repeat) button.click();
}, document, true);

// The list of keys

function showKeys() {
  if (!list || list.open) return;
  $("#keys-single").checked = !areSinglesOff;
  list.showModal();
}

on("keydown", (event) => {
  if (event.defaultPrevented || !isKey("keys", event) || isTyping(event.target) || $("#confirm[open]")) return;
  event.preventDefault();
  showKeys();
});
on("click", ({ target }) => {
  if (target.closest("[data-open-keys]")) showKeys();
  else if (target === list) list.close();
});
on("change", ({ target }) => {
  if (target.id !== "keys-single") return;
  areSinglesOff = !target.checked;
  try {
    localStorage.setItem(STORED, areSinglesOff ? "off" : "on");
  } catch {
    // Storage can be refused; the choice then lasts for this page.
  }
});
