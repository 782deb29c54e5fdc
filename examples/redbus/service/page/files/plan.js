// The seats: one button each, in groups by row. One of them can be reached by Tab; from
// there the arrows move, as in a grid.

// What a seat looks like, and what a screen reader says.
const words = { free: "free", chosen: "chosen", held: "held by someone", booked: "booked", closed: "not for sale", mine: "held for you", bought: "yours" };
const looks = { available: "free", blocked: "held", booked: "booked", closed: "closed" };

export const make = (name, attributes, ...children) => {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
};

export class Plan {
  counts = { available: 0, blocked: 0, booked: 0, closed: 0 };
  chosen = new Set(); // labels
  #seats = new Map(); // by label: {label, button, state, mine}
  #buttons = [];
  #current; // the button that Tab reaches

  // A plan shows the seats of a snapshot as the layout has them, and calls pick(label)
  // when one is clicked.
  constructor(root, layout, seats, pick) {
    root.replaceChildren();
    for (const s of seats) this.#add(s);
    const widest = Math.max(1, ...seats.map((s) => s.seat.length));
    root.style.setProperty("--label", `${Math.min(widest, 12)}ch`);
    root.classList.toggle("line", !layout.rows);
    if (layout.rows) this.#rows(root, layout.rows);
    else root.append(...this.#some(seats.map((s) => s.seat)));
    this.#buttons = [...root.querySelectorAll("button")];
    this.#reach(this.#buttons[0]);
    root.onclick = (e) => {
      const button = e.target.closest("button");
      if (button) this.#reach(button);
      if (button) pick(button.dataset.seat);
    };
    root.onkeydown = (e) => {
      const next = e.ctrlKey || e.altKey || e.metaKey ? null : this.#next(e.target, e.key);
      if (!next) return;
      e.preventDefault();
      this.#reach(next);
      next.focus();
    };
  }

  #add({ seat, state }) {
    const button = make("button", { type: "button", class: "seat", tabindex: "-1" }, seat);
    button.dataset.seat = seat;
    this.#seats.set(seat, { label: seat, button, state, mine: "" });
    this.counts[state]++;
    this.#paint(this.#seats.get(seat));
  }

  #some(labels) { return labels.filter((l) => this.#seats.has(l)).map((l) => this.#seats.get(l).button); }

  #rows(root, rows) {
    let box;
    let section;
    for (const row of rows) {
      const buttons = this.#some(row.seats);
      if (!buttons.length) continue;
      if (!box || section !== row.section) {
        section = row.section;
        box = make("div", { class: "section" });
        if (section) box.append(make("h3", {}, section));
        root.append(box);
      }
      const what = `${row.table ? "Table" : "Row"} ${row.name ?? ""}`.trim();
      const group = make("div", { class: row.table ? "row table" : "row", role: "group", "aria-label": section ? `${section}, ${what}` : what });
      group.append(make("span", { class: "name", "aria-hidden": "true" }, row.name ?? ""), make("span", { class: "places" }, ...buttons));
      this.#some(row.aisles ?? []).forEach((b) => b.classList.add("aisle"));
      box.append(group);
    }
  }

  #reach(button) {
    if (this.#current) this.#current.tabIndex = -1;
    this.#current = button;
    if (button) button.tabIndex = 0;
  }

  #next(from, key) {
    const i = this.#buttons.indexOf(from);
    const vertical = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (i < 0) return;
    if (vertical) return this.#beside(i, vertical);
    return this.#buttons[{ ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: this.#buttons.length - 1 }[key]];
  }

  // beside returns the button of the line above or below that is nearest, wherever the
  // lines of the plan break.
  #beside(i, step) {
    const at = this.#buttons[i].getBoundingClientRect();
    const off = (r) => Math.abs(r.left + r.width / 2 - at.left - at.width / 2);
    let best, top;
    for (let j = i + step; j >= 0 && j < this.#buttons.length; j += step) {
      const r = this.#buttons[j].getBoundingClientRect();
      if (Math.abs(r.top - at.top) < at.height / 2) continue; // the same line
      top ??= r.top;
      if (Math.abs(r.top - top) >= at.height / 2) break; // one line further
      if (!best || off(r) < off(best.r)) best = { r, button: this.#buttons[j] };
    }
    return best?.button;
  }

  // set says what the service knows of a seat.
  set(label, state) {
    const s = this.#seats.get(label);
    if (!s || s.state === state) return;
    this.counts[s.state]--;
    this.counts[state]++;
    s.state = state;
    s.button.classList.remove("lost");
    this.#paint(s);
  }

  state(label) { return this.#seats.get(label)?.state; }
  owns(label) { return this.#seats.get(label)?.mine; }

  // own says which seats are the user's: "mine" while held, "bought", or "".
  own(labels, mine) {
    for (const s of labels.map((l) => this.#seats.get(l)).filter(Boolean)) {
      s.mine = mine;
      this.#paint(s);
    }
  }

  // choose adds a seat to the choice or takes it away. A seat that was lost to someone is
  // marked until the service says what became of it.
  choose(label, on, lost = false) {
    const s = this.#seats.get(label);
    if (!s) return;
    this.chosen[on ? "add" : "delete"](label);
    s.button.classList.toggle("lost", lost);
    this.#paint(s);
  }

  #paint(s) {
    const free = s.state === "available" && !s.mine;
    const look = s.mine || (free && this.chosen.has(s.label) ? "chosen" : looks[s.state]);
    s.button.dataset.look = look;
    s.button.setAttribute("aria-label", `Seat ${s.label}, ${words[look]}`);
    if (free) s.button.setAttribute("aria-pressed", String(look === "chosen"));
    else s.button.removeAttribute("aria-pressed");
    s.button.setAttribute("aria-disabled", String(!free));
  }
}
