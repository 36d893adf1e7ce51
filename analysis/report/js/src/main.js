// The page reads without us. We add: networks that can be explored, a timeline that can be zoomed, tables that sort.

import "uplot/dist/uPlot.min.css";
import { json, learn } from "./dom.js";
import { network } from "./network.js";
import { sortable } from "./tables.js";
import { timeline } from "./timeline.js";

async function begin() {
  learn(await json("words"));
  document.querySelectorAll("main table").forEach(sortable);
  const failed = (root) => (error) => {
    root.hidden = true; // the still picture stays
    root.dataset.failed = String(error?.message ?? error);
    root.closest("figure").classList.remove("on");
  };
  const starts = new Map();
  const start = (root) => {
    if (starts.has(root)) return;
    starts.set(root, (root.dataset.network ? network : timeline)(root).catch(failed(root)));
  };
  const near = new IntersectionObserver(
    (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => start(one.target.querySelector(".live"))),
    { rootMargin: "600px" },
  );
  for (const root of document.querySelectorAll(".live")) {
    near.observe(root.closest("figure"));
    if (location.hash.startsWith(`#${root.closest("figure").id}/`)) start(root);
  }
  document.documentElement.dataset.ready = Math.round(performance.now());
}

begin();
