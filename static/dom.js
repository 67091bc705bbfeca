// What all scripts need, once.
export const $ = (selector, place = document) => place?.querySelector(selector) ?? null;
export const $$ = (selector, place = document) => [...(place?.querySelectorAll(selector) ?? [])];
export const on = (type, handler, place = document, options = false) => place.addEventListener(type, handler, options);
export const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));
export const isPoll = (element) => element?.getAttribute?.("hx-trigger")?.includes("every") ?? false;
export const isTyping = (element) => element.matches("input:not([type='checkbox'], [type='radio']), select, textarea, [contenteditable]");

// The panel is a dialog over a page, or the page itself.
export const panel = () => $("#panel");
export const isDialog = () => panel()?.matches("dialog") ?? false;
export const openPanel = () => $("#panel:is(dialog)[open]");

// A modal dialog silences what is outside of it.
export const topmost = () => $("#confirm[open]") ?? openPanel() ?? document.body;

// Focus an element and show it; what takes no focus by itself takes it for this once.
export function giveFocus(element, block = "nearest") {
  if (element.matches("h1")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
  if (block !== "nearest" || element.matches(":focus-visible")) element.scrollIntoView({ block }); // nothing moves below a pointer
  return document.activeElement === element;
}
