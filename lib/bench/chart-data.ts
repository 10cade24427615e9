// What the charts of the HTML report show, as plain numbers.

import { durationsOf, firstCounted } from './device-phase.js';
import { splitOf } from './js-phase.js';
import { type Histogram, histograms, percentileOf } from './statistics.js';
import { splitNames } from './table.js';
import type { BenchReport, BenchRequest, RequestSplit } from './types.js';

const bins = 48;
const timelineRows = 16;
const ranks = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.9, 100];

/** One row of a timeline: where each phase begins and ends, in milliseconds; null: not at all. */
interface Timeline {
  /** What a row is. */
  readonly what: string;
  readonly rows: readonly string[];
  readonly phases: readonly {
    readonly name: string;
    /** Which of the page's colors. */
    readonly color: string;
    /** Drawn thin, over the others, as it overlaps with them. */
    readonly thin: boolean;
    readonly spans: readonly (readonly [number, number])[];
  }[];
}

/** All charts; undefined where there is nothing to show. */
export interface ChartData {
  readonly histogram: {
    /** Lower edge of each bin, milliseconds. */
    readonly edges: readonly number[];
    readonly width: number;
    readonly series: readonly {
      name: string;
      color: string;
      counts: readonly number[];
      above: number;
    }[];
  };
  readonly percentiles: {
    readonly ranks: readonly number[];
    readonly series: readonly { name: string; color: string; values: readonly number[] }[];
  };
  readonly split: readonly { name: string; color: string; value: number }[] | undefined;
  readonly deviceTimeline: Timeline | undefined;
  readonly jsTimeline: Timeline | undefined;
}

const colors: Readonly<Record<keyof RequestSplit, string>> = {
  js: 'js',
  submit: 'submit',
  h2d: 'h2d',
  compute: 'compute',
  d2h: 'd2h',
  wakeUp: 'wake',
};

/** Some neighbours from the middle of what lies from `first` to `end`. */
function middle(first: number, end: number): number[] {
  const start = first + Math.max(0, Math.floor((end - first - timelineRows) / 2));
  return Array.from({ length: Math.min(end - first, timelineRows) }, (_, index) => start + index);
}

function deviceTimeline({ device, settings }: BenchReport): Timeline | undefined {
  if (device === undefined) return undefined;
  const { trace } = device;
  const queries = middle(firstCounted(trace, settings.warmUpMs), trace.stream.length);
  const at = (column: Float64Array, query: number): number => column[query] ?? 0;
  const zero = Math.min(
    ...queries.map((query) => Math.min(at(trace.startEnqMs, query), at(trace.startH2dMs, query))),
  );
  const phase = (
    name: string,
    color: string,
    start: Float64Array,
    end: Float64Array,
  ): Timeline['phases'][number] => ({
    name,
    color,
    thin: color === 'submit',
    spans: queries.map((query) => [at(start, query) - zero, at(end, query) - zero]),
  });
  const compute = phase('compute', 'compute', trace.startComputeMs, trace.endComputeMs);
  const enqueue = phase('enqueue (host)', 'submit', trace.startEnqMs, trace.endEnqMs);
  const h2d = phase('H2D', 'h2d', trace.startH2dMs, trace.endH2dMs);
  const d2h = phase('D2H', 'd2h', trace.startD2hMs, trace.endD2hMs);
  return {
    what: 'query',
    rows: queries.map((query, index) =>
      settings.streams > 1 ? `${index + 1} (stream ${trace.stream[query] ?? 0})` : `${index + 1}`,
    ),
    phases: settings.transfers ? [h2d, compute, d2h, enqueue] : [compute, enqueue],
  };
}

type Parts = ReadonlyMap<string, readonly [number, number]>;

/** Where the parts of a request begin and end, one after the other. */
function partsOf({ startMs, latencyMs, timing }: BenchRequest): Parts {
  let at = startMs;
  return new Map(
    Object.entries<number>({ ...splitOf(timing, latencyMs) }).map(([name, duration]) => {
      const start = at;
      at += duration;
      return [name, [start, at]];
    }),
  );
}

/** By part of each request: where it begins and ends. */
function jsTimeline({ js }: BenchReport): Timeline | undefined {
  if (js === undefined) return undefined;
  const requests: Parts[] =
    js.timed === undefined
      ? middle(0, js.queries).map((index) => {
          const start = js.trace.startMs[index] ?? 0;
          return new Map([['', [start, start + (js.trace.latencyMs[index] ?? 0)]]]);
        })
      : [...js.timed.trace].sort((a, b) => a.startMs - b.startMs).map(partsOf);
  const [first = 0] = middle(0, requests.length);
  const shown = requests.slice(first, first + timelineRows);
  const zero = Math.min(...shown.flatMap((parts) => [...parts.values()].map(([start]) => start)));
  const phase = (key: string, name: string, color: string): Timeline['phases'][number] => ({
    name,
    color,
    thin: false,
    spans: shown.map((parts) => {
      const [start, end] = parts.get(key) ?? [zero, zero];
      return [start - zero, end - zero];
    }),
  });
  const names = Object.entries(splitNames) as [keyof RequestSplit, string][];
  return {
    what: 'request',
    rows: shown.map((_, index) => `${index + 1}`),
    phases:
      js.timed === undefined
        ? [phase('', 'await session.run()', 'js')]
        : names.map(([key, name]) => phase(key, name, colors[key])),
  };
}

/** Computes what the charts show. */
export function chartData(report: BenchReport): ChartData {
  const { device, js, settings } = report;
  const sets: { name: string; color: string; values: Float64Array }[] = [];
  if (device !== undefined) {
    const { latency } = durationsOf(device.trace, firstCounted(device.trace, settings.warmUpMs));
    sets.push({ name: 'device', color: 'compute', values: latency });
  }
  if (js !== undefined) {
    sets.push({ name: 'JavaScript caller', color: 'js', values: js.trace.latencyMs });
  }
  const counted: Histogram[] = histograms(
    sets.map(({ values }) => values),
    bins,
  );
  const { low = 0, width = 1, counts = [] } = counted[0] ?? {};
  return {
    histogram: {
      edges: Array.from(counts, (_, bin) => Number((low + bin * width).toPrecision(9))),
      width,
      series: sets.map(({ name, color }, index) => ({
        name,
        color,
        counts: counted[index]?.counts ?? [],
        above: counted[index]?.above ?? 0,
      })),
    },
    percentiles: {
      ranks,
      series: sets.map(({ name, color, values }) => {
        const sorted = values.slice().sort();
        return { name, color, values: ranks.map((rank) => percentileOf(sorted, rank)) };
      }),
    },
    split:
      js?.timed &&
      (Object.entries(splitNames) as [keyof RequestSplit, string][]).map(([key, name]) => ({
        name,
        color: colors[key],
        value: js.timed?.split[key].mean ?? 0,
      })),
    deviceTimeline: deviceTimeline(report),
    jsTimeline: jsTimeline(report),
  };
}
