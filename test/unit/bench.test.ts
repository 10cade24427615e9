// bench's pure parts: percentiles, figures, what they say, export formats, trtexec's lines.

import { layerTimes } from '../../lib/layers/layer-times.js';
import { describe, expect, test } from 'vitest';
import {
  type BenchFinding,
  type BenchReport,
  type BenchTrace,
  type DeviceReport,
  type JsReport,
  type RunTiming,
  Tensor,
} from 'trt-node';
import { chartData } from '../../lib/bench/chart-data.js';
import { deviceFigures, durationsOf, firstCounted } from '../../lib/bench/device-phase.js';
import { explain } from '../../lib/bench/explain.js';
import { outputsJson, profileJson, reportJson, timesJson } from '../../lib/bench/export.js';
import { detailOf, splitOf, timedFigures } from '../../lib/bench/js-phase.js';
import {
  histograms,
  medianOf,
  percentileOf,
  summarizeTimes,
  variationOf,
} from '../../lib/bench/statistics.js';
import { expandShapes } from '../../lib/bench/subject.js';
import { reportText } from '../../lib/bench/table.js';
import { averageLines, profileLines, trtexecLines } from '../../lib/bench/trtexec-text.js';
import { benchReport, deviceReport, jsReport, runTiming } from '../helpers/bench.js';
import { expectError } from '../helpers/expect-error.js';

function codes(findings: readonly BenchFinding[]): string[] {
  return findings.map((finding) => finding.code);
}

describe('statistics', () => {
  test.each([
    [90, 10, 8], // int(0.1 * 10) = 1 in single precision
    [99, 100, 99], // (1 - 0.99f) * 100 is below 1 in single precision: the largest
    [99, 1000, 990],
    [95, 20, 18],
    [50, 4, 1],
    [0, 5, 0],
    [100, 5, 4],
    [99.9, 10_000, 9990],
    [99, 1, 0],
  ])("trtexec's percentile %d of %d values is the one at %d", (percentile, count, index) => {
    const sorted = Float64Array.from({ length: count }, (_, value) => value);
    expect(percentileOf(sorted, percentile)).toBe(index);
  });

  test('median, summary, variation', () => {
    expect(medianOf([1, 2, 9])).toBe(2);
    expect(medianOf([1, 2, 4, 9])).toBe(3);
    expect(summarizeTimes(Float64Array.of(3, 1, 2), [50, 90])).toEqual({
      min: 1,
      max: 3,
      mean: 2,
      median: 2,
      percentiles: { '50': 2, '90': 3 },
    });
    expect(variationOf(Float64Array.of(2, 2, 2))).toBe(0);
    expect(variationOf(Float64Array.of(1, 3))).toBe(50);
  });

  test('histograms share round bins and count everything', () => {
    const slow = Float64Array.from({ length: 1000 }, (_, index) =>
      index === 7 ? 500 : index / 100,
    );
    const [first, second] = histograms([slow, Float64Array.of(0.013, 0.5)], 40);
    expect(first).toMatchObject({ low: 0, width: 0.5, above: 1 });
    expect(second?.counts).toHaveLength(first?.counts.length ?? -1);
    const sum = (counts: readonly number[] = []): number => counts.reduce((a, b) => a + b, 0);
    expect([sum(first?.counts), sum(second?.counts)]).toEqual([1000, 2]);
    expect(histograms([Float64Array.of(0)], 10)[0]?.counts).toEqual([1]);
    expect(histograms([], 10)).toEqual([]);
  });
});

describe('figures of the device', () => {
  const trace: BenchTrace = {
    startEnqMs: Float64Array.of(0, 3, 7),
    endEnqMs: Float64Array.of(1, 4, 9),
    startH2dMs: Float64Array.of(0, 4, 8),
    endH2dMs: Float64Array.of(2, 5, 9),
    startComputeMs: Float64Array.of(2, 5, 9),
    endComputeMs: Float64Array.of(5, 9, 12),
    startD2hMs: Float64Array.of(5, 9, 12),
    endD2hMs: Float64Array.of(6, 11, 13),
    stream: Int32Array.of(0, 0, 1),
  };

  test('durations are by events; latency is their sum, without the gaps', () => {
    const durations = durationsOf(trace, 1);
    expect(Object.values<Float64Array>({ ...durations }).map(([first]) => first)).toEqual([
      1, 1, 4, 2, 7,
    ]);
    expect([...durations.latency]).toEqual([7, 5]);
  });

  test('the warm-up is what began to compute before its end', () => {
    expect(firstCounted(trace, 5)).toBe(1);
    expect(firstCounted(trace, 100)).toBe(0);
    const figures = deviceFigures(trace, { warmUpMs: 5, percentiles: [99] });
    expect(figures).toMatchObject({ warmUpQueries: 1, queries: 2, wallMs: 9, totalComputeMs: 7 });
    expect(figures.throughput).toBeCloseTo((2 / 9) * 1000);
    expect(figures.latency).toMatchObject({ min: 5, max: 7, percentiles: { '99': 7 } });
  });

  test('layers: sums, means, medians, shares', () => {
    const times = Float32Array.of(1, 3, 2, 3, 6, 3);
    expect(layerTimes(['a', 'b'], times)).toEqual({
      count: 3,
      layers: [
        { name: 'a', timeMs: 9, averageMs: 3, medianMs: 2, percentage: 50 },
        { name: 'b', timeMs: 9, averageMs: 3, medianMs: 3, percentage: 50 },
      ],
      times,
    });
    expect(layerTimes([], new Float32Array(0))).toEqual({
      count: 0,
      layers: [],
      times: new Float32Array(0),
    });
  });
});

describe('what a caller waits', () => {
  const timing: RunTiming = runTiming();

  test('the parts add up to the latency', () => {
    const split = splitOf(timing, 10);
    expect(split).toEqual({ js: 1, submit: 1, h2d: 1, compute: 3, d2h: 1, wakeUp: 3 });
    expect(Object.values<number>({ ...split }).reduce((a, b) => a + b)).toBe(10);
    expect(detailOf(timing, 10)).toEqual({ launch: 2, notice: 1, deliver: 1, resume: 1 });
  });

  test('figures of the parts; none without timings', () => {
    expect(timedFigures([], [99])).toBeUndefined();
    const figures = timedFigures([{ startMs: 0, latencyMs: 10, timing }], [99]);
    expect(figures).toMatchObject({ queries: 1, latency: { mean: 10 } });
    expect(figures?.split.wakeUp).toMatchObject({ mean: 3, max: 3 });
  });
});

describe('findings', () => {
  const say = (
    device: Partial<DeviceReport>,
    rest: Partial<BenchReport> = {},
    js?: Partial<JsReport>,
  ): BenchFinding[] =>
    explain(
      benchReport({
        ...rest,
        device: deviceReport(device),
        js: js === undefined ? undefined : jsReport(js),
      }),
    );
  const times = (value: number): DeviceReport['compute'] =>
    summarizeTimes(Float64Array.of(value), [99]);

  test('nothing to say of a good measurement', () => {
    expect(say({})).toEqual([]);
  });

  test('enqueue-bound: use graphs, unless they are used', () => {
    const [finding] = say({ enqueue: times(9) });
    expect(finding).toMatchObject({ code: 'enqueue-bound', severity: 'warning' });
    expect(finding?.what).toContain('9 ms');
    expect(finding?.todo).toContain('--useCudaGraph');
    const used = { used: true, nodes: 3, refusal: '' };
    expect(say({ enqueue: times(9), cudaGraph: used })[0]?.todo).not.toContain('--useCudaGraph');
    expect(say({ enqueue: times(8) })).toEqual([]);
  });

  test('transfer-bound, only where there are transfers', () => {
    expect(codes(say({ h2d: times(10) }))).toEqual(['h2d-bound']);
    expect(codes(say({ d2h: times(10) }))).toEqual(['d2h-bound']);
    const { settings } = benchReport({});
    expect(say({ h2d: times(10) }, { settings: { ...settings, transfers: false } })).toEqual([]);
  });

  test("far from the profile's optimum: S3's slow table, with the flags that mend it", () => {
    const input = { dtype: 'int32', source: 'random', optimum: [20, 512] } as const;
    const inputs = ['input_ids', 'segment_ids'].map((name) => ({
      ...input,
      name,
      shape: [1, 200],
    }));
    const [finding] = say({}, { inputs });
    expect(finding?.code).toBe('far-from-optimum');
    expect(finding?.what).toContain(
      "'input_ids' is [1, 200], but the optimum is [20, 512] (51 times as many elements)",
    );
    expect(finding?.todo).toContain('--optShapes=input_ids:1x200,segment_ids:1x200');
    expect(say({}, { inputs: inputs.map((near) => ({ ...near, shape: [16, 384] })) })).toEqual([]);
    expect(say({}, { inputs: [{ ...input, name: 's', shape: [], optimum: undefined }] })).toEqual(
      [],
    );
  });

  test('unstable, several streams, a refused graph, an idle device, few queries', () => {
    const { settings } = benchReport({});
    expect(codes(say({ computeVariation: 3 }))).toEqual(['unstable']);
    expect(codes(say({}, { settings: { ...settings, streams: 2 } }))).toEqual(['streams']);
    const refused = { used: false, nodes: 0, refusal: 'because' };
    const findings = say({ cudaGraph: refused }, { settings: { ...settings, cudaGraph: true } });
    expect(codes(findings)).toEqual(['graph-refused']);
    expect(findings[0]?.what).toContain('because');
    expect(codes(say({ totalComputeMs: 5000 }))).toEqual(['device-idle']);
    expect(codes(say({ queries: 999 }))).toEqual(['few-queries']);
    expect(codes(say({ truncated: true }))).toEqual(['truncated']);
  });

  test('what callers wait: the largest part is named', () => {
    const mean = (value: number): JsReport['latency'] =>
      summarizeTimes(Float64Array.of(value), [99]);
    const split = {
      js: mean(1),
      submit: mean(2),
      h2d: mean(1),
      compute: mean(9),
      d2h: mean(1),
      wakeUp: mean(16),
    };
    const { timed } = jsReport({});
    const given = timed && { ...timed, split, latency: mean(30) };
    const [finding] = say({}, {}, { latency: mean(30), timed: given });
    expect(finding).toMatchObject({ code: 'caller-overhead', severity: 'info' });
    expect(finding?.what).toContain('30 ms on average, of which the device works 11 ms');
    expect(finding?.todo).toContain(
      'The largest part of the rest (16 ms of 30 ms where the parts were timed) is the way back to JavaScript',
    );
    expect(say({}, {}, { latency: mean(30), timed: undefined })[0]?.todo).toContain('device phase');
    const delay = { ...mean(40), percentiles: { '99': 40 } };
    const blocked = say({}, {}, { eventLoopDelay: { load: delay, idle: delay } });
    expect(codes(blocked)).toContain('event-loop-blocked');
  });

  test('the reference runtime is said to be no GPU', () => {
    const { environment } = benchReport({});
    const findings = say({}, { environment: { ...environment, runtime: 'reference' } });
    expect(codes(findings)).toEqual(['reference']);
  });
});

describe('formats', () => {
  test("exportTimes has trtexec's fields", () => {
    const { trace } = deviceReport({});
    const text = (given: BenchTrace): string => Buffer.from(timesJson(given)).toString();
    const queries = JSON.parse(text(trace)) as Record<string, number>[];
    const [query] = queries;
    expect(queries).toHaveLength(20);
    expect(query).toMatchObject({ startEnqMs: 300, endD2hMs: 312, latencyMs: 12 });
    expect(Object.keys(query ?? {})).toEqual([
      'startEnqMs',
      'endEnqMs',
      'startH2dMs',
      'endH2dMs',
      'startComputeMs',
      'endComputeMs',
      'startD2hMs',
      'endD2hMs',
      'h2dMs',
      'computeMs',
      'd2hMs',
      'latencyMs',
    ]);
    const none = new Float64Array(0);
    const empty = Object.fromEntries(Object.keys(trace).map((name) => [name, none]));
    expect(text({ ...(empty as unknown as BenchTrace), stream: new Int32Array(0) })).toBe(
      '[\n\n]\n',
    );
    const many = { length: 40_000 };
    const long = Object.fromEntries(
      Object.keys(trace).map((name) => [name, Float64Array.from(many, (_, index) => index)]),
    );
    const stream = new Int32Array(many.length);
    expect(JSON.parse(text({ ...(long as unknown as BenchTrace), stream }))).toHaveLength(40_000);
  });

  test('exportProfile: the count, then the layers', () => {
    const layer = { name: 'a"b', timeMs: 2, averageMs: 1, medianMs: 1, percentage: 100 };
    expect(JSON.parse(profileJson({ count: 2, layers: [layer] }))).toEqual([{ count: 2 }, layer]);
  });

  test('exportOutput: name, dimensions, values, exact integers, null for what is no number', () => {
    const text = outputsJson({
      'a"': new Tensor('float32', [1.5, NaN, -Infinity, 0], [2, 2]),
      b: new Tensor('int64', [2n ** 60n], [1]),
      c: new Tensor('float16', [0.5], []),
      d: new Tensor('bool', [true, false], [2]),
      e: new Tensor('float32', [], [0, 3]),
    });
    expect(text).toContain('1152921504606846976');
    expect(JSON.parse(text.replace('1152921504606846976', '1'))).toEqual([
      { name: 'a"', dimensions: '2x2', values: [1.5, null, null, 0] },
      { name: 'b', dimensions: '1', values: [1] },
      { name: 'c', dimensions: '', values: [0.5] },
      { name: 'd', dimensions: '2', values: [1, 0] },
      { name: 'e', dimensions: '0x3', values: [] },
    ]);
  });

  test('the JSON report has no single queries', () => {
    const report = benchReport({ device: deviceReport({}), js: jsReport({}), layerInfo: '{}' });
    const json = JSON.parse(JSON.stringify(reportJson(report))) as Record<string, object>;
    expect(json).not.toHaveProperty('layerInfo');
    expect(json.device).not.toHaveProperty('trace');
    expect(json.js).not.toHaveProperty('trace');
    expect(json.device).toHaveProperty('compute.percentiles.99');
  });

  test("trtexec's lines, word for word", () => {
    const device = deviceReport({ warmUpQueries: 37, queries: 546, wallMs: 3015.1 });
    const { settings } = benchReport({});
    const lines = trtexecLines(device, settings, { avgRuns: 10, averages: 1 });
    expect(lines.slice(0, 5)).toEqual([
      'Warmup completed 37 queries over 200 ms',
      'Timing trace has 546 queries over 3.0151 s',
      '',
      '=== Trace details ===',
      'Trace averages of 10 runs:',
    ]);
    expect(lines[5]).toBe(
      'Average on 10 runs - GPU latency: 10 ms - Host latency: 12 ms (enqueue 0.5 ms)',
    );
    expect(lines[6]).toBe('(1 more; --avgRuns=10 prints them all)');
    expect(lines).toContain('=== Performance summary ===');
    expect(lines).toContain(
      'GPU Compute Time: min = 10 ms, max = 10 ms, mean = 10 ms, median = 10 ms, percentile(99%) = 10 ms',
    );
    expect(lines).toContain('Total Host Walltime: 3.0151 s');
    expect(averageLines(device, settings, 20)).toHaveLength(1);
    expect(averageLines(device, settings, 21)).toHaveLength(0);
    const tiny = deviceReport({ throughput: 1234567.8, totalComputeMs: 0.0123456789 });
    const small = trtexecLines(tiny, settings, { avgRuns: 10, averages: 0 });
    expect(small).toContain('Throughput: 1.23457e+06 qps');
    expect(small).toContain('Total GPU Compute Time: 1.23457e-05 s');
  });

  test("trtexec's warnings at its thresholds", () => {
    const { settings } = benchReport({});
    const one = (value: number): DeviceReport['compute'] =>
      summarizeTimes(Float64Array.of(value), [99]);
    const warnings = (device: Partial<DeviceReport>, streams = 1): string[] =>
      trtexecLines(
        deviceReport(device),
        { ...settings, streams },
        { avgRuns: 10, averages: 0 },
      ).filter((text) => text.startsWith('* '));
    expect(warnings({})).toEqual([]);
    expect(warnings({ enqueue: one(8.1) })[0]).toContain('bound by Enqueue Time');
    expect(warnings({ h2d: one(10) })[0]).toContain('host-to-device transfers for the inputs');
    expect(warnings({ d2h: one(10) })[0]).toContain('device-to-host transfers for the outputs');
    expect(warnings({ computeVariation: 2.6 })[0]).toContain('coefficient of variance = 2.6%');
    expect(warnings({}, 2)[0]).toContain('Multiple inference streams');
  });

  test('dumpProfile is a table', () => {
    const layer = { name: 'conv', timeMs: 2, averageMs: 1, medianMs: 1, percentage: 100 };
    expect(profileLines({ count: 2, layers: [layer], times: Float32Array.of(1, 1) })).toEqual([
      '=== Profile (2 iterations ) ===',
      '   Time(ms)     Avg.(ms)   Median(ms)   Time(%)   Layer',
      '       2.00       1.0000       1.0000     100.0   conv',
      '       2.00       1.0000       1.0000     100.0   Total',
    ]);
  });

  test('the text report has the split when there is one', () => {
    const report = benchReport({ device: deviceReport({}), js: jsReport({}) });
    const text = reportText(report);
    expect(text).toContain('wake-up, until the next line');
    expect(text).toContain('defaults of trtexec 10; CUDA graph off; spin wait off');
    const { js } = report;
    const without = { ...report, js: js && { ...js, timed: undefined } };
    expect(reportText(without)).not.toContain('Where a request');
  });

  test('the charts: parts of requests end where the next begins', () => {
    const { jsTimeline, deviceTimeline, split } = chartData(
      benchReport({ device: deviceReport({}), js: jsReport({}) }),
    );
    const [first] = jsTimeline?.phases ?? [];
    const last = jsTimeline?.phases.at(-1);
    expect(jsTimeline?.phases).toHaveLength(6);
    expect(first?.spans[0]?.[0]).toBe(0);
    expect(last?.spans[0]?.[1]).toBe(10);
    expect(deviceTimeline?.phases.map(({ name }) => name)).toContain('enqueue (host)');
    expect(split?.reduce((sum, part) => sum + part.value, 0)).toBe(10);
  });
});

describe('shapes with a wildcard', () => {
  test('they stand for the inputs that match; a full name goes first', () => {
    const names = ['input_ids', 'input_mask', 'pos'];
    const shapes = expandShapes({ 'input_*': [1, 2], input_mask: [3] }, names);
    expect(Object.fromEntries(shapes)).toEqual({ input_ids: [1, 2], input_mask: [3] });
    expect([...expandShapes({ '*': [1] }, names).keys()]).toEqual(names);
  });

  test('one that matches nothing is an error', async () => {
    await expectError(() => expandShapes({ 'x*': [1] }, ['y']), 'ERR_TRT_UNKNOWN_TENSOR', 'x*');
  });
});
