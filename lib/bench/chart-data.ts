// What the charts of the HTML report show, as plain numbers.

import { countedQueries, durationsOf } from './device-phase.js';
import { splitOf } from './js-phase.js';
import { type Histogram, histograms, percentileOf } from './statistics.js';
import { splitNames } from './table.js';
import type { BenchReport, BenchRequest, RequestSplit } from './types.js';

const bins = 48;
const timelineRows = 16;
const ranks = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.9, 100];

/** One row of a timeline: where each phase begins and ends, in milliseconds; null: not at all. */
interface Timeline {
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

/** Some neighbours from the middle. */
function middle<T>(items: readonly T[]): readonly T[] {
  const start = Math.max(0, Math.floor((items.length - timelineRows) / 2));
  return items.slice(start, start + timelineRows);
}

function deviceTimeline({ device, settings }: BenchReport): Timeline | undefined {
  if (device === undefined) return undefined;
  const queries = middle(countedQueries(device.trace, settings.warmUpMs));
  const zero = Math.min(...queries.map((query) => Math.min(query.startEnqMs, query.startH2dMs)));
  const span = (start: number, end: number): readonly [number, number] => [
    start - zero,
    end - zero,
  ];
  const copies = settings.transfers;
  return {
    rows: queries.map((query, index) =>
      settings.streams > 1 ? `${index + 1} (stream ${query.stream})` : String(index + 1),
    ),
    phases: [
      ...(copies
        ? [
            {
              name: 'H2D',
              color: 'h2d',
              thin: false,
              spans: queries.map((query) => span(query.startH2dMs, query.endH2dMs)),
            },
          ]
        : []),
      {
        name: 'compute',
        color: 'compute',
        thin: false,
        spans: queries.map((query) => span(query.startComputeMs, query.endComputeMs)),
      },
      ...(copies
        ? [
            {
              name: 'D2H',
              color: 'd2h',
              thin: false,
              spans: queries.map((query) => span(query.startD2hMs, query.endD2hMs)),
            },
          ]
        : []),
      {
        name: 'enqueue (host)',
        color: 'submit',
        thin: true,
        spans: queries.map((query) => span(query.startEnqMs, query.endEnqMs)),
      },
    ],
  };
}

/** The parts of a request one after the other. */
function partsOf({ startMs, latencyMs, timing }: BenchRequest): Record<string, [number, number]> {
  if (timing === undefined) return { wait: [startMs, startMs + latencyMs] };
  let at = startMs;
  return Object.fromEntries(
    Object.entries(splitOf(timing, latencyMs)).map(([name, duration]: [string, number]) => {
      const start = at;
      at += duration;
      return [name, [start, at]];
    }),
  );
}

function jsTimeline({ js }: BenchReport): Timeline | undefined {
  if (js === undefined) return undefined;
  const byStart = [...(js.timed?.trace ?? js.trace)].sort((a, b) => a.startMs - b.startMs);
  const requests = middle(byStart);
  const timed = requests.every((request) => request.timing !== undefined);
  const zero = requests[0]?.startMs ?? 0;
  const parts = requests.map(partsOf);
  const phase = (key: string, name: string, color: string): Timeline['phases'][number] => ({
    name,
    color,
    thin: false,
    spans: parts.map((part) => {
      const [start, end] = part[key] ?? [0, 0];
      return [start - zero, end - zero];
    }),
  });
  const names = Object.entries(splitNames) as [keyof RequestSplit, string][];
  return {
    rows: requests.map((_, index) => String(index + 1)),
    phases: timed
      ? names.map(([key, name]) => phase(key, name, colors[key]))
      : [phase('wait', 'await session.run()', 'js')],
  };
}

/** Computes what the charts show. */
export function chartData(report: BenchReport): ChartData {
  const { device, js, settings } = report;
  const sets: { name: string; color: string; values: Float64Array }[] = [];
  if (device !== undefined) {
    const queries = countedQueries(device.trace, settings.warmUpMs);
    const values = Float64Array.from(queries, (query) => durationsOf(query).latency);
    sets.push({ name: 'device', color: 'compute', values });
  }
  if (js !== undefined) {
    const values = Float64Array.from(js.trace, (request) => request.latencyMs);
    sets.push({ name: 'JavaScript caller', color: 'js', values });
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
