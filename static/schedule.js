// The schedule pane suggests the zone that the browser is in, and On to who defines a new schedule.
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function suggest(schedule) {
  const button = schedule.querySelector("[data-browser-zone]");
  const field = schedule.querySelector("[name='zone']");
  if (!button || !field || !ZONE) return;
  button.textContent = button.dataset.browserZone.replace("{zone}", ZONE);
  button.hidden = field.value === ZONE;
}

function suggestAll() {
  for (const schedule of document.querySelectorAll("[data-schedule]")) suggest(schedule);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-browser-zone]");
  if (!button) return;
  const field = button.closest("[data-schedule]").querySelector("[name='zone']");
  field.value = ZONE;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});
document.addEventListener("input", ({ target }) => {
  const schedule = target.closest("[data-schedule]");
  if (schedule) suggest(schedule);
});
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-schedule] [name='scope'][value='new']")) return;
  const modes = [...target.form.querySelectorAll("[name='schedule_mode']")];
  if (!modes.some((mode) => mode.checked)) modes.find((mode) => mode.value === "on").click();
});
document.addEventListener("htmx:afterSettle", suggestAll);
suggestAll();
