// A text that is too long is not cut while one types or pastes: below the field stands how long it is.
const NEAR = 0.8;

const words = (length, most) => {
  const grouped = new Intl.NumberFormat(document.documentElement.lang || undefined);
  const said = document.getElementById("words").dataset.count;
  return said.replace("{length}", grouped.format(length)).replace("{most}", grouped.format(most));
};

const countOf = (field) => {
  const id = `${field.id}_count`;
  const found = document.getElementById(id);
  if (found) return found;
  const made = document.createElement("small");
  made.id = id;
  made.className = "field-count";
  made.setAttribute("aria-live", "polite");
  field.after(made);
  return made;
};

const count = (field) => {
  const most = Number(field.dataset.most);
  const length = [...field.value.trim()].length;
  if (length < most * NEAR && !document.getElementById(`${field.id}_count`)) return;
  const place = countOf(field);
  const isNear = length >= most * NEAR;
  place.hidden = !isNear;
  place.toggleAttribute("data-over", length > most);
  if (isNear) place.textContent = words(length, most);
};

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-most][id]")) count(event.target);
});
