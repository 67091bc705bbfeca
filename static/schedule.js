// Where a zone is chosen the one that the browser is in is suggested, never taken silently; to who defines a new
// schedule, On.
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function fieldOf(choice) {
  return choice.querySelector("select, input");
}

function suggest(choice) {
  const button = choice.querySelector("[data-browser-zone]");
  const field = fieldOf(choice);
  if (!button || !field || !ZONE) return;
  const isOffered = !field.options || [...field.options].some((option) => option.value === ZONE);
  button.textContent = button.dataset.browserZone.replace("{zone}", ZONE);
  button.hidden = field.value === ZONE || !isOffered;
}

function suggestAll() {
  for (const choice of document.querySelectorAll("[data-zone-choice]")) suggest(choice);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-browser-zone]");
  if (!button) return;
  const field = fieldOf(button.closest("[data-zone-choice]"));
  field.value = ZONE;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});
document.addEventListener("input", ({ target }) => {
  const choice = target.closest("[data-zone-choice]");
  if (choice) suggest(choice);
});
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-schedule] [name='scope'][value='new']")) return;
  const modes = [...target.form.querySelectorAll("[name='schedule_mode']")];
  if (!modes.some((mode) => mode.checked)) modes.find((mode) => mode.value === "on").click();
});
document.addEventListener("htmx:afterSettle", suggestAll);
suggestAll();
