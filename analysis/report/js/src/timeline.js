// The days as a line that can be smoothed, zoomed by dragging or by year, and its series turned off.

import uPlot from "uplot";
import { colour, el, json, number, w } from "./dom.js";

const LIGHT = ["#0072B2", "#009E73", "#E69F00", "#D55E00"];
const DARK = ["#56B4E9", "#2FBF92", "#F0B429", "#FF8A4C"]; // the same hues, seen on black
const dark = matchMedia("(prefers-color-scheme: dark)");
const inks = () => (dark.matches ? DARK : LIGHT);

// the mean of the last *width* days: missing until there are as many, where one is hidden, and where not collected
function smoothed(values, width, broken) {
  let [sum, hidden] = [0, 0];
  const means = values.map((value, at) => {
    const old = at >= width ? values[at - width] : 0;
    sum += value - old; // null counts as 0
    hidden += (value === null) - (old === null);
    return at >= width - 1 && !hidden ? sum / width : null;
  });
  for (const [first, last] of broken) means.fill(null, first, last + 1);
  return means;
}

// what was not collected, as a background
function shaded(gaps, start) {
  return (u) => {
    const pen = u.ctx;
    pen.save();
    pen.fillStyle = "#E69F0038";
    const { left, width, top, height } = u.bbox;
    for (const [first, last] of gaps) {
      const [a, b] = [first, last + 1].map((day) => u.valToPos(start + day * 86400, "x", true));
      const [from, to] = [Math.max(a, left), Math.min(Math.max(b, a + 2), left + width)];
      if (to > from) pen.fillRect(from, top, to - from, height);
    }
    pen.restore();
  };
}

export async function timeline(root) {
  const data = await json("daily");
  if (!data.first) return;
  const start = Date.parse(`${data.first}T00:00:00Z`) / 1000;
  const days = data.series[0].values.map((_, at) => start + at * 86400);
  const plot = el("div", { className: "plot" });
  const off = new Set([1, 2, 3]);
  const width = el("select", {}, ...[1, 7, 30].map((n) =>
    el("option", { value: n, textContent: n === 1 ? w("each day") : `${n} ${w("days")}`, selected: n === 7 })));
  const years = [...new Set(days.map((day) => new Date(day * 1000).getUTCFullYear()))];
  const year = el("select", {}, el("option", { value: "", textContent: w("whole period") }),
    ...years.map((one) => el("option", { value: one, textContent: one })));
  const swatches = data.series.map(() => el("i", {}));
  const boxes = data.series.map(({ name }, at) => {
    const box = el("input", { type: "checkbox", checked: !off.has(at), onchange: () => {
      box.checked ? off.delete(at) : off.add(at);
      chart.setSeries(at + 1, { show: box.checked });
    } });
    return el("label", {}, box, swatches[at], name);
  });
  const status = el("p", { className: "status", role: "status" });
  root.append(el("div", { className: "bar" }, el("label", {}, `${w("mean of")} `, width), el("label", {}, `${w("year")} `, year),
    ...boxes), plot, status);
  root.hidden = false;
  let chart;

  const zoomed = () => {
    const one = +year.value;
    const ends = one ? [Date.UTC(one, 0, 1) / 1000, Date.UTC(one, 11, 31) / 1000] : [days[0], days.at(-1)];
    chart.setScale("x", { min: Math.max(ends[0], days[0]), max: Math.min(ends[1], days.at(-1)) });
  };
  const say = (u) => {
    const [low, high] = [u.scales.x.min, u.scales.x.max].map((at) => Math.round((at - start) / 86400));
    const seen = data.series[0].values.slice(Math.max(low, 0), high + 1);
    const sum = seen.reduce((total, value) => total + value, 0); // null counts as 0
    const hidden = seen.filter((value) => value === null).length;
    const [first, last] = [low, high].map((at) => new Date((start + at * 86400) * 1000).toISOString().slice(0, 10));
    status.textContent = `${first} – ${last}: ${number(sum)} ${data.series[0].name}` +
      (hidden ? ` (${w("days hidden")}: ${number(hidden)})` : "");
  };
  const draw = () => {
    chart?.destroy();
    swatches.forEach((swatch, at) => (swatch.style.background = inks()[at]));
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--ink"), grid, ticks: grid, font: "12px system-ui,sans-serif" };
    const series = data.series.map(({ name }, at) => ({
      label: name, stroke: inks()[at], width: 1.4, show: !off.has(at), points: { show: false },
      value: (_, value) => (value === null ? "–" : number(value, 1)),
    }));
    const day = (_, value) => (value === null ? "–" : new Date(value * 1000).toISOString().slice(0, 10) +
      (data.holidays[Math.round((value - start) / 86400)] ? ` ${data.holidays[Math.round((value - start) / 86400)]}` : ""));
    chart = new uPlot({
      width: Math.max(plot.clientWidth, 240), height: 320, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: true, y: false } }, scales: { y: { range: (_, low, high) => [0, high * 1.04 || 1] } },
      axes: [axis, { ...axis, size: 62, values: (_, values) => values.map((value) => number(value)) }],
      series: [{ label: w("day"), value: day }, ...series], 
      hooks: { setScale: [(u, key) => key === "x" && say(u)], drawClear: [shaded(data.gaps, start)] },
    }, [days, ...data.series.map(({ values }) => smoothed(values, +width.value, data.broken))], plot);
    zoomed();
  };
  root.closest("figure").classList.add("on");
  draw();
  width.addEventListener("change", draw);
  year.addEventListener("change", zoomed);
  plot.addEventListener("dblclick", () => ((year.value = ""), zoomed()));
  new ResizeObserver(() => chart.setSize({ width: Math.max(plot.clientWidth, 240), height: 320 })).observe(plot);
  dark.addEventListener("change", draw);
  root.timeline = { chart: () => chart };
}
