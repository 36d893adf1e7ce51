// What is shown, as a file: PNG, SVG of lines and discs and texts, GEXF, CSV.

import { colour, csv, save, xml } from "./dom.js";
import { FONT } from "./view.js";

export function png(view, name) {
  view.sigma.refresh();
  view.all();
  const { width, height } = view.sigma.getDimensions();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * view.ratio, height * view.ratio];
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour("--page");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  for (const layer of [view.edges.canvas, view.tieLayer, view.sigma.getCanvases().nodes, view.labelLayer]) {
    pen.globalAlpha = layer === view.edges.canvas && view.near ? 0.15 : 1;
    pen.drawImage(layer, 0, 0, canvas.width, canvas.height);
  }
  canvas.toBlob((blob) => save(`${name}.png`, [blob], "image/png"));
}

const SOME = 400; // edges in one path: few enough that paths over each other show density

export function svg(view) {
  const { model } = view;
  const { width, height } = view.sigma.getDimensions();
  const spots = Array.from({ length: model.n }, (_, node) => view.spot(node));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="100%" height="100%" fill="${colour("--page")}"/>`,
    ...lines(model, spots),
    '<g stroke="#fff" stroke-width="0.4">',
  ];
  for (const node of [...model.order].reverse()) {
    if (!model.shown[node]) continue;
    const { x, y } = spots[node];
    const radius = view.radius(node).toFixed(1);
    parts.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${radius}" fill="${model.colours[node]}"/>`);
  }
  parts.push(`</g><g font-family="${xml(FONT)}" fill="${colour("--ink")}" stroke="${colour("--page")}" ` +
    'stroke-width="3" stroke-linejoin="round" paint-order="stroke">');
  const pen = document.createElement("canvas").getContext("2d");
  for (const { node, x, y, size } of view.placed(width, height, view.measure(pen)))
    parts.push(`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}">${xml(model.label[node])}</text>`);
  parts.push("</g></svg>");
  return parts;
}

// the edges shown as paths, by the colour of where they come from
function* lines(model, spots) {
  const byColour = new Map();
  for (let e = 0; e < model.m; e++) {
    const [a, b] = [model.source[e], model.target[e]];
    if (!model.shown[a] || !model.shown[b]) continue;
    const ink = model.colours[a];
    if (!byColour.has(ink)) byColour.set(ink, []);
    const [from, to] = [spots[a], spots[b]].map(({ x, y }) => `${Math.round(x)} ${Math.round(y)}`);
    byColour.get(ink).push(`M${from}L${to}`);
  }
  const many = [...byColour.values()].reduce((sum, paths) => sum + paths.length, 0);
  const opacity = Math.max(0.04, Math.min(0.4, 4000 / (many + 1))).toFixed(2);
  for (const [ink, paths] of byColour) {
    yield `<g fill="none" stroke="${ink}" stroke-width="0.5" stroke-opacity="${opacity}">`;
    for (let at = 0; at < paths.length; at += SOME) yield `<path d="${paths.slice(at, at + SOME).join("")}"/>`;
    yield "</g>";
  }
}

export function gexf(model) {
  const attributes = ["community", "degree", model.scoreName, ...model.groups.map((group) => group.name)];
  if (model.handle) attributes.push("handle");
  const types = attributes.map((_, at) => (at < 2 ? "long" : at === 2 ? "double" : "string"));
  const declared = attributes.map((name, at) => `<attribute id="${at}" title="${xml(name)}" type="${types[at]}"/>\n`);
  const kind = model.directed ? "directed" : "undirected";
  const parts = [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    '<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" version="1.3">\n',
    `<meta><creator>sneeuwbal</creator><description>${xml(JSON.stringify(model.parameters))}</description></meta>\n`,
    `<graph defaultedgetype="${kind}" mode="static">\n<attributes class="node" mode="static">\n`,
    ...declared, "</attributes>\n<nodes>\n",
  ];
  for (let i = 0; i < model.n; i++) if (model.shown[i]) parts.push(node(model, i));
  parts.push("</nodes>\n<edges>\n");
  for (let e = 0; e < model.m; e++) {
    const [a, b] = [model.source[e], model.target[e]];
    if (!model.shown[a] || !model.shown[b]) continue;
    const weight = model.weight ? ` weight="${model.weight[e]}"` : "";
    parts.push(`<edge id="${e}" source="${xml(model.id[a])}" target="${xml(model.id[b])}"${weight}/>\n`);
  }
  parts.push("</edges>\n</graph>\n</gexf>\n");
  return parts;
}

function node(model, i) {
  const groups = model.groups.map((group) => (group.code[i] < 0 ? null : group.values[group.code[i]]));
  const values = [model.community[i], model.degree[i], model.score[i], ...groups];
  if (model.handle) values.push(model.handle[i] || null);
  const attvalues = values.map((value, at) => (value === null ? "" : `<attvalue for="${at}" value="${xml(value)}"/>`)).join("");
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(model.colours[i].slice(at, at + 2), 16));
  return (
    `<node id="${xml(model.id[i])}" label="${xml(model.label[i])}"><attvalues>${attvalues}</attvalues>` +
    `<viz:position x="${model.x[i]}" y="${model.y[i]}" z="0.0"/><viz:size value="${model.size[i]}"/>` +
    `<viz:color r="${r}" g="${g}" b="${b}"/></node>\n`
  );
}

export function nodesCsv(model) {
  const head = ["id", "label", ...(model.handle ? ["handle"] : []), "community", "degree", model.scoreName];
  const rows = [[...head, ...model.groups.map((group) => group.name)]];
  for (const i of model.order) {
    if (!model.shown[i]) continue;
    const groups = model.groups.map((group) => (group.code[i] < 0 ? "" : group.values[group.code[i]]));
    const who = [model.id[i], model.label[i], ...(model.handle ? [model.handle[i]] : [])];
    rows.push([...who, model.community[i] + 1, model.degree[i], model.score[i], ...groups]);
  }
  return ["\ufeff", ...rows.map((row) => `${row.map(csv).join(",")}\r\n`)];
}
