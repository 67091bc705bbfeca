// Focus: neither a swap nor a closed panel nor a command that goes leaves it on the page's body.
import { $, $$, giveFocus, isPoll, on, openPanel } from "./dom.js";

const byId = (id) => (id ? document.getElementById(id) : null);
let held; // the place of the focus before a swap
let opener; // the place from which the panel was opened
let openRows = []; // rows whose menu was open before a swap

const isUsable = (element) =>
  Boolean(element?.isConnected && element !== document.body && element.checkVisibility() && !element.matches(":disabled"));

// Remember where an element is, so that its likeness can be found when it was replaced.
function placeOf(element) {
  const menu = element.closest("[data-menu]");
  return {
    element,
    id: element.id,
    next: element.dataset.focusNext,
    row: element.closest("tr[id]")?.id,
    item: menu && $$(".menu-item", menu).indexOf(element),
    near: nearTo(element),
    isInPanel: Boolean(element.closest("#panel")),
  };
}

// The rows to go on with after a command: its own, those after it, those before it; of a command in the bar, the selected.
function nearTo(element) {
  const rows = $$(".list tbody tr[id]");
  const own = element.closest(".command-bar") ? $(".list [data-select]:checked")?.closest("tr") : element.closest("tr[id]");
  const place = rows.indexOf(own);
  return place < 0 ? [] : [...rows.slice(place), ...rows.slice(0, place).reverse()].map((row) => row.id);
}

function inRow({ row, item }) {
  const menu = item === null ? null : $("[data-menu]", byId(row));
  return [$$(".menu-item", menu)[item], $("summary", menu), $(".row-link", byId(row))];
}

function candidates(place) {
  const near = [place.element, byId(place.id), byId(place.next)];
  if (place.row) near.push(...inRow(place));
  if (place.isInPanel) near.push($("#panel .panel-title"));
  const onward = place.near.map((id) => $(".row-link", byId(id)));
  return [...near, ...onward, $(".list tbody .row-link"), $("main h1")];
}

function mend(place) {
  if (place && !isUsable(document.activeElement)) candidates(place).filter(isUsable).find((one) => giveFocus(one));
}

on("htmx:beforeSwap", ({ detail }) => {
  const { target, requestConfig } = detail;
  const now = document.activeElement;
  held = isUsable(now) ? { ...placeOf(now), isPolled: isPoll(requestConfig?.elt) } : undefined;
  if (target?.id === "panel" && !openPanel()) opener = placeOf(isUsable(now) ? now : requestConfig.elt);
  const open = $$("tr[id] [data-menu][open]", target);
  openRows = open.map((menu) => menu.closest("tr").id);
  // A row that asks for itself waits while somebody chooses from its menu.
  if (target?.matches("tr") && open.length && isPoll(target)) detail.shouldSwap = false;
});

on("htmx:afterSwap", () => {
  for (const id of openRows.splice(0)) {
    const menu = $("[data-menu]", byId(id));
    if (menu) menu.open = true;
  }
  mend(held); // at once: the next answer may come before this one has settled
});

on("htmx:afterSettle", () => {
  mend(held);
  const now = document.activeElement;
  const isLikeness = held?.id && now?.id === held.id && now !== held.element;
  if (isLikeness && !held.isPolled) now.scrollIntoView({ block: "nearest" });
});

// The command that was pressed is no longer offered.
on("selection:done", () => mend(held));

on("close", ({ target }) => { if (target.id === "panel") mend(opener); }, document, true);
