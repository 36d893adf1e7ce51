// Elements, files and texts. Names come from outside: they only ever become text, never markup.

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export const bdi = (text) => el("bdi", { textContent: text });

export async function inflate(id) {
  const text = atob(document.getElementById(`data-${id}`).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

export const json = async (id) => JSON.parse(new TextDecoder().decode(await inflate(id)));

export function save(name, parts, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// for search: without accents and case
export const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// for XML and SVG
export const xml = (text) => String(text).replace(/[&<>"'\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`);

// for CSV: what a spreadsheet would run as a formula gets a quote before it
export function csv(value) {
  let text = String(value ?? "");
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",;\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

let table = {};
export const learn = (words) => (table = words);
export const w = (english) => table[english] ?? english;
export const number = (value, places = 0) =>
  value.toLocaleString(table.language === "nl" ? "nl-NL" : "en-GB", { maximumFractionDigits: places });
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
