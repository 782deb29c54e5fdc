// Requests to the service. One that changes something has an Idempotency-Key. If its
// answer does not arrive, it is repeated with the same key, so it is carried out once.

const attempts = 6;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// backoff returns how long to wait after so many failures: a random part of twice as long
// each time, so that not all clients come back at once.
export const backoff = (failures) => 100 + Math.random() * Math.min(15000, 500 * 2 ** failures);

const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

// A header field is bytes: those of UTF-8.
const bytes = (text) => String.fromCharCode(...new TextEncoder().encode(text));

// A Problem is an answer that refuses. Its kind is the stable part of its type.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The service answered ${status}.`);
    this.kind = (body.type ?? "").replace("urn:ferrous:seats:", "");
    this.status = status;
    this.seats = body.seats ?? [];
  }
}

export class Api {
  #base;
  #user;
  #keys = new Map(); // of the requests that have no answer yet, by what they ask

  constructor(event, user) {
    this.#base = `/v1/events/${encodeURIComponent(event)}/`;
    this.#user = bytes(user);
  }

  get(path) { return this.#send(path, {}); }

  // post sends a request. If the last one with the same body was not answered, it has the
  // same key.
  async post(path, body) {
    const text = JSON.stringify(body);
    const asked = `${path} ${text}`;
    const key = this.#keys.get(asked) ?? random();
    this.#keys.set(asked, key);
    let open = false;
    try {
      return await this.#send(path, { method: "POST", body: text, headers: { "Content-Type": "application/json", "Idempotency-Key": key } });
    } catch (e) {
      open = !(e instanceof Problem) || e.status === 503;
      throw e;
    } finally {
      if (!open) this.#keys.delete(asked);
    }
  }

  // The answer says when it was asked for, by the clock of performance: what the server
  // says about the time that is left counts from then.
  async #send(path, init) {
    const headers = { ...init.headers, Authorization: `Bearer ${this.#user}` };
    for (let failures = 1; ; failures++) {
      const asked = performance.now();
      let pause = backoff(failures);
      try {
        const r = await fetch(this.#base + path, { ...init, headers, cache: "no-store", signal: AbortSignal.timeout(15000) });
        const body = r.status === 204 ? {} : await r.json().catch((e) => { if (r.ok) throw e; return {}; });
        if (r.ok) return { ...body, asked };
        if ((r.status !== 503 && r.status !== 429) || failures === attempts) throw new Problem(r.status, body);
        pause = Math.max(pause, 1000 * (Number(r.headers.get("Retry-After")) || 0));
      } catch (e) {
        if (e instanceof Problem || failures === attempts) throw e;
      }
      await sleep(pause);
    }
  }
}
