// The fleet's table: one row per target, sorted, filtered, and only the rows in sight in the document, so that
// thousands stay smooth. Rows are kept and their text changed in place.

import { CHIPS, COLUMNS, isQuiet, keyOf } from "./columns.js";
import { changeOf, duration, fixed, number, percent } from "./formats.js";
import { keep, make, mark, partsOf, say } from "./elements.js";

const WHOLE = 200; // up to this many rows all are in the document
const SPARE = 12; // rows beyond the edge of sight

function compare(one, other) {
  if (one === other) return 0;
  if (one === null) return 1;
  if (other === null) return -1;
  return one < other ? -1 : 1;
}

export class Fleet {
  #root;
  #parts;
  #rows = new Map(); // key -> {tr, cells, report}
  #reports = [];
  #view = [];
  #sort = { column: COLUMNS[0], descending: false };
  #chip = "all";
  #words = [];
  #selected = null;
  #height = 48;
  #spacers;
  #frame = 0;

  constructor(root, filter) {
    this.#root = root;
    this.#parts = partsOf(root);
    this.#spacers = [make("tr", "spacer"), make("tr", "spacer")];
    for (const spacer of this.#spacers) mark(spacer, "aria-hidden", "true");
    this.#parts.body.append(...this.#spacers);
    this.#buildHead();
    this.#buildChips();
    filter.addEventListener("input", () => {
      this.#words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.#arrange({ top: true });
    });
    this.#parts.scroller.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(this.#parts.scroller);
    this.#parts.body.addEventListener("click", (event) => this.#clicked(event));
    this.#parts.body.addEventListener("keydown", (event) => this.#pressed(event));
    this.#waiting();
  }

  /** Show these reports; `words` replaces the table where there are none to show. */
  update(reports) {
    this.#reports = reports;
    mark(this.#root, "aria-busy", null);
    this.#total();
    this.#arrange({});
  }

  /** Say in the table's place why there is nothing. */
  fail(words) {
    mark(this.#root, "aria-busy", null);
    if (this.#reports.length === 0) this.#nothing("Nothing to show yet", words);
  }

  /** Mark the open target, or none. */
  select(key, { reveal = false } = {}) {
    const before = this.#selected;
    this.#selected = key;
    for (const row of this.#rows.values()) mark(row.tr, "aria-current", row.key === key ? "true" : null);
    if (reveal) this.#soon(() => this.#focus(this.#view.findIndex((r) => keyOf(r) === (key ?? before)), key === null));
  }

  #waiting() {
    const bones = Array.from({ length: 6 }, () => make("span", "bone"));
    this.#parts.nothing.replaceChildren(make("p", "unseen", "Loading targets"), ...bones);
  }

  #nothing(title, words) {
    this.#parts.nothing.replaceChildren(make("p", "strong", title), make("p", "faint", words));
  }

  #buildHead() {
    for (const column of COLUMNS) {
      const button = make("button", "", column.name, make("span", "order"));
      button.type = "button";
      if (column.hint) button.title = column.hint;
      const cell = make("th", `c-${column.key}`, button);
      cell.scope = "col";
      button.addEventListener("click", () => {
        const same = this.#sort.column === column;
        this.#sort = { column, descending: same ? !this.#sort.descending : Boolean(column.descending) };
        this.#arrange({ top: true });
      });
      this.#parts.head.append(cell);
    }
  }

  #buildChips() {
    for (const [key] of CHIPS) {
      const button = make("button", "chip", make("span"), make("b"));
      button.type = "button";
      button.addEventListener("click", () => {
        this.#chip = this.#chip === key ? "all" : key;
        this.#arrange({ top: true });
      });
      this.#parts.chips.append(button);
    }
  }

  #total() {
    this.#parts.totals.hidden = this.#reports.length === 0;
    const both = this.#reports.filter((r) => changeOf(r) !== null);
    const sum = (pick) => this.#reports.reduce((total, r) => total + pick(r), 0);
    const actual = sum((r) => r.ledger.replica_hours_actual);
    const then = sum((r) => r.ledger.replica_hours_recommended);
    const unusual = this.#reports.map((r) => r.anomaly).filter((anomaly) => anomaly.detected);
    const alarming = unusual.filter((anomaly) => !isQuiet(anomaly));
    const critical = alarming.filter((anomaly) => anomaly.severity === "critical").length;
    const quiet = unusual.length - alarming.length;
    const longest = Math.max(0, ...this.#reports.map((r) => r.ledger.seconds));
    const share = (from, to) => (from > 0 ? percent(to / from - 1, { digits: 1, signed: true }) : "");
    const tell = (name, from, to, note) => {
      const [is, arrow, says, small] = keep(this.#parts[name], 4, () => make("span"));
      is.className = to === null ? "" : "is-actual";
      arrow.className = "arrow";
      says.className = "is-helios";
      small.className = "note";
      say(is, number(from));
      say(arrow, to === null ? "" : " → ");
      say(says, to === null ? "" : number(to));
      say(small, note);
    };
    const [running, recommended] = ["current_replicas", "recommended_replicas"].map((name) => both.reduce((t, r) => t + r[name], 0));
    const [short, shortThen] = [sum((r) => r.ledger.short_minutes_actual), sum((r) => r.ledger.short_minutes_recommended)];
    const days = longest > 0 ? `, last ${duration(longest)}` : "";
    tell("replicas", running, recommended, share(running, recommended));
    say(this.#parts.hoursLabel, `Replica-hours${days}`);
    tell("hours", actual, then, share(actual, then));
    say(this.#parts.shortLabel, `Minutes short${days}`);
    tell("short", Math.round(short), Math.round(shortThen), short === shortThen ? "" : fixed(shortThen - short, 0, true));
    const asides = [critical ? `${critical} critical` : "", quiet ? `${quiet} muted or seen` : ""];
    tell("anomalies", alarming.length, null, asides.filter(Boolean).join(", "));
  }

  #arrange({ top = false }) {
    const test = CHIPS.find(([key]) => key === this.#chip)[2];
    const { column, descending } = this.#sort;
    const named = this.#reports.filter((r) => {
      const name = keyOf(r).toLowerCase();
      return this.#words.every((word) => name.includes(word));
    });
    const sorted = named.filter(test).map((report) => ({ report, by: column.sort(report), name: keyOf(report) }));
    sorted.sort((one, other) => {
      const known = one.by !== null && other.by !== null;
      return (known && descending ? -1 : 1) * compare(one.by, other.by) || compare(one.name, other.name);
    });
    this.#view = sorted.map((entry) => entry.report);
    CHIPS.forEach(([key, name, counts], i) => {
      const button = this.#parts.chips.children[i];
      say(button.children[0], name);
      say(button.children[1], number(named.filter(counts).length));
      mark(button, "aria-pressed", key === this.#chip);
    });
    COLUMNS.forEach((each, i) => {
      const sort = each === column ? (descending ? "descending" : "ascending") : null;
      mark(this.#parts.head.children[i], "aria-sort", sort);
      say(this.#parts.head.children[i].querySelector(".order"), sort ? (descending ? "↓" : "↑") : "");
    });
    mark(this.#parts.body.parentElement, "aria-rowcount", this.#view.length + 1);
    this.#sayNothing();
    if (top) this.#parts.scroller.scrollTop = 0;
    this.#draw();
  }

  #sayNothing() {
    const { nothing } = this.#parts;
    nothing.hidden = this.#view.length > 0;
    if (!nothing.hidden) {
      if (this.#reports.length) this.#nothing("No target matches", "Change the filter above to see the others.");
      else this.#nothing("No targets yet", "Targets appear here with their first cycle. List them in config.yaml, or try the bundled trace with “helios demo”.");
    }
  }

  #soon(then = null) {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#draw();
      then?.();
    });
  }

  #draw() {
    const { body, scroller } = this.#parts;
    const count = this.#view.length;
    let [first, end] = [0, count];
    if (count > WHOLE) {
      first = Math.max(0, Math.floor(scroller.scrollTop / this.#height) - SPARE);
      end = Math.min(count, first + Math.ceil(scroller.clientHeight / this.#height) + 2 * SPARE);
      first = Math.max(0, Math.min(first, end - 1));
    }
    const wanted = new Map(this.#view.slice(first, end).map((report, i) => [keyOf(report), { report, index: first + i }]));
    for (const [key, row] of this.#rows) {
      if (!wanted.has(key)) {
        row.tr.remove();
        this.#rows.delete(key);
      }
    }
    let before = this.#spacers[0];
    if (body.firstElementChild !== before) body.prepend(before);
    for (const [key, { report, index }] of wanted) {
      let row = this.#rows.get(key);
      if (!row) this.#rows.set(key, (row = this.#build(key)));
      if (before.nextElementSibling !== row.tr) before.after(row.tr);
      before = row.tr;
      if (row.report !== report) this.#fill(row, report);
      mark(row.tr, "aria-rowindex", index + 2);
    }
    if (before.nextElementSibling !== this.#spacers[1]) before.after(this.#spacers[1]);
    this.#spacers[0].style.height = `${first * this.#height}px`;
    this.#spacers[1].style.height = `${(count - end) * this.#height}px`;
    const sample = this.#rows.values().next().value?.tr.getBoundingClientRect().height;
    if (sample > 0 && Math.abs(sample - this.#height) > 0.5) {
      this.#height = sample;
      if (count > WHOLE) this.#soon();
    }
  }

  #build(key) {
    const tr = make("tr", "row");
    const cells = COLUMNS.map((column) => {
      const cell = make(column.key === "target" ? "th" : "td", `c-${column.key}`);
      if (column.key === "target") cell.scope = "row";
      column.build(cell);
      return cell;
    });
    tr.append(...cells);
    tr.dataset.key = key;
    mark(tr, "aria-current", key === this.#selected ? "true" : null);
    return { key, tr, cells, report: null };
  }

  #fill(row, report) {
    row.report = report;
    COLUMNS.forEach((column, i) => column.fill([...row.cells[i].children], report, row.cells[i]));
  }

  #clicked(event) {
    const row = event.target.closest("tr.row");
    if (!row || event.target.closest("a") || String(getSelection())) return;
    row.querySelector("a").click();
  }

  #pressed(event) {
    const row = event.target.closest("tr.row");
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#view.findIndex((r) => keyOf(r) === row.dataset.key);
    const page = Math.max(1, Math.floor(this.#parts.scroller.clientHeight / this.#height) - 2);
    const last = this.#view.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#focus(Math.max(0, Math.min(last, to)), true);
  }

  #focus(index, focus) {
    if (index < 0) return;
    const { scroller, head } = this.#parts;
    const room = scroller.clientHeight - head.parentElement.offsetHeight;
    const top = index * this.#height;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + this.#height > scroller.scrollTop + room) scroller.scrollTop = top + this.#height - room;
    this.#draw();
    if (focus) this.#rows.get(keyOf(this.#view[index]))?.tr.querySelector("a").focus({ preventScroll: true });
  }
}
