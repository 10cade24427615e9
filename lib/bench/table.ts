// The report as text: what was measured and how, a table of the figures, and what they say.

import { formatShape } from '../validate.js';
import type { BenchSummary } from './statistics.js';
import type { BenchReport, BenchSettings, JsReport, RequestDetail, RequestSplit } from './types.js';

/** Milliseconds with as many digits as tell something. */
export function formatMs(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value.toFixed(value !== 0 && Math.abs(value) < 10 ? 4 : value < 1000 ? 3 : 1);
}

/** Names of the parts of a request, in their order. */
export const splitNames: Readonly<Record<keyof RequestSplit, string>> = {
  js: 'JavaScript, waiting for a slot',
  submit: 'submit, until the device begins',
  h2d: 'H2D',
  compute: 'compute',
  d2h: 'D2H',
  wakeUp: 'wake-up, until the next line',
};

/** Names of what the parts hide. */
export const detailNames: Readonly<Record<keyof RequestDetail, string>> = {
  launch: 'launching (overlaps with the device)',
  notice: 'wake-up: the end is noticed',
  deliver: 'wake-up: the outputs reach JavaScript',
  resume: "wake-up: the caller's next line",
};

/** A group of rows of the table: a heading, and the figures by name. */
export interface TableGroup {
  readonly heading: string;
  readonly rows: readonly (readonly [name: string, summary: BenchSummary])[];
}

/** All figures that are distributions. */
export function tableGroups({ device, js }: BenchReport): TableGroup[] {
  const groups: TableGroup[] = [];
  if (device !== undefined) {
    groups.push({
      heading: 'Device (as trtexec)',
      rows: [
        ['Latency (H2D + compute + D2H)', device.latency],
        ['Enqueue', device.enqueue],
        ['H2D', device.h2d],
        ['GPU compute', device.compute],
        ['D2H', device.d2h],
      ],
    });
  }
  if (js === undefined) return groups;
  groups.push({ heading: 'JavaScript caller', rows: [['await session.run()', js.latency]] });
  const named = <K extends string>(
    names: Readonly<Record<K, string>>,
    summaries: Readonly<Record<K, BenchSummary>>,
  ): TableGroup['rows'] =>
    (Object.keys(names) as K[]).map((key) => [names[key], summaries[key]] as const);
  if (js.timed !== undefined) {
    const { latency, split, detail } = js.timed;
    groups.push(
      {
        heading: 'Where a request spends it (timed apart)',
        rows: [...named(splitNames, split), ['sum', latency]],
      },
      { heading: 'In detail', rows: named(detailNames, detail) },
    );
  }
  if (js.eventLoopDelay !== undefined) {
    groups.push({
      heading: 'Event loop delay',
      rows: [
        ['under this load', js.eventLoopDelay.load],
        ['idle, before', js.eventLoopDelay.idle],
      ],
    });
  }
  return groups;
}

/** The columns of a summary: heading and value; percentiles that a row has not are '-'. */
export function columnsOf(groups: readonly TableGroup[]): {
  readonly heading: string;
  value(summary: BenchSummary): string;
}[] {
  const percentiles = new Set<string>();
  for (const { rows } of groups) {
    for (const [, summary] of rows) {
      for (const percentile of Object.keys(summary.percentiles)) percentiles.add(percentile);
    }
  }
  percentiles.delete('50'); // the median has a column
  const plain = (['min', 'mean', 'median'] as const).map((name) => ({
    heading: name,
    value: (summary: BenchSummary) => formatMs(summary[name]),
  }));
  const ranks = [...percentiles]
    .sort((a, b) => Number(a) - Number(b))
    .map((percentile) => ({
      heading: `p${percentile}`,
      value: (summary: BenchSummary) => formatMs(summary.percentiles[percentile] ?? NaN),
    }));
  const max = { heading: 'max', value: (summary: BenchSummary) => formatMs(summary.max) };
  return [...plain, ...ranks, max];
}

/** How it was measured, in one line. */
export function modeText({ settings, device }: BenchReport): string {
  const { cudaGraph, spinWait, transfers, exposeDMA, streams, threads, session } = settings;
  const graph = !cudaGraph
    ? 'off'
    : device === undefined
      ? 'on'
      : device.cudaGraph.used
        ? `on (${device.cudaGraph.nodes} nodes)`
        : 'refused';
  const parts = [
    `defaults of trtexec ${settings.compat}`,
    `CUDA graph ${graph}`,
    `spin wait ${spinWait ? 'on' : 'off'}`,
    `data transfers ${transfers ? 'on' : 'off'}`,
    `${streams} ${streams === 1 ? 'stream' : 'streams'}${threads ? ', a thread each' : ''}`,
  ];
  if (exposeDMA) parts.push('copies exposed');
  if (settings.phases.includes('js')) {
    parts.push(`session: graphs ${session.cudaGraph}, completion ${session.completion}`);
  }
  return parts.join('; ');
}

/** How long it was measured, and what else was asked for. */
function settingsText(settings: BenchSettings): string {
  const { warmUpMs, durationMs, iterations, sleepMs, idleMs, percentiles, phases } = settings;
  const parts = [
    `phases ${phases.join(', ')}`,
    `warm-up ${warmUpMs} ms`,
    durationMs < 0 ? 'until stopped' : `at least ${durationMs / 1000} s`,
    `at least ${iterations} ${iterations === 1 ? 'query' : 'queries'} a stream`,
    `percentiles ${percentiles.join(', ')}`,
    `seed ${settings.seed}`,
  ];
  if (sleepMs > 0) parts.push(`the device begins ${sleepMs} ms late`);
  if (idleMs > 0) parts.push(`${idleMs} ms between queries`);
  if (settings.allocationStrategy !== undefined) {
    parts.push(`activation memory ${settings.allocationStrategy}`);
  }
  if (settings.weightStreamingBudget !== undefined) {
    parts.push(`weight streaming budget ${settings.weightStreamingBudget}`);
  }
  if (settings.persistentCacheRatio !== undefined) {
    parts.push(`persistent cache ratio ${settings.persistentCacheRatio}`);
  }
  return parts.join('; ');
}

/** On what it was measured. */
export function environmentRows(report: BenchReport): (readonly [string, string])[] {
  const { environment: on, inputs, profile, numOptimizationProfiles } = report;
  const { device } = on;
  const runtime =
    on.runtime === 'reference'
      ? `the CPU reference runtime (${on.version})`
      : `TensorRT ${on.version} (${on.libraryPath})`;
  return [
    [
      'Plan',
      `${report.plan ?? 'given as bytes'}${report.engineName === '' ? '' : `, engine ${JSON.stringify(report.engineName)}`}`,
    ],
    ['Profile', `${profile} of ${numOptimizationProfiles}`],
    ...inputs.map(
      ({ name, dtype, shape, source }) =>
        ['Input', `${name} [dtype=${dtype}, shape=${formatShape(shape)}] ${source}`] as const,
    ),
    ['Runtime', runtime],
    [
      'Device',
      `${device.index}: ${device.name}, compute capability ${device.computeCapability.join('.')}, driver ${on.driver ?? 'unknown'} (CUDA ${on.cudaVersion})`,
    ],
    ['Host', `${on.cpus} × ${on.cpu}, Node.js ${on.node}, trt-node ${on.trtNode}`],
    ['Date', on.date],
    ['Mode', modeText(report)],
    ['Settings', settingsText(report.settings)],
  ];
}

/** Figures that are single numbers. */
export function scalarRows({ device, js }: BenchReport): (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = [];
  if (device !== undefined) {
    rows.push(
      [
        'Device throughput',
        `${device.throughput.toFixed(1)} queries/s (${device.queries} queries in ${(device.wallMs / 1000).toFixed(3)} s)`,
      ],
      [
        'Device phase, host CPU',
        `${formatMs(device.cpuMs.threads)} ms a query in the measuring thread, ${formatMs(device.cpuMs.process)} ms in the process`,
      ],
    );
  }
  if (js !== undefined) {
    const { user, system } = js.cpuMs;
    rows.push(
      [
        'JavaScript throughput',
        `${js.throughput.toFixed(1)} queries/s (${js.queries} queries in ${(js.wallMs / 1000).toFixed(3)} s)`,
      ],
      [
        'JavaScript phase, host CPU',
        `${formatMs(user + system)} ms a query in the process (user ${formatMs(user)}, system ${formatMs(system)})`,
      ],
      ['JavaScript phase, session', sessionText(js.session)],
    );
  }
  return rows;
}

function sessionText({ cudaGraph, launches }: JsReport['session']): string {
  const { hits, captures, fallbacks, fallbackReason } = cudaGraph;
  const why = fallbackReason === undefined ? '' : ` (${fallbackReason})`;
  return `${hits} runs launched a CUDA graph (${captures} captured), ${fallbacks} could not${why}; ${launches.onEventLoop} launches on the event loop's thread, ${launches.onThread} on others`;
}

/** The report for a terminal, after trtexec's own lines. */
export function reportText(report: BenchReport): string {
  const groups = tableGroups(report);
  const columns = columnsOf(groups);
  const width = Math.max(0, ...groups.flatMap(({ rows }) => rows.map(([name]) => name.length))) + 2;
  const row = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(11)).join('')}`;
  const pairs = (rows: readonly (readonly [string, string])[]): string[] => {
    const wide = Math.max(0, ...rows.map(([name]) => name.length));
    return rows.map(([name, text]) => `${`${name}:`.padEnd(wide + 2)}${text}`);
  };
  const lines = [...pairs(environmentRows(report)), ''];
  groups.forEach(({ heading, rows }, index) => {
    const headings = index === 0 ? columns.map((column) => column.heading) : [];
    lines.push(row(`${heading}${index === 0 ? ', ms' : ''}`, headings));
    for (const [name, summary] of rows) {
      lines.push(
        row(
          `  ${name}`,
          columns.map((column) => column.value(summary)),
        ),
      );
    }
  });
  lines.push('', ...pairs(scalarRows(report)));
  for (const { severity, what, todo } of report.findings) {
    lines.push('', `${severity === 'warning' ? '!' : '*'} ${what}`);
    if (todo !== '') lines.push(`  ${todo}`);
  }
  return lines.join('\n');
}
