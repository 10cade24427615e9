// What was measured, in perf_analyzer's words: throughput, client latencies, and the server's own parts of them.
import { percentile, round } from '../parts/statistics.mjs';

const parts = {
  queue: 'queue',
  computeInput: 'compute_input',
  computeInfer: 'compute_infer',
  computeOutput: 'compute_output',
};

/** avg, p50, p90, p95, p99 in µs of unsorted latencies; undefined of none. */
export function latencyFigures(latencies) {
  if (latencies.length === 0) return undefined;
  const sorted = Float64Array.from(latencies).sort();
  return {
    avg: round(sorted.reduce((a, b) => a + b, 0) / sorted.length, 1),
    ...Object.fromEntries([50, 90, 95, 99].map((p) => [`p${p}`, round(percentile(sorted, p), 1)])),
    max: round(sorted.at(-1), 1),
  };
}

/** Mean µs of each part, and the mean batch, between two answers of GET /v2/models/M/stats. */
export function serverParts(before, after) {
  const [a, b] = [before, after].map((answer) => answer.model_stats[0]);
  const requests = b.inference_stats.success.count - a.inference_stats.success.count;
  const executions = b.execution_count - a.execution_count;
  const mean = (name) =>
    round(
      (b.inference_stats[name].ns - a.inference_stats[name].ns) / 1000 / Math.max(1, requests),
      1,
    );
  return {
    requests,
    averageBatch: round((b.inference_count - a.inference_count) / Math.max(1, executions), 2),
    requestUs: mean('success'),
    ...Object.fromEntries(Object.entries(parts).map(([key, name]) => [`${key}Us`, mean(name)])),
  };
}

/** One row of the result from the answers of all clients. */
export function summarize(about, answers, server, cost) {
  const seconds = answers[0].seconds;
  const latencies = Float64Array.from(answers.flatMap((one) => Array.from(one.latencies)));
  const refusals = Float64Array.from(answers.flatMap((one) => Array.from(one.refusals)));
  const outcomes = {};
  for (const one of answers) {
    for (const [name, count] of Object.entries(one.outcomes)) {
      outcomes[name] = (outcomes[name] ?? 0) + count;
    }
  }
  const sum = (key) => answers.reduce((total, one) => total + (one[key] ?? 0), 0);
  return {
    ...about,
    seconds,
    inferencesPerSecond: round(latencies.length / seconds, 1),
    latencyUs: latencyFigures(latencies),
    ...(refusals.length > 0 && { refused: outcomes, refusalUs: latencyFigures(refusals) }),
    ...(answers[0].offered !== undefined && {
      offeredPerSecond: sum('offered'),
      unsent: sum('unsent'),
    }),
    server,
    ...cost,
  };
}

const csvHead =
  'Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency';

/** perf_analyzer's CSV, one line a row; what the client itself takes is not told apart from the network. */
export function csv(rows) {
  const lines = rows.map(({ concurrency, inferencesPerSecond, latencyUs, server }) => {
    const {
      queueUs = 0,
      computeInputUs = 0,
      computeInferUs = 0,
      computeOutputUs = 0,
    } = server ?? {};
    const { avg = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0 } = latencyUs ?? {};
    const inside = queueUs + computeInputUs + computeInferUs + computeOutputUs;
    const network = Math.max(0, avg - inside);
    return [
      concurrency ?? '',
      inferencesPerSecond,
      0,
      ...[network, queueUs, computeInputUs, computeInferUs, computeOutputUs].map(Math.round),
      0,
      ...[p50, p90, p95, p99].map(Math.round),
    ].join();
  });
  return [csvHead, ...lines, ''].join('\n');
}

/** The rows as a Markdown table. */
export function table(rows) {
  const head = [
    'scenario',
    'door',
    'concurrency or rate',
    'inferences/s',
    'p50 µs',
    'p90',
    'p95',
    'p99',
    'queue µs',
    'in',
    'infer',
    'out',
    'batch',
    'server CPU',
    'refused',
  ];
  const lines = rows.map((row) =>
    [
      row.scenario,
      row.door,
      row.concurrency ?? `${row.offeredPerSecond}/s`,
      row.inferencesPerSecond,
      row.latencyUs?.p50,
      row.latencyUs?.p90,
      row.latencyUs?.p95,
      row.latencyUs?.p99,
      row.server?.queueUs,
      row.server?.computeInputUs,
      row.server?.computeInferUs,
      row.server?.computeOutputUs,
      row.server?.averageBatch,
      row.serverCpu,
      row.refused === undefined ? '' : JSON.stringify(row.refused).replaceAll('"', ''),
    ].map((cell) => cell ?? ''),
  );
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
