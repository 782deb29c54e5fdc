// What the page does: it shows the plan, keeps it up to date, and carries out what the
// user asks for, one thing at a time.

import { Api, Problem, sleep } from "./api.js";
import { live } from "./live.js";
import { Plan, make } from "./plan.js";

const $ = (id) => document.getElementById(id);
const event = new URLSearchParams(location.search).get("event") || document.body.dataset.event;
const ttl = Number(document.body.dataset.hold);
const store = `seats of ${event}`; // in the session's storage: the user, the hold and bookings

let api, plan, areas = new Map(); // areas by name: {available, capacity, input, text}
const saved = { user: "", hold: null, bookings: [] };
let end = Infinity, known = 0; // of the hold, and when that was asked for: by performance.now(), since the clock may be wrong
let told = Infinity; // how many seconds were left when the user was last told
let busy = false;
let stop = () => {};

const save = () => sessionStorage.setItem(store, JSON.stringify(saved));
const say = (text) => { $("news").textContent = text; };
const seatsOf = (x) => x?.seats ?? [];
const placesOf = (x) => Object.entries(x?.places ?? {});
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

// list names seats and places for people.
function list(x) {
  const parts = placesOf(x).map(([area, n]) => `${count(n, "place")} in ${area}`);
  const seats = seatsOf(x);
  if (seats.length) parts.unshift(`${seats.length === 1 ? "seat" : "seats"} ${seats.join(", ")}`);
  return parts.join(" and ");
}

// act carries one thing out. Until it is done, nothing else begins. Focus does not stay on
// what is hidden afterwards.
async function act(f) {
  if (busy) return;
  busy = true;
  $("side").setAttribute("aria-busy", "true");
  paint();
  try {
    await f();
  } catch (e) {
    failed(e);
  } finally {
    busy = false;
    $("side").removeAttribute("aria-busy");
    lost([...plan.chosen].filter((l) => plan.state(l) !== "available"));
    paint();
  }
}

const unreachable = "The service cannot be reached. Try again: nothing is done twice.";
const refusals = {
  "sold-out": "Sold out: no seat is free.",
  "not-enough": "There are not so many free. Try fewer, or not side by side.",
  limit: "That is more than one person may hold here, or for longer.",
};

function failed(e) {
  if (!(e instanceof Problem)) return say(unreachable);
  if (e.kind === "expired") return ranOut();
  if (e.kind === "unauthorized") return leave();
  if (e.kind !== "taken") return say(refusals[e.kind] ?? e.message);
  if (!lost(e.seats)) say("Someone was faster. Nothing is held.");
}

// lost takes seats out of the choice that someone else has got.
function lost(labels) {
  const gone = labels.filter((l) => plan.chosen.has(l));
  for (const l of gone) plan.choose(l, false, true);
  if (gone.length) say(`${capital(list({ seats: gone }))} just slipped away: someone was faster. Nothing of it is held.`);
  return gone.length > 0;
}

// keep takes a hold that the service has given or confirmed.
function keep(h) {
  own(saved.hold, "");
  saved.hold = { token: h.token, seats: h.seats, places: h.places };
  [known, end] = [h.asked, h.asked + h.left_ms];
  told = Infinity;
  for (const l of seatsOf(h)) plan.choose(l, false);
  own(saved.hold, "mine");
  save();
  tick();
}

const own = (x, how) => plan.own(seatsOf(x), how);

// drop forgets the hold, and tells why.
function drop(news) {
  own(saved.hold, "");
  saved.hold = null;
  save();
  paint();
  say(news);
}

const ranOut = () => saved.hold && drop(`Your hold has run out: ${list(saved.hold)} can be had by others now. Choose again.`);

// tick shows what is left, and tells it to those who do not see it a minute and 15 seconds
// before the end.
function tick() {
  if (!saved.hold || end === Infinity) return; // after a reload it is not known yet
  const left = Math.ceil((end - performance.now()) / 1000);
  if (left <= 0) return busy || ranOut(); // what is being done will tell
  $("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  $("held").classList.toggle("soon", left <= 15);
  for (const mark of [60, 15]) {
    if (left <= mark && told > mark && left > mark - 10) say(`${mark} seconds are left of your hold.`);
  }
  told = left;
}

// check asks the service whether the hold is still there, and for how long. If it does not
// say, the countdown goes on by what is known.
async function check() {
  const h = saved.hold;
  if (!h || !plan || busy) return;
  const answer = await api.get("holds").catch(() => null);
  if (!answer || saved.hold?.token !== h.token || busy || answer.asked < known) return;
  const same = answer.holds.find((x) => list(x) === list(h));
  if (same) keep({ ...same, token: h.token, asked: answer.asked });
  else ranOut();
}

function paint() {
  const c = plan.counts;
  const places = [...areas.values()];
  $("counts").textContent = `${c.available} free, ${c.blocked} held, ${c.booked} booked`;
  $("sold").hidden = c.available > 0 || places.some((a) => a.available > 0);
  for (const [name, a] of areas) {
    a.text.textContent = `${name}: ${a.available} of ${count(a.capacity, "place")} free`;
    a.input.max = a.available;
  }
  const wish = wanted();
  const some = wish.seats.length + placesOf(wish).length > 0;
  $("chosen").textContent = some ? `${capital(list(wish))}.` : "Nothing yet.";
  $("hold").setAttribute("aria-disabled", String(!some || busy));
  const hidden = [["choice", !!saved.hold], ["held", !saved.hold], ["booked", !saved.bookings.length], ["best", !!saved.hold]];
  const active = document.activeElement;
  for (const [id, is] of hidden) $(id).hidden = is;
  if (saved.hold) $("what").textContent = `${capital(list(saved.hold))}.`;
  paintBookings();
  if (active && (!active.isConnected || active.closest("[hidden]"))) $(saved.hold ? "held-title" : saved.bookings.length ? "booked-title" : "seats-title").focus();
}

// paintBookings makes the list anew only if it has changed: a button in it may have focus.
let listed = [];
function paintBookings() {
  if (saved.bookings.length === listed.length && saved.bookings.every((b, i) => b === listed[i])) return;
  listed = [...saved.bookings];
  $("bookings").replaceChildren(...listed.map((b) => make("li", {}, `${capital(list(b))}. `, ...(b.token ? [cancelButton(b)] : []))));
}

// cancelButton cancels a booking when it is pressed twice, without going elsewhere between.
function cancelButton(b) {
  const button = make("button", { class: "quiet" });
  let sure;
  const ask = (is) => {
    sure = is;
    button.textContent = sure ? "Really cancel" : "Cancel";
    button.ariaLabel = `${button.textContent} ${list(b)}`;
  };
  ask(false);
  button.onblur = () => ask(false);
  button.onclick = () => {
    if (sure) return cancel(b);
    ask(true);
    button.focus(); // in Safari a click does not
    say(`Cancel ${list(b)}? Others can have it then. Press again if so.`);
  };
  return button;
}

// cancel gives a booking back. One that has ended already is given back, too.
const cancel = (b) => act(async () => {
  try {
    await api.post("cancel", { token: b.token });
  } catch (e) {
    if (!(e instanceof Problem && e.kind === "expired")) throw e;
  }
  saved.bookings = saved.bookings.filter((x) => x !== b);
  own(b, "");
  save();
  say(`Canceled: ${list(b)}. The payment was given back.`);
});

// wanted is what the user has chosen, as the service wants it.
function wanted() {
  const places = {};
  for (const [name, a] of areas) if (a.input.valueAsNumber > 0) places[name] = a.input.valueAsNumber;
  return { seats: [...plan.chosen], places: Object.keys(places).length ? places : undefined };
}

function pick(label) {
  if (plan.state(label) !== "available" || plan.owns(label) || busy) return;
  if (saved.hold) return say("Book or release what is held for you first.");
  plan.choose(label, !plan.chosen.has(label));
  paint();
}

const hold = (path, body) => act(async () => {
  const h = await api.post(path, { ...body, ttl_ms: ttl });
  for (const a of areas.values()) a.input.value = 0;
  keep(h);
  say(`Held for you: ${list(h)}.`);
});

$("hold").onclick = () => {
  const { seats, places } = wanted();
  if (seats.length || places) hold("block", { seats: seats.length ? seats : undefined, places, list_taken: true });
};

$("best").onsubmit = (e) => {
  e.preventDefault();
  hold("block-any", { n: $("n").valueAsNumber, adjacent: $("adjacent").checked });
};

const extend = async () => keep(await api.post("extend", { token: saved.hold.token, ttl_ms: ttl }));

$("extend").onclick = () => act(async () => {
  await extend();
  say(`Extended: ${$("left").textContent} left.`);
});

$("release").onclick = () => act(async () => {
  await api.post("release", { token: saved.hold.token });
  drop(`Released: ${list(saved.hold)}.`);
});

// charge stands for a service that charges cards. It says whether it has.
const charge = (card) => sleep(card === "slow" ? 20000 : 1000).then(() => card !== "bad");

// Paying first extends the hold, so that it does not end while the card is charged. Who
// has paid for seats that are gone all the same gets the money back.
$("pay").onsubmit = (e) => {
  e.preventDefault();
  act(async () => {
    await extend();
    const { token } = saved.hold;
    say("Paying…");
    if (!(await charge($("card").value))) return say("The card was refused. Nothing was charged; your hold goes on.");
    let b;
    try {
      b = await api.post("book", { token });
    } catch (e) {
      if (!(e instanceof Problem && e.kind === "expired")) throw e;
      return drop("Your hold ran out while you paid. The payment was given back.");
    }
    saved.bookings.push({ token: b.token, seats: b.seats, places: b.places });
    drop(`Booked: ${list(b)}. Enjoy it!`);
    own(b, "bought");
  });
};

// leave forgets the user. What is held stays held until it runs out.
function leave() {
  sessionStorage.removeItem(store);
  location.reload();
}
$("leave").onclick = leave;

// states is what each kind of change makes of its seats and places.
const states = { blocked: "blocked", booked: "booked", released: "available", expired: "available", canceled: "available", closed: "closed", opened: "available", extended: "", paying: "", reissued: "" };

function change(c) {
  if (c.kind === "moved") {
    const was = seatsOf({ seats: c.from }).map((l) => plan.state(l));
    c.from?.forEach((l) => plan.set(l, "available"));
    c.seats?.forEach((l, i) => plan.set(l, was[i] ?? "booked"));
  } else if (!(c.kind in states)) {
    return void enter(); // what that is, only a new snapshot tells
  }
  for (const l of seatsOf(c)) if (states[c.kind]) plan.set(l, states[c.kind]);
  for (const [name, n] of placesOf(c)) {
    const a = areas.get(name);
    if (a) a.available += n * ({ available: 1, blocked: -1 }[states[c.kind]] ?? 0);
  }
  if (!busy) {
    lost(seatsOf(c).filter((l) => plan.state(l) !== "available" && !plan.owns(l)));
    if (states[c.kind] === "available" && seatsOf(c).some((l) => plan.owns(l) === "mine")) check();
  }
  paint();
}

// picture takes all states anew.
function picture(shot) {
  const gone = (b) => seatsOf(b).some((l) => plan.state(l) !== "booked");
  for (const s of shot.seats) plan.set(s.seat, s.state);
  for (const a of shot.areas ?? []) if (areas.has(a.area)) areas.get(a.area).available = a.available;
  saved.bookings.filter(gone).forEach((b) => own(b, ""));
  saved.bookings = saved.bookings.filter((b) => !gone(b));
  save();
  if (!busy) lost([...plan.chosen].filter((l) => plan.state(l) !== "available"));
  paint();
  check();
}

function line(is) {
  $("line").hidden = false;
  $("line").dataset.line = is ? "on" : "off";
  $("line").textContent = is ? "Live" : "Reconnecting…";
  if (is) check();
}

function newArea({ name, capacity }, available) {
  const input = make("input", { type: "number", inputmode: "numeric", min: "0", value: "0" });
  const text = make("span", {});
  input.oninput = paint;
  $("areas").append(make("label", { class: "area" }, text, input));
  areas.set(name, { capacity, available, input, text });
}

// enter shows the event to the user.
async function enter() {
  stop();
  api = new Api(event, saved.user);
  try {
    const [layout, shot] = [await api.get("layout"), await api.get("seats")];
    const chosen = plan?.chosen ?? [];
    plan = new Plan($("plan"), layout, shot.seats, pick);
    for (const l of chosen) if (plan.state(l) === "available") plan.choose(l, true);
    for (const s of shot.seats) if (s.mine) plan.own([s.seat], s.state === "booked" ? "bought" : "mine");
    areas = new Map();
    $("areas").replaceChildren();
    const free = new Map(shot.areas?.map((a) => [a.area, a.available]));
    for (const a of layout.areas ?? []) newArea(a, free.get(a.name) ?? 0);
    $("more").hidden = !shot.more;
    $("me").textContent = $("name").type === "password" ? "known by your key" : saved.user;
    save();
    $("who").hidden = true;
    $("shop").hidden = false;
    picture(shot);
    stop = live(event, shot.cursor, {
      snapshot: picture,
      change,
      line,
      over: () => say($("line").textContent = "The event is over."),
    });
  } catch (e) {
    saved.user = "";
    $("who").hidden = false;
    $("shop").hidden = true;
    say({ unauthorized: "The service does not know this key.", "unknown-event": `There is no event ${event}.` }[e.kind] ?? (e instanceof Problem ? e.message : unreachable));
  }
}

$("who").onsubmit = async (e) => {
  e.preventDefault();
  saved.user = $("name").value.trim();
  if (!saved.user || busy) return;
  busy = true;
  say("");
  await enter();
  busy = false;
  if (plan) $("seats-title").focus();
};

$("event").textContent = event;
document.title = `Seats: ${event}`;
setInterval(tick, 250);
document.addEventListener("visibilitychange", () => document.hidden || check()); // a clock can stand still in sleep
Object.assign(saved, JSON.parse(sessionStorage.getItem(store)));
if (!event) say("Say which event: add ?event=NAME to the address.");
else if (saved.user) enter();
else $("who").hidden = false;
