// The confirm dialog: a form or its button asks through data-confirm-title, -text and -action.
import { $, on } from "./dom.js";

export const isAsking = () => $("#confirm").open;
export const stopAsking = () => $("#confirm").close();

export function ask(title, text, action, keep) {
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
