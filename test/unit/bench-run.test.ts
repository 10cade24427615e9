// bench over the reference runtime: phases, modes, graphs, sizes that depend on the data, signals, wrong options.

import { describe, expect, test } from 'vitest';
import { type BenchProgress, Tensor, bench } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference, referencePlan } from '../helpers/reference.js';

const short = { ...reference, warmUpMs: 0, durationMs: 0, iterations: 4 } as const;

describe('bench over the reference runtime', () => {
  test('both phases, outputs, layers, layer information', async () => {
    const x = new Tensor('float32', new Float32Array(2 * 64).fill(0.5), [2, 64]);
    const report = await bench(await referencePlan('mlp'), {
      ...short,
      inputs: { x },
      outputs: true,
      layerTimes: true,
      layerInfo: true,
    });
    const { device, js, layers, outputs } = report;
    expect(device?.queries).toBeGreaterThanOrEqual(4);
    const queries = (device?.queries ?? 0) + (device?.warmUpQueries ?? 0);
    expect(device?.trace.stream).toHaveLength(queries);
    expect(device?.truncated).toBe(false);
    expect(js?.queries).toBe(4);
    expect(js?.trace.latencyMs).toHaveLength(4);
    expect(js?.timed?.trace).toHaveLength(4);
    expect(layers?.count).toBeGreaterThan(0);
    expect(layers?.layers.length).toBeGreaterThan(0);
    expect(JSON.parse(report.layerInfo ?? '')).toBeTypeOf('object');
    expect(outputs?.y?.shape).toEqual([2, 32]);
    const sum = Array.from(outputs?.y?.data as Float32Array).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(2, 3);
    expect(report.inputs[0]).toMatchObject({ name: 'x', source: 'given', shape: [2, 64] });
  });

  test('times are in order, queries by start', async () => {
    const { device } = await bench(await referencePlan('mlp'), {
      ...short,
      phases: ['device'],
      streams: 3,
      iterations: 20,
    });
    const { trace } = device ?? {};
    if (trace === undefined) throw new Error('no trace');
    const marks = [
      ['startEnqMs', 'endEnqMs'],
      ['startH2dMs', 'endH2dMs', 'startComputeMs', 'endComputeMs', 'startD2hMs', 'endD2hMs'],
    ] as const;
    for (let query = 0; query < trace.stream.length; query++) {
      for (const names of marks) {
        const times = names.map((name) => trace[name][query] ?? NaN);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }
    }
    expect(new Set(trace.stream)).toEqual(new Set([0, 1, 2]));
    expect(trace.startH2dMs).toEqual(trace.startH2dMs.slice().sort());
  });

  test.each([
    { threads: true, streams: 2 },
    { exposeDMA: true },
    { spinWait: true },
    { sleepMs: 5 },
    { idleMs: 1 },
    { persistentCacheRatio: 0.5 },
    { compat: 11 as const },
  ])('%j', async (options) => {
    const { device, settings } = await bench(await referencePlan('mlp'), {
      ...short,
      ...options,
      phases: ['device'],
    });
    expect(device?.queries).toBeGreaterThanOrEqual(4);
    expect(settings).toMatchObject(options);
  });

  test('without transfers copies take no time', async () => {
    const { device } = await bench(await referencePlan('mlp'), {
      ...short,
      phases: ['device'],
      transfers: false,
      outputs: true,
    });
    expect([device?.h2d.max, device?.d2h.max]).toEqual([0, 0]);
    expect(device?.latency).toEqual(device?.compute);
  });

  test('a graph is captured; one that is refused falls back', async () => {
    const plan = await referencePlan('mlp');
    const options = { ...short, phases: ['device'], cudaGraph: true } as const;
    expect((await bench(plan, options)).device?.cudaGraph).toMatchObject({ used: true });
    injectFaults('capture');
    const { device, findings } = await bench(plan, options);
    expect(device?.cudaGraph.used).toBe(false);
    expect(device?.cudaGraph.refusal).not.toBe('');
    expect(device?.queries).toBeGreaterThanOrEqual(4);
    expect(findings.map((finding) => finding.code)).toContain('graph-refused');
  });

  test('outputs whose size depends on the data', async () => {
    const x = new Tensor('float32', [0, 1, 0, 2, 3, 0, 0, 4], [1, 8]);
    const { device, outputs } = await bench(await referencePlan('nonzero'), {
      ...short,
      phases: ['device'],
      inputs: { x },
      outputs: true,
      cudaGraph: true,
    });
    expect(device?.cudaGraph).toMatchObject({ used: false });
    expect(device?.cudaGraph.refusal).toContain('depends on the data');
    expect(Object.values(outputs ?? {})[0]?.shape).toContain(4);
  });

  test.each(['slow', 'reshape_by_input', 'two_inputs', 'scalar', 'dtypes'])('%s', async (name) => {
    const { device, js } = await bench(await referencePlan(name), { ...short, iterations: 2 });
    expect(device?.queries).toBeGreaterThanOrEqual(2);
    expect(js?.queries).toBe(2);
  });

  test('progress is told, and signals are obeyed', async () => {
    const plan = await referencePlan('mlp');
    const seen: BenchProgress[] = [];
    const stop = new AbortController();
    const report = await bench(plan, {
      ...reference,
      warmUpMs: 0,
      durationMs: -1,
      progress: (progress) => {
        seen.push(progress);
        stop.abort();
      },
      stop: stop.signal,
    });
    expect(seen[0]).toMatchObject({ phase: 'device', totalMs: Infinity });
    expect(report.device?.queries).toBeGreaterThan(0);
    expect(report.js?.queries).toBeGreaterThan(0);

    for (const phase of ['device', 'js'] as const) {
      const abort = new AbortController();
      const endless = bench(plan, {
        ...reference,
        phases: [phase],
        durationMs: -1,
        progress: () => {
          abort.abort(new Error('enough'));
        },
        signal: abort.signal,
      });
      const error = await expectError(() => endless, 'ERR_TRT_ABORTED');
      expect(error.cause).toMatchObject({ message: 'enough' });
    }
    await expectError(() => bench(plan, { signal: AbortSignal.abort() }), 'ERR_TRT_ABORTED');
  });

  test('failures of the device come out', async () => {
    const plan = await referencePlan('mlp');
    injectFaults('enqueue');
    await expectError(() => bench(plan, short), 'ERR_TRT_EXECUTION');
  });

  test.each([
    [{ iterations: 0 }, 'iterations'],
    [{ streams: 1.5 }, 'streams'],
    [{ durationMs: -2 }, 'durationMs'],
    [{ warmUpMs: '1' as never }, 'warmUpMs'],
    [{ phases: [] }, 'phases'],
    [{ phases: ['gpu' as never] }, 'phases'],
    [{ compat: 9 as never }, 'compat'],
    [{ percentiles: [101] }, 'percentiles'],
    [{ transfers: 1 as never }, 'transfers'],
    [{ inputs: { x: 5 as never } }, 'inputs'],
    [{ iteration: 5 } as never, 'iterations'],
  ])('%j is refused', async (options, name) => {
    const plan = await referencePlan('mlp');
    await expectError(
      () => bench(plan, { ...short, ...options }),
      'ERR_TRT_INVALID_ARGUMENT',
      name,
    );
  });
});
