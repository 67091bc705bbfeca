// A session that ended while something is typed: the page stays as it is, and goes on after a log-in in another tab.
import { $, $$, on, tell } from "./dom.js";

const words = $("#session-template");
const place = () => $("#panel .panel-body") ?? $("#notices");
const shown = () => $("[data-session-notice]");
let hasEnded = false;

function show(door, isOther) {
  hasEnded = true;
  shown()?.remove();
  const copy = words.content.cloneNode(true);
  const notice = $(".notice", copy);
  notice.dataset.sessionNotice = "";
  $("[data-text]", copy).textContent = isOther ? words.dataset.other : words.dataset.ended;
  $("a", copy).href = isOther ? words.dataset.account : door;
  place()?.prepend(copy);
  notice.scrollIntoView({ block: "nearest" });
}

// Forms carry a token of the session before; a page of the new one has a good one.
async function renew() {
  const answer = await fetch(words.dataset.account, { headers: { "Waybill-Poll": "1" } });
  if (!answer.ok || new URL(answer.url).pathname === words.dataset.door) return "out";
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if ($("#session-template", page).dataset.user !== words.dataset.user) return "other";
  const token = $("[name='csrfmiddlewaretoken']", page).value;
  for (const input of $$("[name='csrfmiddlewaretoken']")) input.value = token;
  return "in";
}

async function goOn() {
  const here = `${words.dataset.door}?next=${encodeURIComponent(location.pathname + location.search)}`;
  const state = await renew().catch(() => "");
  if (!state) return;  // no answer: the next time, then
  if (state !== "in") return show(here, state === "other");
  shown()?.remove();
  if (hasEnded) tell("announce", words.dataset.again);
  hasEnded = false;
}

const comeBack = () => { if (hasEnded && !document.hidden) goOn(); };

if (words) {
  on("session:ended", ({ detail }) => { if (!hasEnded) show(detail, false); });
  on("session:stale", goOn);
  on("focus", comeBack, window);
  on("visibilitychange", comeBack);
}
