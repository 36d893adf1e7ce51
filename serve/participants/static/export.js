// Reads an export in the browser: the wanted files of a ZIP (or single CSV files), and in them the wanted columns.

const MOST_ENTRIES = 10000, MOST_DIRECTORY = 16 << 20, MOST_FILE = 64 << 20, FREE = 1 << 20, MOST_RATIO = 200;

export class Unreadable extends Error {}  // its message is the key of what to say

// The tables of the offer in *files* that the participant chose, by the name of the file.
export async function tables(files, offer) {
  const found = {};
  for (const file of files) {
    const parts = /\.csv$/i.test(file.name) ? { [file.name]: { file } } : await zipped(file);
    for (const [wanted, columns] of Object.entries(offer.files)) {
      const part = nearest(parts, wanted.toLowerCase());
      if (!part) continue;
      const bytes = part.file ? await plain(part.file) : await unpacked(part);
      const table = tabled(decoded(bytes), columns, offer);
      if (table) found[wanted] = { ...table, made: part.made ?? null };
    }
  }
  if (!Object.keys(offer.files).some((name) => found[name]?.rows.length)) throw new Unreadable("not_export");
  return found;
}

function nearest(parts, wanted) {
  const depth = (name) => name.split("/").length;
  const names = Object.keys(parts).filter((name) => name.split("/").pop().toLowerCase() === wanted);
  return names.length ? parts[names.sort((a, b) => depth(a) - depth(b))[0]] : null;
}

async function plain(file) {
  if (file.size > MOST_FILE) throw new Unreadable("too_large");
  return new Uint8Array(await file.arrayBuffer());
}

// ---- ZIP (PKWARE APPNOTE 6.3) ------------------------------------------------------------------------------

async function view(file, from, to) {
  return new DataView(await file.slice(from, to).arrayBuffer());
}

async function zipped(file) {
  const start = Math.max(0, file.size - 65557), tail = await view(file, start, file.size);
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Unreadable("broken");
  const count = tail.getUint16(end + 10, true), size = tail.getUint32(end + 12, true), at = tail.getUint32(end + 16, true);
  if (at === 0xffffffff || size > MOST_DIRECTORY || count > MOST_ENTRIES) throw new Unreadable("too_large");
  if (at + size > file.size) throw new Unreadable("broken");
  return listed(file, await view(file, at, at + size), count);
}

function listed(file, directory, count) {
  const parts = {};
  let at = 0;
  for (let number = 0; number < count; number++) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== 0x02014b50) throw new Unreadable("broken");
    const u16 = (offset) => directory.getUint16(at + offset, true), u32 = (offset) => directory.getUint32(at + offset, true);
    const length = u16(28);
    if (at + 46 + length > directory.byteLength) throw new Unreadable("broken");
    const name = new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, length)).replaceAll("\\", "/");
    if (name.startsWith("/") || name.split("/").includes("..") || name[1] === ":") throw new Unreadable("unsafe");
    const part = { zip: file, locked: u16(8) & 1, method: u16(10), made: moment(u16(14), u16(12)), crc: u32(16),
      packed: u32(20), size: u32(24), at: u32(42) };
    if (part.size > Math.max(FREE, part.packed * MOST_RATIO)) throw new Unreadable("unsafe");
    parts[name] ??= part;
    at += 46 + length + u16(30) + u16(32);
  }
  return parts;
}

// A date of MS-DOS, which has no zone, as the importer reads it: in UTC.
function moment(day, time) {
  const two = (number) => String(number).padStart(2, "0");
  const date = `${(day >> 9) + 1980}-${two((day >> 5) & 15)}-${two(day & 31)}`;
  const made = `${date}T${two(time >> 11)}:${two((time >> 5) & 63)}:${two((time & 31) * 2)}Z`;
  return Number.isNaN(Date.parse(made)) ? null : made;
}

async function unpacked(part) {
  if (part.locked || ![0, 8].includes(part.method)) throw new Unreadable("broken");
  if (part.size > MOST_FILE) throw new Unreadable("too_large");
  const head = await view(part.zip, part.at, part.at + 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== 0x04034b50) throw new Unreadable("broken");
  const from = part.at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const stream = part.zip.slice(from, from + part.packed).stream();
  const reader = (part.method ? stream.pipeThrough(new DecompressionStream("deflate-raw")) : stream).getReader();
  const bytes = new Uint8Array(part.size);
  let filled = 0;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      if (filled + step.value.length > part.size) throw new Unreadable("unsafe");  // more than the directory says
      bytes.set(step.value, filled);
      filled += step.value.length;
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    throw error instanceof Unreadable ? error : new Unreadable("broken");
  }
  if (filled !== part.size || checksum(bytes) !== part.crc) throw new Unreadable("broken");
  return bytes;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function checksum(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// ---- CSV (RFC 4180) ----------------------------------------------------------------------------------------

function decoded(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

export function* records(text, delimiter) {
  let row = [], cell = "", quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') { cell += '"'; at++; }
      else quoted = false;
    } else if (char === '"' && cell === "") quoted = true;
    else if (char === delimiter) { row.push(cell); cell = ""; }
    else if (char === "\n" || char === "\r") {
      if (char === "\r" && text[at + 1] === "\n") at++;
      yield [...row, cell];
      row = []; cell = "";
    } else cell += char;
  }
  if (cell !== "" || row.length) yield [...row, cell];
}

const fold = (name) => name.trim().toLowerCase().replaceAll("'", "’").normalize("NFKD").replace(/\p{M}/gu, "");

// The wanted columns of the rows below the heading line, and how many lines do not fit it; null without such a line.
function tabled(text, wanted, offer) {
  const cut = new RegExp(offer.cut, "g");
  for (const delimiter of [",", ";", "\t"]) {
    let header = null, rows = [], odd = 0;
    for (const row of records(text, delimiter)) {
      if (!header) {
        const names = row.map((name) => offer.headings[fold(name)] ?? name);
        if (wanted.slice(0, 2).every((name) => names.includes(name))) header = names;
      } else if (row.length !== header.length) odd += row.some((cell) => cell.trim()) ? 1 : 0;
      else if (row.some((cell) => cell.trim())) rows.push(row);
    }
    if (!header) continue;
    const columns = wanted.filter((name) => header.includes(name)), places = columns.map((name) => header.indexOf(name));
    rows = rows.map((row) => places.map((place) => row[place].replace(cut, "")));
    return { columns, rows: rows.filter((row) => row.some((cell) => cell.trim())), odd };
  }
  return null;
}
