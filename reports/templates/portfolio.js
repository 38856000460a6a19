// Sorts and filters the embedded rows; only the rows in view stand in the document. Nothing is loaded.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const words = JSON.parse(document.getElementById("words").textContent);
const lang = document.documentElement.lang;
const list = document.getElementById("list");
const body = list.querySelector("tbody");
const HIGH = 35, SPARE = 12;
const folded = data.names.map((name, place) => (name + " " + data.site_ids[place]).toLocaleLowerCase());
const order = Object.keys(words.states);
const plain = new Intl.NumberFormat(lang);
const tenths = new Intl.NumberFormat(lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
let by = "month", down = true, shown = [];

function signed(text) { return text.replace("-", "\u2212"); }
function money(amount, currency) {
  const digits = data.digits[currency];
  const format = new Intl.NumberFormat(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return currency + "\u00a0" + signed(format.format(amount / 10 ** digits));
}
const value = {
  site: (row) => data.site[row], month: (row) => data.month[row], state: (row) => order.indexOf(data.state[row]),
  grade: (row) => data.grade[row] || null, cut: (row) => data.cut[row], ready: (row) => data.ready[row],
  saved: (row) => (data.saved[row] === null ? null : data.saved[row] / 10 ** data.digits[data.currency[row]]),
  version: (row) => data.version[row],
};
// Places of the sites in alphabetical order, so that sorting by name compares numbers.
const alphabet = [...data.names.keys()].sort((a, b) => data.names[a].localeCompare(data.names[b], lang));
const rank = []; alphabet.forEach((site, place) => { rank[site] = place; });
value.site = (row) => rank[data.site[row]];

function compare(a, b) {
  const of = value[by], x = of(a), y = of(b);
  if (x === null || y === null) return (x === null) - (y === null) || a - b; // what is not stated comes last
  if (by === "saved" && data.currency[a] !== data.currency[b]) return data.currency[a] < data.currency[b] ? -1 : 1;
  const way = x < y ? -1 : x > y ? 1 : 0;
  return (down ? -way : way) || a - b;
}
function chosen(id) { return document.getElementById(id).value; }
function select() {
  const find = chosen("find").trim().toLocaleLowerCase();
  const month = chosen("month"), state = chosen("state"), grade = chosen("grade");
  const sites = folded.map((text) => !find || text.includes(find));
  shown = [];
  for (let row = 0; row < data.site.length; row++) {
    if (sites[data.site[row]] && (!month || data.month[row] === month) && (!state || data.state[row] === state)
      && (!grade || data.grade[row] === grade)) shown.push(row);
  }
  shown.sort(compare);
  list.scrollTop = 0;
  count();
  draw();
}
function count() {
  const sums = {};
  let proved = 0;
  for (const row of shown) {
    if (data.saved[row] === null) continue;
    proved += 1;
    sums[data.currency[row]] = (sums[data.currency[row]] || 0) + data.saved[row];
  }
  const line = document.getElementById("sums");
  const parts = [(shown.length === 1 ? line.dataset.bill : line.dataset.bills).replace("{count}", plain.format(shown.length)),
    line.dataset.proved.replace("{count}", plain.format(proved))];
  for (const currency of Object.keys(sums).sort()) {
    parts.push(line.dataset.saved.replace("{amount}", money(sums[currency], currency)));
  }
  line.textContent = parts.join(" \u00b7 ");
  document.getElementById("none").hidden = shown.length > 0;
}
function cell(line, text, kind) {
  const made = line.insertCell();
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
function link(place, row, file, text) {
  const made = document.createElement("a");
  made.href = [data.site_ids[data.site[row]], data.month[row], file].map(encodeURIComponent).join("/");
  made.textContent = text;
  place.append(made);
}
function tone(amount) { return "number " + (amount > 0 ? "gain" : amount < 0 ? "loss" : ""); }
function fill(line, row) {
  const name = data.names[data.site[row]], why = data.reasons[data.why[row]];
  const site = cell(line, data.version[row] === null ? name : "");
  site.title = name;
  if (data.version[row] !== null) link(site, row, "report.html", name);
  cell(line, data.months[data.month[row]]);
  const state = cell(line, words.states[data.state[row]], data.state[row] === "ok" ? "" : data.state[row] === "seed" ? "quiet" : "doubt");
  if (why) state.title = why;
  cell(line, data.grade[row]);
  const saved = data.saved[row], cut = data.cut[row], ready = data.ready[row];
  cell(line, saved === null ? words.unstated : money(saved, data.currency[row]), tone(saved));
  cell(line, cut === null ? words.unstated : signed(tenths.format(cut)), tone(cut));
  cell(line, ready === null ? words.unstated : tenths.format(ready), "number");
  const report = cell(line, "");
  if (data.version[row] !== null) {
    report.append(words.version.replace("{number}", data.version[row]) + " ");
    link(report, row, "report.pdf", words.pdf);
  }
}
function gap(rows) {
  const line = body.insertRow();
  line.className = "gap";
  line.setAttribute("aria-hidden", "true");
  line.insertCell().colSpan = 8;
  line.cells[0].style.height = rows * HIGH + "px";
}
function draw() {
  const first = Math.max(0, Math.floor(list.scrollTop / HIGH) - SPARE);
  const last = Math.min(shown.length, first + Math.ceil(list.clientHeight / HIGH) + 2 * SPARE);
  list.querySelector("table").setAttribute("aria-rowcount", shown.length + 1);
  body.replaceChildren();
  if (first) gap(first);
  for (let place = first; place < last; place++) {
    const line = body.insertRow();
    line.setAttribute("aria-rowindex", place + 2);
    fill(line, shown[place]);
  }
  if (last < shown.length) gap(shown.length - last);
}
function mark() {
  for (const head of list.querySelectorAll("th")) {
    if (head.dataset.by === by) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}
for (const head of list.querySelectorAll("th")) {
  head.firstElementChild.addEventListener("click", () => {
    const numbers = head.classList.contains("number") || head.dataset.by === "month";
    down = by === head.dataset.by ? !down : numbers;
    by = head.dataset.by;
    mark();
    shown.sort(compare);
    list.scrollTop = 0;
    draw();
  });
}
const months = document.getElementById("month");
for (const [month, name] of Object.entries(data.months)) months.add(new Option(name, month));
if (months.options.length > 1) months.selectedIndex = 1;
document.getElementById("filters").addEventListener("input", select);
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
let waiting = false;
list.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
});
addEventListener("resize", draw);
mark();
select();
