// Lists: what is selected, what the keyboard does, menus.
import { $, $$, isTyping } from "./dom.js";
import { isKey } from "./keys.js";
import { worded } from "./words.js";

const root = document.documentElement;
let chosen = new Set();

// Selection

const boxes = () => $$(".list [data-select]");

function showSelection() {
  const all = boxes();
  const checked = all.filter((box) => box.checked);
  chosen = new Set(checked.map((box) => box.value));
  if (checked.length) root.dataset.selected = checked.length === 1 ? "one" : "many";
  else delete root.dataset.selected;
  for (const count of $$("[data-selected-count]")) count.textContent = worded(count.dataset.selectedCount, checked.length);
  for (const head of $$("[data-select-all]")) {
    head.checked = checked.length > 0 && checked.length === all.length;
    head.indeterminate = checked.length > 0 && checked.length < all.length;
  }
  offerCommands(checked.map((box) => box.closest("tr")));
  document.dispatchEvent(new Event("selection:shown"));
}

// data-needs names a right; rows list theirs in data-can. A command that no selected row allows is not offered.
function offerCommands(rows) {
  for (const command of $$(".command[data-needs]")) {
    const can = (row) => (row?.dataset.can ?? "").split(" ").includes(command.dataset.needs);
    command.hidden = rows.length > 0 && !rows.some(can);
  }
  const canNothing = (row) => row?.dataset.can?.startsWith("view");
  for (const note of $$("[data-view-only]")) note.hidden = !rows.every(canNothing);
}

// What a command was about is no longer selected once it is done.
function unselect(keys) {
  const done = boxes().filter((box) => box.checked && keys.includes(box.value));
  if (!done.length) return;
  for (const box of done) box.checked = false;
  showSelection();
  document.dispatchEvent(new Event("selection:done"));
}

document.addEventListener("htmx:afterRequest", ({ detail: { xhr, successful, requestConfig } }) => {
  if (!successful || requestConfig.verb === "get" || !xhr.getResponseHeader("HX-Trigger")?.includes("exports:changed")) return;
  const form = requestConfig.formData.getAll("id");
  unselect(form.length ? form : [...requestConfig.path.matchAll(/\/(\d+)\//g)].map(([, key]) => key));
});

function clearSelection() {
  for (const box of boxes()) box.checked = false;
  showSelection();
  const head = $("[data-select-all]");
  (head?.checkVisibility() ? head : boxes()[0])?.focus();
}

// A one-row command does what the same action in the row's own menu does.
function runRowAction(name) {
  const row = $(".list [data-select]:checked")?.closest("tr");
  $(`[data-action="${name}"]`, row)?.click();
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-select-all]")) for (const box of boxes()) box.checked = target.checked;
  if (target.matches("[data-select-all], [data-select]")) showSelection();
});

document.addEventListener("htmx:afterSettle", () => {
  for (const box of boxes()) box.checked ||= chosen.has(box.value);
  showSelection();
});

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-clear-selection]")) clearSelection();
  const command = target.closest("[data-row-action]");
  if (command) runRowAction(command.dataset.rowAction);
});

// Menus: one open at a time; Esc, a click elsewhere or a choice closes; arrows move

const openMenus = () => $$("details[data-menu][open]");

function closeMenus(except) {
  for (const menu of openMenus()) if (menu !== except) menu.open = false;
}

function placeMenu(menu) {
  const list = $(".menu-list", menu);
  menu.classList.remove("menu-up");
  const { bottom, height } = list.getBoundingClientRect();
  const hasRoomAbove = menu.getBoundingClientRect().top > height + 110;
  menu.classList.toggle("menu-up", bottom > innerHeight && hasRoomAbove);
}

document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.("details[data-menu]") || !target.open) return;
  closeMenus(target);
  placeMenu(target);
}, true);

document.addEventListener("click", ({ target }) => {
  const menu = target.closest("details[data-menu]");
  closeMenus(menu);
  if (!menu || !target.closest(".menu-item, .menu-list > .command")) return;
  if (menu.contains(document.activeElement)) $("summary", menu).focus();
  menu.open = false;
});

function moveInMenu(menu, step) {
  const items = $$(".menu-item:enabled, a.menu-item, .menu-list > .command", menu).filter((item) => item.checkVisibility());
  const place = items.indexOf(document.activeElement);
  items.at((place + step + items.length) % items.length)?.focus();
}

function menuKey(event, menu) {
  if (event.key === "Escape") {
    menu.open = false;
    $("summary", menu).focus();
  } else if (event.key === "ArrowDown") moveInMenu(menu, 1);
  else if (event.key === "ArrowUp") moveInMenu(menu, document.activeElement.matches("summary") ? 0 : -1);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// Rows: arrows move between them, Space selects, Enter opens (a link does that by itself)

function moveInList(event, row) {
  const rows = $$("tbody tr", row.closest("table"));
  const targets = {
    "row-next": rows[rows.indexOf(row) + 1],
    "row-previous": rows[rows.indexOf(row) - 1],
    "row-first": rows.at(0),
    "row-last": rows.at(-1),
  };
  const target = targets[Object.keys(targets).find((name) => isKey(name, event))];
  if (!target) return;
  event.preventDefault();
  (event.target.matches("[data-select]") ? $("[data-select]", target) : $(".row-link", target))?.focus();
}

function toggleRow(event, row) {
  const box = $("[data-select]", row);
  if (!box || !event.target.matches(".row-link")) return;
  event.preventDefault();
  box.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target } = event;
  const menu = target.closest("details[data-menu][open]");
  if (menu) return menuKey(event, menu);
  if (event.key === "Escape") closeMenus();
  const row = target.closest(".list tbody tr");
  if (isKey("search", event) && !isTyping(target) && !$("dialog[open]")) {
    event.preventDefault();
    $("#search")?.focus();
  } else if (isKey("row-next", event) && target.id === "search") {
    $(".list .row-link")?.focus();
  } else if (row && !isTyping(target)) {
    if (isKey("select", event)) toggleRow(event, row);
    else moveInList(event, row);
  }
});

// What the browser kept checked when it came back to the page counts as selected.
addEventListener("pageshow", showSelection);
