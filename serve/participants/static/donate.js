// A donation: read in the browser, looked through, and what is left is sent.

import { tables, Unreadable } from "./export.js";

const PAGE = 50;  // rows shown at a time

for (const section of document.querySelectorAll(".donation")) begin(section);

function begin(section) {
  const offer = JSON.parse(section.querySelector("script").textContent), input = section.querySelector("input[type=file]");
  const status = section.querySelector(".status"), look = section.querySelector(".look");
  const problem = section.querySelector(".problem"), send = section.querySelector(".send");
  let shown = [];
  input.addEventListener("change", async () => {
    look.hidden = true;
    problem.textContent = "";
    status.textContent = offer.words.reading;
    try {
      const found = await tables([...input.files], offer);
      shown = Object.entries(found).filter(([, table]) => table.rows.length).map(([name, table]) => new Shown(name, table, offer.words));
      section.querySelector(".tables").replaceChildren(...shown.map((one) => one.element));
      look.hidden = false;
      status.textContent = "";
      look.querySelector("h3").focus();
    } catch (error) {
      const key = error instanceof Unreadable ? error.message : "broken";
      status.textContent = say(offer.words[key], { title: offer.title, file: Object.keys(offer.files)[0] });
    }
  });
  send.addEventListener("click", async () => {
    const left = shown.filter((one) => one.kept), address = section.querySelector("[name=address]");
    if (address && !address.checkValidity()) return void (problem.textContent = offer.words.own_page_wrong);
    if (!section.querySelector(".agree").checked) return void (problem.textContent = offer.words.agree_first);
    if (!left.length) return void (problem.textContent = offer.words.nothing_left);
    problem.textContent = offer.words.sending;
    send.disabled = true;
    const answer = await post(offer, left, address?.value ?? "");
    if (answer.code) return receipt(section, offer, answer);
    problem.textContent = answer.error ?? offer.words.failed;
    send.disabled = false;
  });
}

async function post(offer, left, address) {
  const body = { agreed: true, version: offer.version, language: offer.language, address,
    tables: Object.fromEntries(left.map((one) => [one.name, one.donated()])) };
  try {
    const answer = await fetch(`${offer.send}?lang=${offer.language}`, { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-Page": offer.page } });
    return await answer.json();
  } catch {
    return {};
  }
}

function receipt(section, offer, answer) {
  const { words } = offer, head = made("h2", words.receipt);
  head.tabIndex = -1;
  const code = made("p", answer.code);
  code.className = "code";
  section.replaceChildren(head, made("p", words.receipt_how), code, made("p", say(words.receipt_link, { url: offer.withdraw })),
    made("p", say(words.given, { covers: answer.covers })));
  head.focus();
}

// A table to look through: its rows have ticks, and a search shows some of them.
class Shown {
  constructor(name, table, words) {
    Object.assign(this, { name, table, words, struck: new Set(), limit: PAGE, wanted: "" });
    this.element = made("section");
    const heading = made("h4", name), search = made("input"), label = made("label", say(words.search, { file: name }));
    search.type = "search";
    search.id = `search-${name}`;
    label.htmlFor = search.id;
    search.addEventListener("input", () => { this.wanted = search.value.toLowerCase(); this.limit = PAGE; this.draw(); });
    this.count = made("p");
    this.count.setAttribute("role", "status");
    this.body = made("tbody");
    this.more = button(words.more, () => { this.limit += PAGE; this.draw(); });
    const buttons = made("div");
    buttons.className = "buttons";
    buttons.append(button(words.strike_shown, () => this.all(false)), button(words.keep_shown, () => this.all(true)));
    const odd = table.odd ? [made("p", say(words.odd, { number: table.odd }))] : [];
    this.element.append(heading, label, search, buttons, this.count, ...odd, this.frame(), this.more);
    this.draw();
  }

  get kept() {
    return this.table.rows.length - this.struck.size;
  }

  donated() {
    const { columns, rows, made: date } = this.table;
    return { columns, rows: rows.filter((_, number) => !this.struck.has(number)), made: date };
  }

  found() {
    const numbers = this.table.rows.keys();
    return [...numbers].filter((number) => this.table.rows[number].some((cell) => cell.toLowerCase().includes(this.wanted)));
  }

  all(keep) {
    for (const number of this.found()) keep ? this.struck.delete(number) : this.struck.add(number);
    this.draw();
  }

  frame() {
    const wide = made("div"), table = made("table"), head = made("tr"), top = made("thead");
    wide.className = "wide";
    wide.tabIndex = 0;  // so that a keyboard can scroll it
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", this.name);
    for (const name of [this.words.keep, ...this.table.columns]) {
      const cell = made("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    top.append(head);
    table.append(top, this.body);
    wide.append(table);
    return wide;
  }

  draw() {
    const found = this.found();
    this.body.replaceChildren(...found.slice(0, this.limit).map((number) => this.row(number)));
    this.more.hidden = found.length <= this.limit;
    this.tell(found.length);
  }

  tell(found) {
    const kept = say(this.words.kept, { kept: this.kept, all: this.table.rows.length });
    this.count.textContent = this.wanted ? `${say(this.words.found, { found })}; ${kept}` : kept;
  }

  row(number) {
    const cells = this.table.rows[number], row = made("tr"), tick = made("input"), first = made("td");
    tick.type = "checkbox";
    tick.checked = !this.struck.has(number);
    tick.setAttribute("aria-label", say(this.words.keep_row, { number: number + 1, text: cells.slice(0, 2).join(" ") }));
    row.classList.toggle("struck", !tick.checked);
    tick.addEventListener("change", () => {
      tick.checked ? this.struck.delete(number) : this.struck.add(number);
      row.classList.toggle("struck", !tick.checked);
      this.tell(this.found().length);
    });
    first.append(tick);
    row.append(first, ...cells.map((cell) => made("td", cell)));
    return row;
  }
}

function made(name, text = "") {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function button(text, act) {
  const element = made("button", text);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
}

const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
