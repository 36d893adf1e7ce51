// An explorable network: the picture, its controls, the panel of who is chosen, and the link to it all.

import { bdi, el, inflate, json, number, save, w } from "./dom.js";
import { gexf, nodesCsv, png, svg } from "./exporting.js";
import { Model } from "./model.js";
import { View } from "./view.js";

const LISTED = 60; // neighbours in a list before the rest is only counted

export async function network(root) {
  const name = root.dataset.network;
  const model = new Model(...(await Promise.all([json(`${name}-nodes`), inflate(`${name}-edges`)])));
  if (!model.n) throw new Error("nothing to draw");
  root.hidden = false;
  root.closest("figure").classList.add("on"); // first, so that the picture has its size when it is drawn
  const made = new Network(root, name, model);
  made.read();
  root.dataset.ready = Math.round(performance.now());
  return (root.network = made);
}

class Network {
  constructor(root, name, model) {
    this.root = root;
    this.name = name;
    this.model = model;
    const hint = w("Arrow keys move, + and - zoom, 0 fits, n and p step through the largest, Escape lets go");
    this.stage = el("div", { className: "stage", tabIndex: 0, role: "application" });
    this.stage.setAttribute("aria-label", `${document.querySelector(`#figure-${name} strong`).textContent} ${hint}`);
    this.status = el("p", { className: "status", role: "status" });
    this.info = el("div", { className: "info" });
    this.legend = el("fieldset", { className: "legend" });
    this.side = el("div", { className: "side", tabIndex: 0, role: "region" }, this.info, this.legend);
    this.side.setAttribute("aria-label", w("Chosen, and communities"));
    root.append(this.bar(), el("div", { className: "body" }, this.stage, this.side), this.foot());
    this.view = new View(model, this.stage, (node) => this.choose(node));
    this.communities();
    this.stage.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.choose(-1));
    addEventListener("hashchange", () => this.read());
    this.choose(-1);
    this.count();
  }

  // ---- controls --------------------------------------------------------------------------------------------

  bar() {
    const model = this.model;
    this.selects = model.groups.map((group, at) => {
      const choices = group.values.map((value, code) => el("option", { value: code, textContent: value }));
      const select = el("select", {
        onchange: () => ((model.group[at] = +select.value), this.apply()),
      }, el("option", { value: -1, textContent: w("all") }), ...choices);
      return select;
    });
    const degrees = [...model.degree].sort((a, b) => a - b);
    this.largest = this.range(w("largest"), 1, model.n, model.n, (value) => ((model.largest = value), this.apply()));
    this.least = this.range(w("degree from"), degrees[0], degrees[Math.floor(0.98 * (model.n - 1))], degrees[0],
      (value) => ((model.least = value), this.apply()));
    const labels = this.range(w("labels"), 0, 300, 70, (value) => ((this.view.labels = value), this.view.sigma.scheduleRender()));
    const edges = this.range(w("lines"), 0, 100, 65, (value) => ((this.view.edges.gain = value / 100), this.view.edges.tone()));
    const groups = model.groups.map((group, at) => el("label", {}, `${group.name} `, this.selects[at]));
    const rounds = model.rounds.length;
    this.round = rounds ? this.range(w("round"), 1, rounds, rounds, (value) => (this.at(value), this.write()),
      (value) => `${value}: ${model.rounds[value - 1]}`) : null;
    const over = rounds ? [this.round.label] : [];
    return el("div", { className: "bar" }, this.search(), ...groups, ...over, this.largest.label, this.least.label, labels.label,
      edges.label, el("button", { type: "button", textContent: w("fit"), onclick: () => this.view.fit() }),
      el("button", { type: "button", textContent: w("show all"), onclick: () => this.all() }));
  }

  range(text, min, max, value, use, said = number) {
    const output = el("output", {});
    const input = el("input", { type: "range", min, max, value, oninput: () => (say(), use(+input.value)) });
    const say = () => input.setAttribute("aria-valuetext", (output.textContent = said(+input.value)));
    const set = (wanted) => ((input.value = wanted), say());
    say();
    return { label: el("label", {}, `${text} `, input, output), set, value };
  }

  search() {
    const id = `found-${this.name}`;
    const list = el("ul", { id, role: "listbox", hidden: true });
    list.setAttribute("aria-label", w("Found"));
    const input = el("input", { type: "search", placeholder: w("Search a name"), autocomplete: "off", role: "combobox" });
    for (const [key, value] of [["label", w("Search a name")], ["controls", id], ["expanded", "false"], ["autocomplete", "list"]])
      input.setAttribute(`aria-${key}`, value);
    let hits = [];
    let at = 0;
    const pick = (node) => {
      hits = [];
      show();
      input.value = this.model.label[node];
      this.choose(node, true);
    };
    const show = () => {
      list.replaceChildren(...hits.map((node, i) => {
        const handle = this.model.handle?.[node];
        const option = el("li", { role: "option", id: `${id}-${i}`, onmousedown: (event) => (event.preventDefault(), pick(node)) },
          bdi(this.model.label[node]), ...(handle ? [" ", el("small", {}, bdi(`@${handle}`))] : []));
        option.setAttribute("aria-selected", String(i === at));
        return option;
      }));
      list.hidden = !hits.length;
      input.setAttribute("aria-expanded", String(!list.hidden));
      if (hits.length) input.setAttribute("aria-activedescendant", `${id}-${at}`);
      else input.removeAttribute("aria-activedescendant");
    };
    input.addEventListener("input", () => ((hits = this.model.find(input.value)), (at = 0), show()));
    input.addEventListener("blur", () => ((hits = []), show()));
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && hits.length) {
        at = (at + step + hits.length) % hits.length;
        show();
        event.preventDefault();
      } else if (event.key === "Enter" && hits.length) pick(hits[at]);
      else if (event.key === "Escape" && hits.length) {
        hits = [];
        show();
        event.stopPropagation();
      }
    });
    return el("div", { className: "combo" }, input, list);
  }

  communities() {
    const sizes = [];
    for (const c of this.model.community) sizes[c] = (sizes[c] ?? 0) + 1;
    this.boxes = [];
    const rows = [...sizes.entries()].slice(0, 40).map(([c, size]) => {
      const box = el("input", { type: "checkbox", checked: true, onchange: () => {
        box.checked ? this.model.without.delete(c) : this.model.without.add(c);
        this.apply();
      } });
      this.boxes[c] = box;
      const swatch = el("i", {});
      swatch.style.background = this.model.palette[Math.min(c, this.model.palette.length - 1)];
      const only = el("button", { type: "button", textContent: w("only"), onclick: () => this.only(c, sizes.length) });
      only.setAttribute("aria-label", `${w("only")} ${c + 1}`);
      return el("div", {}, el("label", {}, box, swatch, `${c + 1} `, bdi(this.model.name(c)), ` · ${number(size)}`), only);
    });
    this.legend.append(el("legend", { textContent: w("Communities") }), ...rows);
  }

  only(community, count) {
    this.model.without = new Set([...Array(count).keys()].filter((c) => c !== community));
    this.boxes.forEach((box, c) => (box.checked = c === community));
    this.apply();
  }

  all() {
    this.model.reset();
    this.boxes.forEach((box) => (box.checked = true));
    this.selects.forEach((select) => (select.value = -1));
    this.largest.set(this.model.n);
    this.least.set(this.least.value);
    if (this.round) this.at(this.model.rounds.length);
    this.choose(-1);
    this.apply();
  }

  foot() {
    const file = (text, make) => el("button", { type: "button", textContent: text, onclick: make });
    return el("div", { className: "foot" }, this.status, el("div", { className: "save" }, `${w("Save what is shown:")} `,
      file("PNG", () => png(this.view, this.name)),
      file("SVG", () => save(`${this.name}.svg`, svg(this.view), "image/svg+xml")),
      file("GEXF", () => save(`${this.name}.gexf`, gexf(this.model), "application/xml")),
      file("CSV", () => save(`${this.name}.csv`, nodesCsv(this.model), "text/csv"))));
  }

  key(event) {
    const pan = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (pan) this.view.pan(...pan);
    else if (event.key === "+" || event.key === "=") this.view.zoom(1 / 1.4);
    else if (event.key === "-") this.view.zoom(1.4);
    else if (event.key === "0") this.view.fit();
    else if (event.key === "n" || event.key === "p") this.step(event.key === "n" ? 1 : -1);
    else return;
    event.preventDefault();
  }

  step(by) {
    const shown = this.model.order.filter((node) => this.model.shown[node]);
    const at = shown.indexOf(this.chosen);
    if (shown.length) this.choose(shown[(at + by + shown.length + (at < 0 && by < 0 ? 1 : 0)) % shown.length], true);
  }

  // ---- state -----------------------------------------------------------------------------------------------

  // the ties of a round, counted from 1
  at(round) {
    const node = this.chosen;
    this.round.set(round);
    this.model.at(round - 1);
    this.view.retied();
    this.choose(node);
    this.count();
  }

  apply() {
    this.model.filter();
    if (this.chosen >= 0 && !this.model.shown[this.chosen]) this.choose(-1);
    this.view.refresh();
    this.view.fit();
    this.count();
    this.write();
  }

  count() {
    const { nodes, edges } = this.model.counts();
    this.status.textContent = w("{shown} of {all} shown, {edges} ties between them")
      .replace("{shown}", number(nodes)).replace("{all}", number(this.model.n)).replace("{edges}", number(edges));
  }

  choose(node, fly = false) {
    const before = this.chosen;
    this.chosen = node;
    this.view.choose(node, fly);
    this.info.replaceChildren(...(node < 0 ? [el("p", { className: "quiet", textContent: this.hint() })] : this.who(node)));
    this.side.scrollTop = 0;
    if (before !== undefined && before !== node) this.write();
  }

  hint() {
    return w("Click a name, or search, to see its neighbours. Click into the picture, then scroll to zoom.");
  }

  who(node) {
    const model = this.model;
    const facts = [[w("community"), `${model.community[node] + 1} ${model.name(model.community[node])}`],
      [w("runs that put them there"), `${model.runs[node]}%`],
      [model.scoreName, number(model.score[node])], [w("degree"), number(model.degree[node])]];
    if (model.handle?.[node]) facts.unshift([w("account"), `@${model.handle[node]}`]);
    model.groups.forEach((group) => group.code[node] >= 0 && facts.push([group.name, group.values[group.code[node]]]));
    const rows = facts.map(([key, value]) => el("div", {}, el("dt", { textContent: key }), el("dd", {}, bdi(value))));
    const head = el("div", { className: "chosen" }, el("h3", {}, bdi(model.label[node])),
      el("button", { type: "button", textContent: w("let go"), onclick: () => (this.choose(-1), this.stage.focus()) }));
    return [head, el("dl", {}, ...rows), ...this.lists(node)];
  }

  lists(node) {
    const model = this.model;
    if (!model.directed) {
      const others = [...model.neighbours(node)].sort((a, b) => model.tie(node, b) - model.tie(node, a) || a - b);
      return [this.list(w("shares posts with"), others, (other) => ` ${number(model.tie(node, other))}`)];
    }
    const [out, into] = [new Set(model.out(node)), new Set(model.into(node))];
    const ranked = (some) => some.sort((a, b) => model.rank[a] - model.rank[b]);
    return [
      this.list(w("both ways"), ranked([...out].filter((other) => into.has(other)))),
      this.list(w("follows"), ranked([...out].filter((other) => !into.has(other)))),
      this.list(w("is followed by"), ranked([...into].filter((other) => !out.has(other)))),
    ];
  }

  list(title, others, more = () => "") {
    const items = others.slice(0, LISTED).map((other) => el("li", {}, el("button", {
      type: "button", onclick: () => this.choose(other, true),
    }, bdi(this.model.label[other])), more(other)));
    const rest = others.length > LISTED ? [el("p", { className: "quiet", textContent: `+ ${number(others.length - LISTED)}` })] : [];
    return el("details", { open: others.length > 0 && others.length <= 12 || !this.model.directed },
      el("summary", { textContent: `${title}: ${number(others.length)}` }), el("ol", {}, ...items), ...rest);
  }

  // ---- the link --------------------------------------------------------------------------------------------

  write() {
    const model = this.model;
    const said = new URLSearchParams();
    if (this.chosen >= 0) said.set("chosen", model.id[this.chosen]);
    if (model.without.size) said.set("without", [...model.without].sort((a, b) => a - b).map((c) => c + 1).join("."));
    model.group.forEach((code, at) => code >= 0 && said.set(`group${at + 1}`, model.groups[at].values[code]));
    if (model.largest < model.n) said.set("largest", model.largest);
    if (model.least > this.least.value) said.set("degree", model.least);
    if (model.round < model.rounds.length - 1) said.set("round", model.round + 1);
    const text = said.toString();
    try {
      history.replaceState(null, "", text ? `#figure-${this.name}/${text}` : location.pathname + location.search);
    } catch {
      // some browsers forbid it for files: the picture works without the link
    }
  }

  read() {
    const start = `#figure-${this.name}/`;
    if (!location.hash.startsWith(start)) return;
    const model = this.model;
    const said = new URLSearchParams(location.hash.slice(start.length));
    model.reset();
    model.without = new Set((said.get("without") ?? "").split(".").filter(Boolean).map((c) => +c - 1));
    model.groups.forEach((group, at) => (model.group[at] = group.values.indexOf(said.get(`group${at + 1}`))));
    model.largest = +(said.get("largest") ?? model.n) || model.n;
    model.least = +(said.get("degree") ?? 0) || 0;
    this.boxes.forEach((box, c) => (box.checked = !model.without.has(c)));
    this.selects.forEach((select, at) => (select.value = model.group[at]));
    this.largest.set(model.largest);
    this.least.set(Math.max(model.least, this.least.value));
    model.filter();
    if (this.round) this.at(Math.min(Math.max(1, +said.get("round") || Infinity), model.rounds.length));
    this.view.refresh();
    this.count();
    const node = model.id.indexOf(said.get("chosen"));
    if (node >= 0) this.choose(node, true);
    else this.view.fit();
    this.root.closest("figure").scrollIntoView();
  }
}
