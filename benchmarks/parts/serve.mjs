// A peer's side of the protocol (README.md): says that it is ready, then answers a line of JSON with a line of JSON.
import { createInterface } from 'node:readline';

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/**
 * Starts a peer. `prepare(config)` gives { about, round(command), close() }; `config` is the JSON of the command line. Every failure
 * becomes {"error": …} on standard output, never a silent end.
 */
export async function serve(prepare) {
  try {
    const config = JSON.parse(process.argv[2] ?? '{}');
    const peer = await prepare(config);
    if (config.warmupMs > 0) await peer.round({ durationMs: config.warmupMs });
    say({ ready: true, ...peer.about() });
    for await (const line of createInterface({ input: process.stdin })) {
      if (line.trim() === '') continue;
      const command = JSON.parse(line);
      if (command.warmupMs > 0) await peer.round({ durationMs: command.warmupMs });
      say(await peer.round(command));
    }
    await peer.close();
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
  }
}

// Room for samples, made once: nothing is allocated between two of them.
const room = new Float64Array(1 << 21);

/** The first `count` samples, in µs to two digits. */
function taken(count, start) {
  const samples = Array.from(room.subarray(0, count), (ms) => Math.round(ms * 1e5) / 100);
  return { count, seconds: (performance.now() - start) / 1000, samples };
}

/** Calls `once` again and again, synchronously, for so many iterations or so long; the samples in µs. */
export function timeSync(once, { iterations = 0, durationMs = 0 }) {
  let count = 0;
  const start = performance.now();
  let before = start;
  while (
    (iterations > 0 ? count < iterations : before - start < durationMs) &&
    count < room.length
  ) {
    before = performance.now();
    once();
    room[count++] = performance.now() - before;
  }
  return taken(count, start);
}

/** The same for a function that gives a promise, one at a time. */
export async function timeAsync(once, { iterations = 0, durationMs = 0 }) {
  let count = 0;
  const start = performance.now();
  let before = start;
  while (
    (iterations > 0 ? count < iterations : before - start < durationMs) &&
    count < room.length
  ) {
    before = performance.now();
    await once();
    room[count++] = performance.now() - before;
  }
  return taken(count, start);
}

/**
 * `lanes` functions that give promises, each always in flight; the number that resolved. What was in flight at the end is awaited and
 * counted, its time too.
 */
export async function countInFlight(lanes, { iterations = 0, durationMs = 0 }) {
  let count = 0;
  let ended = false;
  const start = performance.now();
  const end = start + durationMs;
  const lane = async (once) => {
    while (!ended) {
      await once();
      count++;
      // The clock is read once in 16 turns: at 200 000 a second it would show.
      if (iterations > 0) ended ||= count >= iterations;
      else if ((count & 15) === 0) ended ||= performance.now() >= end;
    }
  };
  await Promise.all(lanes.map(lane));
  return { count, seconds: (performance.now() - start) / 1000 };
}
