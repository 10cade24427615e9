// The lines that trtexec prints of a measurement, word for word, for eyes and scripts that know them.

import { durationsOf, firstCounted } from './device-phase.js';
import { type BenchSummary, meanOf } from './statistics.js';
import type { BenchReport, BenchSettings, DeviceReport } from './types.js';

/** C++ prints floating-point numbers with six significant digits, without trailing zeros. */
function number(value: number): string {
  if (!Number.isFinite(value)) return 'inf';
  const rounded = Number(value.toPrecision(6));
  const exponent = rounded === 0 ? 0 : Math.floor(Math.log10(Math.abs(rounded)));
  if (exponent >= -4 && exponent < 6) return String(rounded);
  const [digits = '', power = '0'] = rounded.toExponential().split('e');
  const sign = power.startsWith('-') ? '-' : '+';
  return `${digits}e${sign}${power.replace(/^[+-]/, '').padStart(2, '0')}`;
}

function line(name: string, summary: BenchSummary): string {
  const { min, max, mean, median, percentiles } = summary;
  const parts = [
    `min = ${number(min)} ms`,
    `max = ${number(max)} ms`,
    `mean = ${number(mean)} ms`,
    `median = ${number(median)} ms`,
    ...Object.entries(percentiles)
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([percentile, value]) => `percentile(${percentile}%) = ${number(value)} ms`),
  ];
  return `${name}: ${parts.join(', ')}`;
}

/** "Average on 10 runs …", one line for every `runs` queries. */
export function averageLines(
  { trace }: Pick<DeviceReport, 'trace'>,
  { warmUpMs }: Pick<BenchSettings, 'warmUpMs'>,
  runs: number,
): string[] {
  const { compute, latency, enqueue } = durationsOf(trace, firstCounted(trace, warmUpMs));
  return Array.from({ length: Math.floor(latency.length / runs) }, (_, line) => {
    const mean = (times: Float64Array): string =>
      number(meanOf(times.subarray(line * runs, (line + 1) * runs)));
    return `Average on ${runs} runs - GPU latency: ${mean(compute)} ms - Host latency: ${mean(latency)} ms (enqueue ${mean(enqueue)} ms)`;
  });
}

/** trtexec's warnings. */
export function warningLines(
  device: DeviceReport,
  { streams }: Pick<BenchSettings, 'streams'>,
): string[] {
  const { enqueue, compute, h2d, d2h, computeVariation } = device;
  const lines: string[] = [];
  if (enqueue.median > 0.8 * compute.median) {
    lines.push(
      '* Throughput may be bound by Enqueue Time rather than GPU Compute and the GPU may be under-utilized.',
      '  If not already in use, --useCudaGraph (utilize CUDA graphs where possible) may increase the throughput.',
    );
  }
  const transfers = (direction: string, what: string): void => {
    lines.push(
      `* Throughput may be bound by ${direction} transfers for the ${what} rather than GPU Compute and the GPU may be under-utilized.`,
      '  Add --noDataTransfers flag to disable data transfers.',
    );
  };
  if (h2d.median >= compute.median) transfers('host-to-device', 'inputs');
  if (d2h.median >= compute.median) transfers('device-to-host', 'outputs');
  if (computeVariation > 2.5) {
    lines.push(
      `* GPU compute time is unstable, with coefficient of variance = ${number(computeVariation)}%.`,
      '  If not already in use, locking GPU clock frequency or adding --useSpinWait may improve the stability.',
    );
  }
  if (streams > 1) {
    lines.push(
      '* Multiple inference streams are used. Latencies may not be accurate since inferences may run in parallel.',
      '  Please use "Throughput" as the performance metric instead.',
    );
  }
  return lines;
}

/** All of it. `averages`: at most so many of those lines; the rest is counted. */
export function trtexecLines(
  device: DeviceReport,
  settings: BenchSettings,
  options: { avgRuns: number; averages: number },
): string[] {
  const averages = averageLines(device, settings, options.avgRuns);
  const more = averages.length - options.averages;
  return [
    `Warmup completed ${device.warmUpQueries} queries over ${number(settings.warmUpMs)} ms`,
    `Timing trace has ${device.queries} queries over ${number(device.wallMs / 1000)} s`,
    '',
    '=== Trace details ===',
    `Trace averages of ${options.avgRuns} runs:`,
    ...averages.slice(0, options.averages),
    ...(more > 0 ? [`(${more} more; --avgRuns=${options.avgRuns} prints them all)`] : []),
    '',
    '=== Performance summary ===',
    `Throughput: ${number(device.throughput)} qps`,
    line('Latency', device.latency),
    line('Enqueue Time', device.enqueue),
    line('H2D Latency', device.h2d),
    line('GPU Compute Time', device.compute),
    line('D2H Latency', device.d2h),
    `Total Host Walltime: ${number(device.wallMs / 1000)} s`,
    `Total GPU Compute Time: ${number(device.totalComputeMs / 1000)} s`,
    ...warningLines(device, settings),
  ];
}

/** --dumpProfile. */
export function profileLines({ count, layers }: NonNullable<BenchReport['layers']>): string[] {
  const row = (cells: readonly string[], name: string): string =>
    `${cells.map((cell, index) => cell.padStart([11, 13, 13, 10][index] ?? 0)).join('')}   ${name}`;
  const total = layers.reduce(
    (sum, layer) => ({
      timeMs: sum.timeMs + layer.timeMs,
      averageMs: sum.averageMs + layer.averageMs,
      medianMs: sum.medianMs + layer.medianMs,
    }),
    { timeMs: 0, averageMs: 0, medianMs: 0 },
  );
  const cells = (times: typeof total, percentage: number): string[] => [
    times.timeMs.toFixed(2),
    times.averageMs.toFixed(4),
    times.medianMs.toFixed(4),
    percentage.toFixed(1),
  ];
  return [
    `=== Profile (${count} iterations ) ===`,
    row(['Time(ms)', 'Avg.(ms)', 'Median(ms)', 'Time(%)'], 'Layer'),
    ...layers.map((layer) => row(cells(layer, layer.percentage), layer.name)),
    row(cells(total, 100), 'Total'),
  ];
}
