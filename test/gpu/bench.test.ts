// bench on a real GPU: the figures that must hold whatever they are, graphs, data-dependent sizes, layers, the command with its files.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type BenchOptions, type BenchReport, Tensor, bench } from 'trt-node';
import { plan, root } from './support.js';

const short: BenchOptions = { warmUpMs: 50, durationMs: 200 };

/** Times in the order in which things happen, and figures that agree with each other. */
function checkDevice({ device, settings }: BenchReport): void {
  assert.ok(device !== undefined && device.queries >= settings.iterations);
  const { trace } = device;
  for (let query = 0; query < trace.stream.length; query++) {
    const at = (times: Float64Array): number => times[query] ?? NaN;
    assert.ok(at(trace.endEnqMs) >= at(trace.startEnqMs));
    assert.ok(at(trace.endComputeMs) > at(trace.startComputeMs));
    assert.ok(at(trace.startComputeMs) >= at(trace.startH2dMs));
    assert.ok(at(trace.endD2hMs) >= at(trace.startD2hMs));
  }
  const { latency, h2d, compute, d2h } = device;
  assert.ok(Math.abs(latency.mean - h2d.mean - compute.mean - d2h.mean) < 1e-3);
  assert.ok(compute.min > 0 && compute.min <= compute.median && compute.median <= compute.max);
  assert.ok(device.throughput * compute.mean < 1000 * settings.streams * 1.5);
}

test('both phases: the parts add up, the host sees what the device does', async () => {
  const report = await bench(plan('mlp.plan'), { ...short, shapes: { x: [8, 64] } });
  checkDevice(report);
  const { js, environment } = report;
  assert.equal(environment.runtime, 'tensorrt');
  assert.ok(js?.timed !== undefined);
  const { split, latency, trace } = js.timed;
  const sum = Object.values<{ mean: number }>({ ...split }).reduce(
    (all, { mean }) => all + mean,
    0,
  );
  assert.ok(Math.abs(sum - latency.mean) < 1e-6);
  for (const part of [split.h2d, split.compute, split.d2h]) assert.ok(part.min >= 0);
  // Clocks are matched to some microseconds.
  for (const part of [split.js, split.submit, split.wakeUp]) assert.ok(part.median > -0.005);
  assert.equal(trace.length, js.timed.queries);
  assert.ok(js.eventLoopDelay !== undefined && js.cpuMs.user > 0);
});

for (const options of [
  { cudaGraph: true },
  { compat: 11 },
  { streams: 4, threads: true },
  { streams: 4 },
  { exposeDMA: true, spinWait: true },
  { sleepMs: 20 },
  { transfers: false, sleepMs: 20 },
  { idleMs: 2 },
  { persistentCacheRatio: 0.25 },
] as const) {
  test(`device phase with ${JSON.stringify(options)}`, async () => {
    const report = await bench(plan('mlp.plan'), { ...short, ...options, phases: ['device'] });
    checkDevice(report);
    assert.equal(report.device?.cudaGraph.used, report.settings.cudaGraph);
    assert.ok(report.device.trace.startComputeMs.every((start) => start >= 0));
  });
}

test('outputs whose size depends on the data', async () => {
  const x = new Tensor('float32', [0, 1, 0, 2, 3, 0, 0, 4], [1, 8]);
  const options = { ...short, cudaGraph: true, inputs: { x }, outputs: true };
  const report = await bench(plan('nonzero.plan'), options);
  checkDevice(report);
  assert.equal(report.device?.cudaGraph.used, false);
  assert.ok(Object.values(report.outputs ?? {})[0]?.shape.includes(4));
});

test('layers: their sum is near the computing time', async () => {
  const report = await bench(plan('slow.plan'), {
    ...short,
    phases: ['device'],
    layerTimes: true,
    layerInfo: true,
  });
  checkDevice(report);
  const { layers } = report.layers ?? { layers: [] };
  assert.ok(layers.length > 0);
  const sum = layers.reduce((all, { averageMs }) => all + averageMs, 0);
  assert.ok(sum > 0 && sum < 20 * (report.device?.compute.mean ?? 0));
  assert.ok(typeof JSON.parse(report.layerInfo ?? '') === 'object');
});

test('the command, with its files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trt-node-'));
  try {
    const files = ['exportTimes', 'exportProfile', 'exportOutput', 'html'];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        join(root, 'dist/cli/main.js'),
        'bench',
        plan('mlp.plan'),
        '--duration=0.2',
        '--useCudaGraph',
        '--dumpProfile',
        ...files.map((name) => `--${name}=${join(folder, name)}`),
      ],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^GPU Compute Time: min = /m);
    assert.match(stdout, /CUDA graph on \(\d+ nodes\)/);
    assert.match(readFileSync(join(folder, 'html'), 'utf8'), /<\/html>\n$/);
    assert.ok(Array.isArray(JSON.parse(readFileSync(join(folder, 'exportTimes'), 'utf8'))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
