// The command bar: what does not fit goes into its menu More; arrows move, "c" leads from the list to it and Esc back.
import { $, $$, isTyping } from "./dom.js";
import { isKey } from "./keys.js";

const bar = $(".command-bar");
const row = $(".commands", bar);
const more = $(".command-more", bar);
const commands = $$(".command", row);
const isOffered = (command) => getComputedStyle(command).display !== "none";
let fitted;
let cameFrom; // the id of what had the focus in the list

// What decides what fits; while it stays nothing is moved, as that would take the focus from what moves.
const situation = () => [bar.clientWidth, $(".command-end", bar).offsetWidth, ...commands.map(isOffered)].join();

function spread() {
  const list = $(".menu-list", more);
  const offered = commands.filter(isOffered);
  row.append(...commands);
  more.hidden = true;
  if (row.scrollWidth <= row.clientWidth) return;
  more.hidden = false;
  while (row.scrollWidth > row.clientWidth && offered.length > 1) list.prepend(offered.pop());
}

function fit() {
  if (!more || situation() === fitted) return;
  const held = document.activeElement;
  spread();
  fitted = situation();
  if (!bar.contains(held) || held === document.activeElement) return;
  (more.contains(held) && !more.open ? $("summary", more) : held).focus();
}

// Toolbar: left and right, Home and End

const inBar = () => $$(".command, summary, .command-end button", bar).filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".menu-list"));

function moveInBar(event) {
  const all = inBar();
  const place = all.indexOf(event.target);
  const targets = {
    "command-next": all[place + 1] ?? all[0],
    "command-previous": all.at(place - 1),
    "command-first": all[0],
    "command-last": all.at(-1),
  };
  const target = targets[Object.keys(targets).find((name) => isKey(name, event))];
  if (place < 0 || !target) return;
  event.preventDefault();
  target.focus();
}

function goToBar(event) {
  cameFrom = event.target.id;
  event.preventDefault();
  const all = inBar();
  (all.find((one) => one.matches("[data-when]")) ?? all[0])?.focus(); // what can be done to the selected rows comes first
}

function goBack(event) {
  const place = document.getElementById(cameFrom) ?? $(".list .row-link");
  if (!place) return;
  event.preventDefault();
  place.focus();
}

document.addEventListener("keydown", (event) => {
  if (!bar || event.defaultPrevented) return;
  const { target } = event;
  if (isKey("commands", event) && target.closest(".list tbody") && !target.closest("[data-menu][open]")) goToBar(event);
  else if (!bar.contains(target) || isTyping(target) || target.closest("[data-menu][open]")) return;
  else if (isKey("command-back", event)) goBack(event);
  else moveInBar(event);
});

// Esc empties the search; empty, it asks for the whole list again.
$("#search", bar)?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.value) return;
  event.preventDefault();
  event.target.value = "";
  event.target.dispatchEvent(new Event("input", { bubbles: true }));
});

document.addEventListener("selection:shown", fit);
if (more) new ResizeObserver(fit).observe(bar);
