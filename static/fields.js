// The order of fields to include: buttons, keys and the pointer move a row here, and the form sends them as they stand.
import { $, $$ } from "./dom.js";

const rowsOf = (list) => [...list.children];
const boxOf = (row) => $(".column-include", row);
const namesOf = (list) => rowsOf(list).filter((row) => boxOf(row).checked).map((row) => boxOf(row).value);
const fieldsetOf = (element) => element.closest("fieldset");

// What is shown of the records follows at once; of several tables it does with the next answer.
function orderPreview(before, after) {
  if ($$("#export-fields .column-list").length > 1) return;
  for (const line of $$("#export-preview tr")) {
    const cells = [...line.children];
    if (cells.length !== after.length) return;
    line.append(...after.map((name) => cells[before.indexOf(name)]));
  }
}

function say(fieldset, text) {
  $("[data-said]", fieldset).textContent = text;
}

function sayPlace(row) {
  const rows = rowsOf(row.parentElement);
  const words = { name: boxOf(row).value, place: rows.indexOf(row) + 1, all: rows.length };
  const { moved } = fieldsetOf(row).dataset;
  say(fieldsetOf(row), Object.entries(words).reduce((text, [name, value]) => text.replace(`{${name}}`, value), moved));
}

// What is moved while an answer is under way is not in that answer: the new rows are put in the same order.
const movedWhile = new Map();
let underWay = 0;
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!detail.elt.closest?.("[data-pane]")) return;
  underWay += 1;
  movedWhile.clear(); // it is being sent now
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.elt.closest?.("[data-pane]")) underWay = Math.max(0, underWay - 1);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const [id, { list, order }] of movedWhile) {
    const now = $(`#${id} .column-list`);
    if (!now || list.isConnected) continue;
    const place = (row) => order.indexOf(boxOf(row).value);
    now.append(...rowsOf(now).sort((one, other) => place(one) - place(other)));
    movedWhile.delete(id);
  }
});

function change(list, move) {
  const before = namesOf(list);
  const held = document.activeElement;
  const { scrollTop } = list;
  move();
  list.scrollTop = scrollTop;
  if (list.contains(held)) {
    held.focus();
    held.closest("li").scrollIntoView({ block: "nearest" });
  }
  orderPreview(before, namesOf(list));
  list.closest("[data-pane]").dataset.isTyped = "1";
  if (underWay) movedWhile.set(fieldsetOf(list).id, { list, order: rowsOf(list).map((row) => boxOf(row).value) });
}

// A row moves among those that a search shows.
function goalOf(row, way) {
  const shown = rowsOf(row.parentElement).filter((one) => !one.hidden);
  const place = shown.indexOf(row);
  return { top: shown.at(0), up: shown[place - 1], down: shown[place + 1], bottom: shown.at(-1) }[way];
}

function move(row, way) {
  const goal = goalOf(row, way);
  if (goal && goal !== row) change(row.parentElement, () => (way === "down" || way === "bottom" ? goal.after(row) : goal.before(row)));
  sayPlace(row);
}

function reset(fieldset) {
  const list = $(".column-list", fieldset);
  const key = (row) => [boxOf(row).checked ? 0 : 1, Number(row.dataset.place)];
  const inOrder = rowsOf(list).sort((one, other) => key(one)[0] - key(other)[0] || key(one)[1] - key(other)[1]);
  change(list, () => list.append(...inOrder));
  list.scrollTop = 0;
  say(fieldset, fieldset.dataset.reset);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pane] [data-move]");
  if (!button) return;
  event.preventDefault();
  if (button.dataset.move === "reset") reset(fieldsetOf(button));
  else move(button.closest("li"), button.dataset.move);
});

const WAYS = { ArrowUp: "up", ArrowDown: "down", Home: "top", End: "bottom" };
document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("[data-pane] .column-row");
  const way = WAYS[event.key];
  if (!row || !way || !$("[data-grip]", row) || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  move(row, way);
});

// Dragging, with a mouse or a finger; Esc puts the row back

let drag;

function follow({ clientX, clientY }) {
  const { row, list } = drag;
  const { top, bottom } = list.getBoundingClientRect();
  if (clientY < top + 24) list.scrollTop -= 12;
  if (clientY > bottom - 24) list.scrollTop += 12;
  const over = document.elementFromPoint(clientX, clientY)?.closest(".column-row");
  if (!over || over === row || over.parentElement !== list) return;
  const box = over.getBoundingClientRect();
  const isBelow = Boolean(row.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING);
  const isPast = isBelow ? clientY > box.top + box.height / 3 : clientY < box.bottom - box.height / 3;
  if (isPast) over[isBelow ? "after" : "before"](row);
}

function drop(isKept) {
  const { row, list, next } = drag;
  drag = undefined;
  delete row.dataset.dragged;
  const goal = row.nextElementSibling;
  list.insertBefore(row, next);
  if (isKept && goal !== next) change(list, () => list.insertBefore(row, goal));
  if (isKept) sayPlace(row);
}

document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest("[data-pane] [data-grip]");
  if (!grip || event.button) return;
  event.preventDefault();
  const row = grip.closest("li");
  drag = { row, list: row.parentElement, next: row.nextElementSibling };
  row.dataset.dragged = "";
});
document.addEventListener("pointermove", (event) => { if (drag) follow(event); });
document.addEventListener("pointerup", () => { if (drag) drop(true); });
document.addEventListener("pointercancel", () => { if (drag) drop(false); });
document.addEventListener("keydown", (event) => {
  if (!drag || event.key !== "Escape") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  drop(false);
}, true);
