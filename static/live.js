// Live parts: an answer with hx-swap="live" changes in place only what differs from what is shown.
// So focus, selected text, unfolded details, open menus and the scroll stay where they are.
import { $$ } from "./dom.js";

const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
const isOpenMenu = (node) => node.matches("details[data-menu][open]");
const isAlike = (old, fresh) => old.nodeName === fresh.nodeName && (old.id ?? "") === (fresh.id ?? "");

// What scripts and people have set on an element, which no answer knows of.
const OWN = { DETAILS: ["open"], BUTTON: ["aria-disabled", "aria-busy", "data-done"] };

function changeAttributes(old, fresh) {
  const own = OWN[old.nodeName] ?? [];
  let isNew = false;
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) === value || own.includes(name)) continue;
    old.setAttribute(name, value);
    isNew ||= name.startsWith("hx-");
  }
  for (const { name } of [...old.attributes]) {
    if (fresh.hasAttribute(name) || own.includes(name)) continue;
    old.removeAttribute(name);
    isNew ||= name.startsWith("hx-");
  }
  return isNew;
}

// The node among `place` and what follows that `fresh` continues; one without an id is looked for at once only.
function find(place, fresh) {
  for (let node = place; node; node = node.nextSibling) {
    if (isAlike(node, fresh)) return node;
    if (!fresh.id && isElement(node)) return null;
  }
  return null;
}

function changeChildren(old, fresh, touched) {
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const match = find(place, child);
    if (!match) {
      old.insertBefore(child, place);
      touched.push(child);
      continue;
    }
    while (place !== match) place = drop(place);
    change(match, child, touched);
    place = match.nextSibling;
  }
  while (place) place = drop(place);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

// Make `old` like `fresh`; elements that htmx has to look at are added to `touched`.
function change(old, fresh, touched) {
  if (!isElement(old)) {
    if (old.data !== fresh.data) old.data = fresh.data;
  } else if (!isOpenMenu(old) && !old.isEqualNode(fresh)) {
    if (changeAttributes(old, fresh)) touched.push(old);
    changeChildren(old, fresh, touched);
  }
}

function changeShown(fresh, touched) {
  const old = document.getElementById(fresh.id);
  if (!old) return;
  change(old, fresh, touched);
  // A menu somebody chooses from is left alone, so this row is asked for again.
  for (const menu of $$("details[data-menu][open]", old)) menu.closest("[data-version]")?.setAttribute("data-version", "");
}

htmx.defineExtension("live", {
  isInlineSwap: () => false,
  handleSwap(style, target, fragment) {
    if (style !== "live") return false;
    if (!target.isConnected) return []; // what asked is no longer shown: its answer is about something else
    const touched = [];
    for (const fresh of [...fragment.children]) changeShown(fresh, touched);
    return touched.filter((node) => isElement(node) && node.isConnected);
  },
});

// A poll of a list says which rows are shown, each with its version.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  const rows = detail.elt.dataset.rows;
  if (rows) detail.parameters.shown = $$(`${rows} [data-version]`).map(({ dataset: d }) => `${d.key}:${d.version}`).join(",");
});
