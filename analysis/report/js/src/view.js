// The picture of a network: sigma draws nodes and moves the camera, our layers draw edges, ties of the chosen, labels.

import Graph from "graphology";
import Sigma from "sigma";
import { calm, colour } from "./dom.js";
import { Edges } from "./edges.js";

const FONT = 'system-ui,"Noto Sans",sans-serif';
const OUT = "#D55E00";
const INTO = "#0072B2";
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// sigma's programs for edges, of which it has none to draw: without shaders to compile
class None {
  reallocate() {}
  render() {}
  kill() {}
}

export class View {
  constructor(model, stage, choose) {
    this.model = model;
    this.stage = stage;
    this.labels = 70;
    this.chosen = this.over = -1;
    this.near = null;
    this.ratio = devicePixelRatio || 1;
    this.tints = this.turn = 0;
    this.widths = new Map();
    this.sigma = new Sigma(this.graph(), stage, this.settings());
    this.layers();
    this.events(choose);
  }

  graph() {
    const graph = new Graph();
    const { n, x, y, size, colours } = this.model;
    const scale = (n > 200 ? 0.5 : 0.62) * Math.max(0.5, Math.min(1, this.stage.clientWidth / 800));
    for (let i = 0; i < n; i++)
      graph.addNode(i, { x: x[i], y: y[i], size: 0.6 + size[i] * scale, color: colours[i] });
    return graph;
  }

  settings() {
    return {
      renderLabels: false, minCameraRatio: 0.01, maxCameraRatio: 3, stagePadding: 24, zIndex: true,
      allowInvalidContainer: true, defaultDrawNodeHover: () => {}, edgeProgramClasses: { arrow: None, line: None },
      nodeReducer: (key, data) => {
        if (!this.model.shown[key]) return { ...data, hidden: true };
        if (this.near && !this.near.has(+key)) return { ...data, color: this.pale, zIndex: 0 };
        return { ...data, zIndex: 1 };
      },
    };
  }

  layers() {
    const over = { pointerEvents: "none" };
    const density = this.sigma.createCanvas("density", { beforeLayer: "nodes", style: over });
    this.tieLayer = this.sigma.createCanvas("ties", { beforeLayer: "nodes", style: over });
    this.labelLayer = this.sigma.createCanvas("names", { afterLayer: "labels", style: over });
    this.edges = new Edges(density, this.model.n, this.model.source, this.model.target);
    const xy = new Float32Array(2 * this.model.n);
    for (let i = 0; i < this.model.n; i++) {
      const data = this.sigma.getNodeDisplayData(String(i));
      xy.set([data.x, data.y], 2 * i);
    }
    this.edges.places(xy);
    this.repaint();
    this.sigma.on("afterRender", () => this.drawn());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.refresh());
  }

  // the colours of what is shown, for the edges
  repaint() {
    const rgba = new Uint8Array(this.model.n * 4);
    for (let i = 0; i < this.model.n; i++) rgba.set([...rgb(this.model.colours[i]), this.model.shown[i] * 255], 4 * i);
    this.edges.colours(rgba);
    this.tints++;
    this.pale = colour("--line");
  }

  events(choose) {
    const sigma = this.sigma;
    sigma.on("clickNode", (event) => choose(+event.node));
    sigma.on("clickStage", () => choose(-1));
    sigma.on("doubleClickStage", (event) => event.preventSigmaDefault());
    sigma.on("enterNode", (event) => this.hover(+event.node));
    sigma.on("leaveNode", () => this.hover(-1));
    // a page that scrolls past is not a wish to zoom: the picture must be chosen first, or Ctrl held
    const pass = (event) => document.activeElement !== this.stage && !event.ctrlKey && event.stopPropagation();
    this.stage.addEventListener("wheel", pass, { capture: true });
    new ResizeObserver(() => this.resized()).observe(this.stage);
  }

  resized() {
    const { width, height } = this.sigma.getDimensions();
    if (this.stage.offsetWidth === width && this.stage.offsetHeight === height) return;
    this.sigma.resize();
    this.sigma.scheduleRefresh();
  }

  hover(node) {
    this.over = node;
    this.stage.style.cursor = node < 0 ? "" : "pointer";
    this.sigma.scheduleRender();
  }

  refresh() {
    this.repaint();
    this.sigma.refresh({ skipIndexation: true });
  }

  // other ties between the same nodes
  retied() {
    this.edges.upload(this.model.source, this.model.target);
    this.tints++;
    this.choose(this.chosen, false);
  }

  choose(node, fly) {
    this.chosen = node;
    this.near = node < 0 ? null : this.model.neighbours(node).add(node);
    this.sigma.refresh({ skipIndexation: true });
    if (node >= 0 && fly) {
      const { x, y } = this.sigma.getNodeDisplayData(String(node));
      this.move({ x, y, ratio: Math.min(0.4, this.sigma.getCamera().ratio) });
    }
  }

  move(state) {
    const camera = this.sigma.getCamera();
    return calm() ? camera.setState(state) : camera.animate(state, { duration: 350 });
  }

  // the camera over what is shown
  fit() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < this.model.n; i++) {
      if (!this.model.shown[i]) continue;
      const { x, y } = this.sigma.getNodeDisplayData(String(i));
      [left, right, low, high] = [Math.min(left, x), Math.max(right, x), Math.min(low, y), Math.max(high, y)];
    }
    if (left > right) return;
    const { width, height } = this.sigma.getDimensions();
    const least = Math.min(width, height);
    const wanted = 1.12 * Math.max(((right - left) * least) / width, ((high - low) * least) / height);
    this.move({ x: (left + right) / 2, y: (low + high) / 2, ratio: Math.min(Math.max(wanted, 0.03), 1.3), angle: 0 });
  }

  pan(dx, dy) {
    const camera = this.sigma.getCamera();
    const state = camera.getState();
    camera.setState({ x: state.x + dx * 0.1 * state.ratio, y: state.y + dy * 0.1 * state.ratio });
  }

  zoom(factor) {
    const camera = this.sigma.getCamera();
    camera.setState({ ratio: camera.getBoundedRatio(camera.ratio * factor) });
  }

  spot(node) {
    return this.sigma.framedGraphToViewport(this.sigma.getNodeDisplayData(String(node)));
  }

  radius(node) {
    return this.sigma.scaleSize(this.sigma.getNodeDisplayData(String(node)).size);
  }

  // ---- drawing ---------------------------------------------------------------------------------------------

  drawn() {
    const { width, height } = this.sigma.getDimensions();
    this.names(this.cleared(this.labelLayer, width, height), width, height);
    this.ties(this.cleared(this.tieLayer, width, height));
    const canvas = this.edges.canvas;
    canvas.style.opacity = this.near ? 0.15 : 1;
    const wanted = [...this.sigma.getRenderParams().matrix, width, height, this.tints].join();
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    this.begin();
    if (this.edges.batch >= this.edges.count) return this.fill(this.turn);
    // more edges than fit between two frames: drawn once the picture stands still, and the rest of it is on the screen
    canvas.style.visibility = "hidden";
    const turn = this.turn;
    const fill = () => turn === this.turn && this.fill(turn);
    this.later = setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(fill)), 150);
  }

  // an empty picture of the edges; whatever was filling the one before it stops
  begin() {
    const { width, height } = this.sigma.getDimensions();
    clearTimeout(this.later);
    this.turn++;
    delete this.stage.dataset.drawn;
    Object.assign(this.edges.canvas.style, { width: `${width}px`, height: `${height}px` });
    this.edges.begin(this.sigma.getRenderParams().matrix, Math.round(width * this.ratio), Math.round(height * this.ratio));
  }

  async fill(turn) {
    this.edges.canvas.style.visibility = "visible";
    while (turn === this.turn && !this.edges.whole) await this.edges.done(this.edges.more());
    if (turn === this.turn) this.stage.dataset.drawn = Math.round(performance.now());
  }

  // all edges at once, however long it takes
  all() {
    this.begin();
    this.edges.canvas.style.visibility = "visible";
    this.edges.more(Infinity);
    this.stage.dataset.drawn = Math.round(performance.now());
  }

  cleared(canvas, width, height) {
    if (canvas.width !== width * this.ratio || canvas.height !== height * this.ratio) {
      canvas.width = width * this.ratio;
      canvas.height = height * this.ratio;
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  // where labels go: the largest first, none over another, none cut at the rim
  *placed(width, height, measure) {
    const zoom = this.sigma.getCamera().ratio;
    const most = Math.round(this.labels / Math.max(0.25, Math.min(1, zoom)));
    const boxes = [];
    const large = this.obstacles(width, height);
    const small = Math.min(1, 0.6 + width / 2000); // on a phone
    const first = [this.over, this.chosen].filter((node) => node >= 0 && this.model.shown[node]);
    let count = 0;
    for (const [at, node] of [...first, ...this.model.order].entries()) {
      if (count >= most && at >= first.length) break;
      const forced = at < first.length;
      if (!forced && first.includes(node)) continue;
      if (!this.model.shown[node] || (!forced && this.near && !this.near.has(node))) continue;
      const spot = this.spot(node);
      if (spot.x < 0 || spot.y < 0 || spot.x > width || spot.y > height) continue;
      let size = Math.round((10.5 + this.model.weightiness[node] * 11 * small ** 2) / zoom ** 0.12);
      const bold = forced ? 1.1 : 1; // the chosen are set in bold
      while (size > 9 && measure(node, size) * bold > width - 6) size--;
      const wide = measure(node, size) * bold;
      const best = this.beside(node, spot, wide, size, width, height, boxes, large, forced);
      if (!best) continue;
      boxes.push(best.box);
      count++;
      yield { node, x: best.x, y: best.y, size, strong: forced };
    }
  }

  // the discs large enough to be worth keeping free of other names
  obstacles(width, height) {
    const large = [];
    for (const node of this.model.order.slice(0, 250)) {
      if (!this.model.shown[node]) continue;
      const radius = this.radius(node);
      const { x, y } = this.spot(node);
      if (radius > 3.5 && x > 0 && y > 0 && x < width && y < height)
        large.push({ node, box: [x - radius, y - radius, x + radius, y + radius] });
    }
    return large;
  }

  // right of the node, left, under or over it: where no name is, the fewest discs are hidden, and nothing is cut
  beside(node, spot, wide, size, width, height, boxes, large, forced) {
    const radius = this.radius(node) + 3;
    const middle = spot.y + size * 0.35;
    const tries = [[spot.x + radius, middle], [spot.x - radius - wide, middle]];
    if (radius > 8) // under or over a small one nobody could tell whose name it is
      tries.push([spot.x - wide / 2, spot.y + radius + size * 0.7], [spot.x - wide / 2, spot.y - radius - size * 0.1]);
    let best = null;
    for (const [left, base] of tries) {
      const x = Math.max(3, Math.min(left, width - 3 - wide));
      const y = Math.max(size, Math.min(base, height - 3));
      const box = [x - 2, y - size, x + wide + 2, y + size * 0.3];
      const over = (b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1];
      if (boxes.some(over) && !(forced && !best)) continue;
      const hidden = large.filter((one) => one.node !== node && over(one.box)).length + (x !== left || y !== base ? 2 : 0);
      if (!best || hidden < best.hidden) best = { x, y, box, hidden };
      if (!hidden) break;
    }
    return best;
  }

  measure(pen) {
    return (node, size) => {
      const key = `${size} ${node}`;
      let wide = this.widths.get(key);
      if (wide === undefined) {
        pen.font = `${size}px ${FONT}`;
        this.widths.set(key, (wide = pen.measureText(this.model.label[node]).width));
      }
      return wide;
    };
  }

  names(pen, width, height) {
    pen.lineJoin = "round";
    const [ink, page] = [colour("--ink"), colour("--page")];
    for (const { node, x, y, size, strong } of this.placed(width, height, this.measure(pen))) {
      pen.font = `${strong ? "bold " : ""}${size}px ${FONT}`;
      pen.lineWidth = 3;
      pen.strokeStyle = page;
      pen.fillStyle = ink;
      pen.strokeText(this.model.label[node], x, y);
      pen.fillText(this.model.label[node], x, y);
    }
  }

  ties(pen) {
    if (this.chosen < 0) return;
    const from = this.spot(this.chosen);
    const directed = this.model.directed;
    for (const [others, ink] of [[this.model.out(this.chosen), OUT], [this.model.into(this.chosen), directed ? INTO : OUT]]) {
      pen.strokeStyle = ink;
      pen.globalAlpha = Math.max(0.15, Math.min(0.7, 40 / (others.length + 1)));
      pen.beginPath();
      for (const other of others) {
        if (!this.model.shown[other]) continue;
        const to = this.spot(other);
        pen.moveTo(from.x, from.y);
        pen.lineTo(to.x, to.y);
      }
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }
}

export { FONT, INTO, OUT };
