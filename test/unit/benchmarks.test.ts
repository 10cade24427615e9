// The pure parts of benchmarks/: percentiles, ratios, targets, the schema, tables; and the committed results against the schema.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

// They are plain JavaScript, so their types are said here.
const load = async <T>(name: string): Promise<T> =>
  (await import(new URL(`../../benchmarks/parts/${name}.mjs`, import.meta.url).href)) as T;

interface Figures {
  count: number;
  p50: number;
  p95: number;
  p99: number;
  mean: number;
  min: number;
  max: number;
}
interface Peer {
  name: string;
  kind: string;
  against?: string;
  error?: string;
  config: object;
  rounds: Partial<Figures>[];
  pooled: Partial<Figures & { perSecond: number; heapBytesPerRun: number }>;
  ratio?: { against: string; p50?: number; spread?: number[] };
}
interface Target {
  peer: string;
  figure: string;
  allowed: number;
  met: boolean;
}

const { figures, median, percentile, quantiles } = await load<{
  figures(samples: number[]): Figures;
  median(values: number[]): number;
  percentile(sorted: number[], p: number): number;
  quantiles(samples: number[]): number[];
}>('statistics');
const { addRatios } = await load<{ addRatios(peers: Peer[], reference: string): void }>('rounds');
const { checkTargets } = await load<{ checkTargets(scenarios: object[]): Target[] }>('targets');
const { validate } = await load<{ validate(result: unknown): string[] }>('schema');
const { show, tables } = await load<{
  show(value: number | undefined, unit?: string): string;
  tables(result: unknown): string;
}>('tables');
const { inputData } = await load<{
  inputData(name: string, dtype: string, elements: number): ArrayLike<number | bigint>;
}>('inputs');

const peer = (name: string, p50: number, more: Partial<Peer> = {}): Peer => ({
  name,
  kind: 'cpp',
  config: {},
  rounds: [{ p50: p50 - 1 }, { p50: p50 + 1 }],
  pooled: { ...figures([p50]), perSecond: 1e6 / p50 },
  ...more,
});

const result = (peers: Peer[]) => ({
  schema: 'trt-node-benchmark/1',
  date: '2026-01-02T03:04:05.678Z',
  arguments: [],
  environment: { gpu: null, cpu: 'a CPU', cores: 2, kernel: '6', node: '20' },
  settings: {},
  scenarios: [
    {
      name: 'mlp-latency',
      title: 'mlp',
      mode: 'latency',
      model: 'mlp',
      shapes: { x: [8, 64] },
      reference: 'C++',
      peers,
    },
  ],
  targets: [],
});

describe('figures', () => {
  it('take percentiles as trtexec does: sorted[max(n - 1 - int((1 - p) n), 0)]', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(percentile(hundred, 50)).toBe(50);
    expect(percentile(hundred, 99)).toBe(99);
    expect(percentile([7], 99)).toBe(7);
    expect(percentile([], 50)).toBeNaN();
  });

  it('do not depend on the order, and know no samples', () => {
    expect(figures([3, 1, 2])).toEqual({
      count: 3,
      mean: 2,
      min: 1,
      max: 3,
      p50: 2,
      p95: 3,
      p99: 3,
    });
    expect(figures([])).toEqual({ count: 0 });
    expect(quantiles([2, 1])).toHaveLength(101);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([9, 1, 2])).toBe(2);
  });
});

describe('ratios', () => {
  it('are against the reference, or the peer that one names, with the spread of paired rounds', () => {
    const peers = [peer('C++', 10), peer('ours', 20), peer('other', 40, { against: 'ours' })];
    addRatios(peers, 'C++');
    expect(peers[1]?.ratio).toMatchObject({ against: 'C++', p50: 2, spread: [1.9091, 2.1111] });
    expect(peers[2]?.ratio).toMatchObject({ against: 'ours', p50: 2 });
  });

  it('are left out where the other could not run', () => {
    const peers = [peer('C++', 10, { error: 'no GPU' }), peer('ours', 20)];
    addRatios(peers, 'C++');
    expect(peers[1]).not.toHaveProperty('ratio');
  });
});

describe('targets', () => {
  it('are checked where both were measured', () => {
    const [{ allowed, met } = { allowed: 0, met: true }, second] = checkTargets(
      result([peer('C++', 17.4), peer('trt-node runSync', 17.9)]).scenarios,
    );
    expect(allowed).toBeCloseTo(17.748);
    expect(met).toBe(false);
    expect(second).toMatchObject({ figure: 'p99', met: true });
  });

  it('take the best of several C++ peers for throughput', () => {
    const scenario = {
      name: 'mlp-throughput',
      peers: [
        peer('C++, 4 streams', 5),
        peer('C++, 16 streams', 4),
        peer('trt-node run, 16 in flight', 4.1),
      ],
    };
    expect(checkTargets([scenario])).toMatchObject([{ allowed: 237500, met: true }]);
  });

  it('say nothing of what did not run', () => {
    expect(checkTargets(result([peer('C++', 1)]).scenarios)).toEqual([]);
    expect(checkTargets([])).toEqual([]);
  });
});

describe('the schema', () => {
  it('takes a whole result, and says what is wrong with another', () => {
    const good = result([peer('C++', 10)]);
    expect(validate(good)).toEqual([]);
    expect(validate({ ...good, schema: 'other/1' })).toEqual([
      'result.schema: expected trt-node-benchmark/1, got other/1',
    ]);
    expect(validate({ ...good, extra: 1 })).toEqual(['result.extra is not in the schema']);
    expect(validate({ ...good, date: 5 })).toEqual(['result.date: expected string, got number']);
    const twins = result([peer('C++', 10), peer('C++', 11)]);
    expect(validate(twins)).toEqual(['scenario mlp-latency: two peers of one name']);
    expect(validate(null)).toEqual(['result: expected object, got null']);
  });

  const folder = new URL('../../benchmarks/results/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  it.each(files)('is kept by %s', (name) => {
    expect(validate(JSON.parse(readFileSync(new URL(name, folder), 'utf8')))).toEqual([]);
  });
});

describe('tables', () => {
  it('show what was measured, and who could not run', () => {
    const peers = [
      peer('C++', 10),
      peer('ours', 12.5),
      peer('absent', 1, { error: 'no such thing', pooled: {} }),
    ];
    addRatios(peers, 'C++');
    const text = tables(result(peers));
    expect(text).toContain('| ours | 12.50 | 12.50 | 12.50 | 12.50 | 1.250 (1.23–1.28) | 1.250 |');
    expect(text).toContain('- absent: not measured: no such thing');
    expect(text).toContain('no GPU; a CPU, 2 cores');
  });

  it('group thousands and keep small numbers exact', () => {
    expect(show(1234567.8)).toBe('1 234 568');
    expect(show(206000, 'a second')).toBe('206 000 a second');
    expect(show(17.444)).toBe('17.44');
    expect(show(123.45)).toBe('123.5');
    expect(show(undefined)).toBe('');
  });
});

describe('inputs', () => {
  it('are the same numbers in every language', () => {
    expect(Array.from(inputData('x', 'float32', 3))).toEqual(
      Array.from(new Float32Array([-0.5, 0.419, 0.338])),
    );
    expect(Array.from(inputData('input_ids', 'int64', 3))).toEqual([0n, 919n, 838n]);
    expect(Array.from(inputData('attention_mask', 'int64', 2))).toEqual([1n, 1n]);
    expect(Array.from(inputData('token_type_ids', 'int32', 2))).toEqual([0, 0]);
    expect(() => inputData('x', 'fp8', 1)).toThrow('no benchmark input of type fp8');
  });
});
