// The two ways to load a server, as perf_analyzer has them: so many requests at a time, or so many a second.
// A lane has `send(done)` and carries one request at a time; `done(outcome)` gets '' or what went wrong.

/** Latencies (µs) and outcomes of what ended while it was measured. */
class Record {
  #latencies = new Float64Array(1 << 16);
  count = 0;
  outcomes = {};
  /** Of requests that were refused: how long that took. */
  #refusals = [];

  add(us, outcome) {
    if (outcome !== '') {
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
      if (this.#refusals.length < 1e6) this.#refusals.push(us);
      return;
    }
    if (this.count === this.#latencies.length) {
      const larger = new Float64Array(this.count * 2);
      larger.set(this.#latencies);
      this.#latencies = larger;
    }
    this.#latencies[this.count++] = us;
  }

  result(seconds, more = {}) {
    return {
      seconds,
      latencies: this.#latencies.slice(0, this.count),
      refusals: Float64Array.from(this.#refusals),
      outcomes: this.outcomes,
      ...more,
    };
  }
}

/** Every lane sends its next request when the last was answered. */
export function closedLoop(lanes, { warmupMs, durationMs }) {
  return new Promise((resolve) => {
    const record = new Record();
    const from = performance.now() + warmupMs;
    const until = from + durationMs;
    let running = lanes.length;
    for (const lane of lanes) {
      const next = () => {
        const sent = performance.now();
        lane.send((outcome) => {
          const now = performance.now();
          if (now >= from && now < until) record.add((now - sent) * 1000, outcome);
          if (now < until) next();
          else if (--running === 0) resolve(record.result(durationMs / 1000));
        });
      };
      next();
    }
  });
}

/**
 * Requests start at their times, whether or not others were answered; latencies count from those times. One that finds no free lane is not sent, but
 * counted (`unsent`): then the lanes are too few.
 */
export function openLoop(lanes, { warmupMs, durationMs, rate }) {
  return new Promise((resolve) => {
    const record = new Record();
    const free = [...lanes];
    const start = performance.now();
    const from = start + warmupMs;
    const until = from + durationMs;
    let sent = 0;
    let unsent = 0;
    const finish = () => resolve(record.result(durationMs / 1000, { unsent, offered: rate }));
    const send = (lane, due) => {
      lane.send((outcome) => {
        const now = performance.now();
        if (now >= from && now < until) record.add((now - due) * 1000, outcome);
        free.push(lane);
        if (now >= until && free.length === lanes.length) finish();
      });
    };
    const tick = () => {
      const now = performance.now();
      const due = Math.trunc(((Math.min(now, until) - start) * rate) / 1000);
      for (; sent < due; sent++) {
        const lane = free.pop();
        if (lane !== undefined) send(lane, start + (sent * 1000) / rate);
        else if (now >= from) unsent++;
      }
      // A client that goes round without sleeping would take the server's processor on small machines.
      if (now < until) setTimeout(tick, 1);
      else if (free.length === lanes.length) finish();
    };
    tick();
  });
}
