// The way to the server: a stream that tells each new cycle, and the requests that follow. It says in which
// state the connection is, falls back to polling, and recovers by itself. It shows nothing.

const POLL = 5000; // ms between requests while there is no stream
const WATCH = 60000; // ms between requests while the stream is silent: it may hang half open
const SPACING = 500; // ms at least between two refreshes, however fast the cycles
const PATIENCE = 15000; // ms for one answer

/** An answer that is not what was asked for; `status` is null where the server was not reached. */
export class Refusal extends Error {
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

/** The JSON at a relative address; throws Refusal with the server's own words where it gives any. */
export async function get(address) {
  let response;
  try {
    response = await fetch(address, {
      headers: { accept: "application/json" }, cache: "no-cache", signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (error) {
    throw new Refusal(error.name === "TimeoutError" ? `no answer within ${PATIENCE / 1000} s` : "not reachable");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(body?.detail ?? body?.title ?? `HTTP ${response.status}`, response.status);
  if (body === null) throw new Refusal("the answer is not JSON", response.status);
  return body;
}

/** Calls `refresh()` (a promise) whenever there may be news, and `tell({state, words})` on each change of state. */
export class Connection {
  #refresh;
  #tell;
  #stream = null;
  #timer = 0;
  #started = -Infinity;
  #running = false;
  #again = false;
  #cycle = null;
  #failure = null;
  #broken = false;
  #told = "";

  constructor({ refresh, tell }) {
    this.#refresh = refresh;
    this.#tell = tell;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#pause() : this.#resume()));
    addEventListener("online", () => this.news());
    this.#resume();
  }

  /** There may be something new: refresh soon, never more often than the spacing, never twice at a time. */
  news() {
    if (this.#running) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    const wait = Math.max(0, this.#started + SPACING - performance.now());
    this.#timer = setTimeout(() => this.#run(), wait);
  }

  /** The cycle that is on the screen, so that its own announcement is not fetched twice. */
  shown(cycle) {
    this.#cycle = cycle;
  }

  async #run() {
    this.#running = true;
    this.#again = false;
    this.#started = performance.now();
    try {
      await this.#refresh();
      this.#failure = null;
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      this.#failure = error;
    }
    this.#running = false;
    this.#report();
    if (document.hidden) return;
    if (this.#again) this.news();
    else this.#timer = setTimeout(() => this.#look(), this.#live() && !this.#failure ? WATCH : POLL);
  }

  async #look() {
    const before = this.#cycle;
    if (this.#stream?.readyState === EventSource.CLOSED) this.#open();
    await this.#run();
    // A cycle that the open stream did not announce: it hangs half open.
    if (this.#live() && before !== null && this.#cycle !== before) this.#open();
  }

  #live() {
    return this.#stream?.readyState === EventSource.OPEN;
  }

  #open() {
    this.#stream?.close();
    const stream = new EventSource("events");
    this.#stream = stream;
    stream.addEventListener("open", () => {
      this.#broken = false;
      this.#report();
      if (this.#failure) this.news();
    });
    stream.addEventListener("cycle", (event) => {
      let cycle = null;
      try {
        cycle = JSON.parse(event.data).cycle;
      } catch {
        // An announcement that cannot be read is still an announcement.
      }
      if (cycle === null || cycle !== this.#cycle || this.#failure) this.news();
    });
    stream.addEventListener("faults", () => this.news());
    stream.addEventListener("error", () => {
      this.#broken = true;
      this.news();
    });
  }

  #pause() {
    // Browsers allow six streams per server: a tab that nobody sees must not hold one.
    this.#stream?.close();
    clearTimeout(this.#timer);
  }

  #resume() {
    this.#open();
    this.news();
  }

  #report() {
    let state = "live";
    if (this.#failure) state = this.#failure.status === null ? "lost" : "failing";
    else if (this.#broken) state = "polling";
    const words = this.#failure?.message ?? "";
    if (`${state} ${words}` === this.#told) return;
    this.#told = `${state} ${words}`;
    this.#tell({ state, words });
  }
}
