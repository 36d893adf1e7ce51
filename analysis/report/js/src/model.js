// A network as arrays, what is shown of it, and who is chosen. No drawing here.

import { fold } from "./dom.js";

export class Model {
  constructor(nodes, block) {
    Object.assign(this, nodes);
    const n = (this.n = nodes.id.length);
    const words = new Uint32Array(block);
    const m = words[n];
    const part = (at) => words.subarray(n + 1 + at * m, n + 1 + (at + 1) * m);
    const source = new Uint32Array(m);
    for (let i = 0; i < n; i++) source.fill(i, words[i], words[i + 1]);
    this.ever = { source, target: part(0), opened: part(1), closed: part(2) };
    this.weight = nodes.weighted ? part(1) : null;
    this.at(nodes.rounds.length - 1);
    this.order = [...nodes.id.keys()].sort((a, b) => nodes.score[b] - nodes.score[a] || a - b);
    this.rank = new Uint32Array(n);
    this.order.forEach((node, rank) => (this.rank[node] = rank));
    const top = Math.max(...nodes.score, 1e-9);
    this.weightiness = nodes.score.map((score) => Math.sqrt(score / top));
    this.folded = nodes.label.map((name, i) => fold(`${name} ${nodes.handle?.[i] ?? ""}`));
    this.colours = nodes.community.map((c) => nodes.palette[Math.min(c, nodes.palette.length - 1)]);
    this.shown = new Uint8Array(n).fill(1);
    this.reset();
  }

  // the ties that are open in a round; all, in a network without rounds
  at(round) {
    this.round = round;
    const { source, target, opened, closed } = this.ever;
    const open = (_, e) => round < 0 || (opened[e] <= round && round < closed[e]);
    this.source = source.filter(open);
    this.target = target.filter(open);
    this.m = this.source.length;
    this.offsets = new Uint32Array(this.n + 1);
    for (const node of this.source) this.offsets[node + 1]++;
    for (let i = 0; i < this.n; i++) this.offsets[i + 1] += this.offsets[i];
    this.reverse();
  }

  // who points to each node, as offsets into a list
  reverse() {
    const offsets = (this.inOffsets = new Uint32Array(this.n + 1));
    for (const node of this.target) offsets[node + 1]++;
    for (let i = 0; i < this.n; i++) offsets[i + 1] += offsets[i];
    this.inSource = new Uint32Array(this.m);
    this.inEdge = new Uint32Array(this.m);
    const next = offsets.slice();
    for (let e = 0; e < this.m; e++) {
      const at = next[this.target[e]]++;
      this.inSource[at] = this.source[e];
      this.inEdge[at] = e;
    }
  }

  reset() {
    this.without = new Set(); // communities
    this.group = this.groups.map(() => -1);
    this.largest = this.n;
    this.least = 0;
    this.filter();
  }

  filter() {
    for (let i = 0; i < this.n; i++) {
      const inGroups = this.groups.every((group, at) => this.group[at] < 0 || group.code[i] === this.group[at]);
      const kept = !this.without.has(this.community[i]) && this.degree[i] >= this.least && inGroups;
      this.shown[i] = kept ? 1 : 0;
    }
    let left = this.largest;
    for (const i of this.order) if (this.shown[i] && left-- <= 0) this.shown[i] = 0;
  }

  counts() {
    let nodes = 0;
    let edges = 0;
    for (let i = 0; i < this.n; i++) nodes += this.shown[i];
    for (let e = 0; e < this.m; e++) edges += this.shown[this.source[e]] & this.shown[this.target[e]];
    return { nodes, edges };
  }

  out(i) {
    return this.target.subarray(this.offsets[i], this.offsets[i + 1]);
  }

  into(i) {
    return this.inSource.subarray(this.inOffsets[i], this.inOffsets[i + 1]);
  }

  tie(i, other) {
    for (let e = this.offsets[i]; e < this.offsets[i + 1]; e++) if (this.target[e] === other) return this.weight?.[e] ?? 1;
    for (let k = this.inOffsets[i]; k < this.inOffsets[i + 1]; k++)
      if (this.inSource[k] === other) return this.weight?.[this.inEdge[k]] ?? 1;
    return 0;
  }

  neighbours(i) {
    return new Set([...this.out(i), ...this.into(i)]);
  }

  find(text, most = 12) {
    const wanted = fold(text.trim());
    if (!wanted) return [];
    const found = [];
    for (const i of this.order) {
      if (this.folded[i].includes(wanted)) found.push(i);
      if (found.length === most) break;
    }
    return found;
  }

  name(community) {
    return this.communities[community] || "";
  }
}
