// Keys choose, Enter confirms; a part of the page that is marked as live is fetched again every few seconds.
"use strict";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea")) return;
  const found = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key);
  if (!found) return;
  event.preventDefault();
  found.focus();
});
const live = document.querySelector("[data-live]");
if (live) {
  setInterval(async () => {
    if (document.hidden || live.contains(document.activeElement)) return;
    try {
      const answer = await fetch(live.dataset.live, { redirect: "error" });
      if (answer.ok) live.innerHTML = await answer.text();
    } catch { /* the server is away: the next time shows it again */ }
  }, 5000);
}
