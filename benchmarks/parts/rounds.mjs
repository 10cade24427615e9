// One scenario: its peers are started, then measured in rounds whose order alternates, and their samples become figures.
import { commandOf } from './commands.mjs';
import { gpuState } from './environment.mjs';
import { PeerProcess } from './peer-process.mjs';
import { figures, median, quantiles, round } from './statistics.mjs';

// Starting includes loading and, for some, minutes of compiling.
const startTimeoutMs = 240_000;

function newPeer(peer, settings, scenario) {
  const process = new PeerProcess(commandOf(peer, scenario, settings), settings.root);
  return {
    process,
    samples: [],
    result: {
      name: peer.name,
      kind: peer.kind,
      ...(peer.against && { against: peer.against }),
      config: peer.config ?? {},
      rounds: [],
    },
  };
}

async function start(peer) {
  const answer = await peer.process.next(startTimeoutMs);
  if (answer.error !== undefined) {
    peer.result.error = answer.error;
    return;
  }
  const { versions = {}, notes = [], outputs = {}, tensorrt, library } = answer;
  peer.result.versions = tensorrt === undefined ? versions : { ...versions, tensorrt };
  if (library) peer.result.library = library.split('/').at(-1);
  peer.result.notes = notes;
  peer.result.outputs = outputs;
}

/** What one round's answer leaves in the result; its samples go to `peer.samples`. */
function record(peer, answer) {
  const { samples = [], ...rest } = answer;
  for (const one of samples) peer.samples.push(one);
  const entry = { ...rest, ...(samples.length > 0 && figures(samples)) };
  if (rest.count > 0 && rest.seconds > 0) {
    entry.seconds = round(rest.seconds, 6);
    entry.perSecond = round((rest.runs ?? rest.count) / rest.seconds, 1);
  }
  peer.result.rounds.push(entry);
}

/** Everything of all rounds together: figures of the pooled samples, medians of what has none. */
function pool(peer) {
  const { rounds } = peer.result;
  if (rounds.length === 0) return {};
  const pooled = { ...figures(peer.samples), quantiles: quantiles(peer.samples) };
  const fields = ['perSecond', 'heapBytesPerRun', 'externalBytesPerRun', 'nativeCallsPerRun'];
  for (const name of [...fields, 'nativeBytesPerRun', 'collections']) {
    const values = rounds.map((one) => one[name]).filter((one) => one !== undefined);
    if (values.length > 0) pooled[name] = round(median(values), 4);
  }
  pooled.runs = rounds.reduce((sum, one) => sum + (one.runs ?? one.count ?? 0), 0);
  return pooled;
}

/**
 * Each peer against the scenario's `reference`, or the peer that it names in `against`, pooled; `spread`: the least and largest ratio
 * of one round, paired.
 */
export function addRatios(peers, reference) {
  for (const peer of peers) {
    const against = peer.against ?? reference;
    const base = peers.find((other) => other.name === against && other.error === undefined);
    if (base === undefined || peer.error !== undefined) continue;
    const ratio = { against };
    for (const figure of ['p50', 'p95', 'p99', 'mean', 'perSecond']) {
      const [own, other] = [peer.pooled[figure], base.pooled[figure]];
      if (own !== undefined && other > 0) ratio[figure] = round(own / other, 4);
    }
    const main = ratio.p50 === undefined ? 'perSecond' : 'p50';
    const paired = peer.rounds
      .map((one, i) => one[main] / base.rounds[i]?.[main])
      .filter((one) => Number.isFinite(one));
    if (paired.length > 0) {
      ratio.spread = [round(Math.min(...paired), 4), round(Math.max(...paired), 4)];
    }
    peer.ratio = ratio;
  }
}

/** How far each peer's first output values lie from the reference's: whether they compute the same at all. */
export function addDifferences(peers, reference) {
  const base = peers.find((peer) => peer.name === reference && peer.error === undefined);
  if (base === undefined) return;
  for (const peer of peers) {
    for (const [name, { first }] of Object.entries(peer.outputs ?? {})) {
      const other = base.outputs[name]?.first;
      if (peer === base || first === undefined || other === undefined) continue;
      const far = Math.max(...first.map((value, i) => Math.abs(value - other[i])));
      (peer.difference ??= {})[name] = Number.isFinite(far)
        ? Number(far.toPrecision(3))
        : String(far);
    }
  }
}

/** Runs a scenario; the object that the result file holds. `log` gets a line now and then. */
export async function runScenario(scenario, settings, log) {
  const peers = scenario.peers.map((peer) => newPeer(peer, settings, scenario));
  // Loaded one after the other would take minutes; the warm-up before each round makes up for the crowd.
  await Promise.all(peers.map(start));
  for (const { result } of peers) {
    if (result.error !== undefined)
      log(`  ${result.name}: cannot run: ${result.error.slice(0, 160)}`);
  }
  const rounds = scenario.rounds ?? settings.rounds;
  const states = [];
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? peers : peers.toReversed();
    for (const peer of order) {
      if (peer.result.error !== undefined) continue;
      const length = scenario.iterations
        ? { iterations: scenario.iterations }
        : { durationMs: scenario.roundMs ?? settings.roundMs };
      const command = { cmd: 'round', ...length, warmupMs: scenario.roundWarmupMs ?? 100 };
      const answer = await peer.process.ask(command, settings.roundTimeoutMs);
      if (answer.error === undefined) record(peer, answer);
      else {
        peer.result.error = answer.error;
        log(`  ${peer.result.name}: failed in round ${i + 1}: ${answer.error}`);
      }
    }
    states.push(gpuState());
  }
  await Promise.all(peers.map((peer) => peer.process.close()));
  for (const peer of peers) peer.result.pooled = pool(peer);
  const results = peers.map((peer) => peer.result);
  addRatios(results, scenario.reference);
  addDifferences(results, scenario.reference);
  return {
    name: scenario.name,
    title: scenario.title,
    mode: scenario.mode,
    model: scenario.model,
    shapes: scenario.shapes,
    reference: scenario.reference,
    gpuAfterRounds: states.filter((state) => state !== null),
    peers: results,
  };
}
