// What the page does: it shows the plan, keeps it up to date, and carries out what the
// user asks for, one thing at a time.

import { Api, Problem, sleep } from "./api.js";
import { live } from "./live.js";
import { Plan, make } from "./plan.js";

const $ = (id) => document.getElementById(id);
const event = new URLSearchParams(location.search).get("event") || document.body.dataset.event;
const ttl = Number(document.body.dataset.hold);
const store = `seats of ${event}`; // in the session's storage: the user, the hold and bookings

let api, plan;
let areas = new Map(); // by name: {available, capacity, input, text}
let saved = { user: "", hold: null, bookings: [] };
let end = 0; // of the hold, by the clock of performance; the clock of the day may be wrong
let told = Infinity; // how many seconds were left when the user was last told
let busy = false;
let stop = () => {};

const save = () => sessionStorage.setItem(store, JSON.stringify(saved));
const say = (text) => { $("news").textContent = text; };
const seatsOf = (x) => x?.seats ?? [];
const placesOf = (x) => Object.entries(x?.places ?? {});
const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

// list names seats and places for people.
function list(x) {
  const parts = placesOf(x).map(([area, n]) => `${count(n, "place")} in ${area}`);
  const seats = seatsOf(x);
  if (seats.length) parts.unshift(`${seats.length === 1 ? "seat" : "seats"} ${seats.join(", ")}`);
  return parts.join(" and ");
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

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
    await failed(e);
  } finally {
    busy = false;
    $("side").removeAttribute("aria-busy");
    lost([...plan.chosen].filter((l) => plan.state(l) !== "available"));
    paint();
  }
}

async function failed(e) {
  switch (e instanceof Problem ? e.kind : "network") {
    case "network": return say("The service cannot be reached. Try again: nothing is done twice.");
    case "taken":
      if (!lost(e.seats)) say("Someone was faster. Nothing is held.");
      return;
    case "sold-out": return say("Sold out: no seat is free.");
    case "not-enough": return say("There are not so many free. Try fewer, or not side by side.");
    case "limit": return say("That is more than one person may hold here, or for longer.");
    case "expired": return ranOut();
    case "unauthorized": return leave();
    default: return say(e.message);
  }
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
  end = h.asked + h.left_ms;
  told = Infinity;
  for (const l of seatsOf(h)) plan.choose(l, false);
  own(saved.hold, "mine");
  save();
  tick();
}

const own = (x, how) => plan.own(seatsOf(x), how);

// drop forgets the hold.
function drop() {
  own(saved.hold, "");
  saved.hold = null;
  save();
  paint();
}

function ranOut() {
  if (!saved.hold) return;
  const what = list(saved.hold);
  drop();
  say(`Your hold has run out: ${what} can be had by others now. Choose again.`);
}

// tick shows what is left, and tells it to those who do not see it a minute and 15 seconds
// before the end.
function tick() {
  if (!saved.hold) return;
  const left = Math.ceil((end - performance.now()) / 1000);
  if (left <= 0) return busy || ranOut(); // what is being done will tell
  $("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  $("held").classList.toggle("soon", left <= 15);
  for (const mark of [60, 15]) {
    if (left <= mark && told > mark && left > mark - 10) say(`${mark} seconds are left of your hold.`);
  }
  told = left;
}

// check asks the service whether the hold is still there, and for how long.
async function check() {
  if (!saved.hold || busy) return;
  const token = saved.hold.token;
  const same = (h) => list(h) === list(saved.hold);
  try {
    const { holds, asked } = await api.get("holds");
    if (saved.hold?.token !== token || busy) return;
    const h = holds.find(same);
    if (h) keep({ ...h, token, asked });
    else ranOut();
  } catch {
    // The countdown goes on by what was known.
  }
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
  $("bookings").replaceChildren(...saved.bookings.map((b) => make("li", {}, `${capital(list(b))}.`)));
  if (active?.closest("[hidden]")) $(saved.hold ? "held-title" : saved.bookings.length ? "booked-title" : "seats-title").focus();
}

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
  const body = wanted();
  if (body.seats.length || body.places) hold("block", { seats: body.seats.length ? body.seats : undefined, places: body.places, list_taken: true });
};

$("best").onsubmit = (e) => {
  e.preventDefault();
  hold("block-any", { n: $("n").valueAsNumber, adjacent: $("adjacent").checked });
};

const extend = async () => {
  const h = await api.post("extend", { token: saved.hold.token, ttl_ms: ttl });
  keep({ ...h, token: h.token ?? saved.hold.token });
};

$("extend").onclick = () => act(async () => {
  await extend();
  say(`Extended: ${$("left").textContent} left.`);
});

$("release").onclick = () => act(async () => {
  const what = list(saved.hold);
  await api.post("release", { token: saved.hold.token });
  drop();
  say(`Released: ${what}.`);
});

// charge stands for a service that charges cards. It says whether it has.
async function charge(card) {
  await sleep(card === "slow" ? 20000 : 1000);
  return card !== "bad";
}

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
      ranOut();
      return say("Your hold ran out while you paid. The payment was given back.");
    }
    saved.bookings.push({ seats: b.seats, places: b.places });
    drop();
    own(b, "bought");
    say(`Booked: ${list(b)}. Enjoy it!`);
  });
};

$("leave").onclick = () => leave();

// leave forgets the user. What is held stays held until it runs out.
function leave() {
  sessionStorage.removeItem(store);
  location.reload();
}

// states is what each kind of change makes of its seats, and places what of the number
// that is free.
const states = { blocked: "blocked", booked: "booked", released: "available", expired: "available", canceled: "available", closed: "closed", opened: "available", extended: "", paying: "", reissued: "" };
const places = { blocked: -1, released: 1, expired: 1, canceled: 1 };

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
    if (a) a.available += n * (places[c.kind] ?? 0);
  }
  if (!busy) {
    lost(seatsOf(c).filter((l) => plan.state(l) !== "available" && !plan.owns(l)));
    if (states[c.kind] === "available" && seatsOf(c).some((l) => plan.owns(l) === "mine")) check();
  }
  paint();
}

// picture takes all states anew.
function picture(shot) {
  for (const s of shot.seats) plan.set(s.seat, s.state);
  for (const a of shot.areas ?? []) if (areas.has(a.area)) areas.get(a.area).available = a.available;
  for (const b of saved.bookings) if (seatsOf(b).some((l) => plan.state(l) !== "booked")) own(b, "");
  saved.bookings = saved.bookings.filter((b) => seatsOf(b).every((l) => plan.state(l) === "booked"));
  save();
  if (!busy) lost([...plan.chosen].filter((l) => plan.state(l) !== "available"));
  paint();
  check();
}

function line(is) {
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
      gap: () => say("Some changes were missed; the plan is up to date again."),
      line,
      over: () => {
        $("line").textContent = "Over";
        say("The event is over.");
      },
    });
  } catch (e) {
    saved.user = "";
    $("who").hidden = false;
    $("shop").hidden = true;
    say({ unauthorized: "The service does not know this key.", "unknown-event": `There is no event ${event}.` }[e.kind] ?? (e instanceof Problem ? e.message : "The service cannot be reached. Try again."));
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
try {
  saved = { ...saved, ...JSON.parse(sessionStorage.getItem(store)) };
} catch {
  sessionStorage.removeItem(store);
}
if (!event) say("Say which event: add ?event=NAME to the address.");
else if (saved.user) enter();
else $("who").hidden = false;
