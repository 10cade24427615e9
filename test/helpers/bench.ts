// A measurement without a device: reports of bench with figures that are easy to follow, to be changed by tests.

import type { BenchReport, BenchRequest, DeviceReport, JsReport, RunTiming } from 'trt-node';
import { timedFigures } from '../../lib/bench/js-phase.js';
import { summarizeTimes } from '../../lib/bench/statistics.js';

/** Whose parts are 1, 1, 1, 3, 1 and, with a latency of 10, 3. */
export function runTiming(): RunTiming {
  return {
    device: 0,
    submit: 1,
    launched: 3,
    h2dStart: 2,
    computeStart: 3,
    computeEnd: 6,
    d2hEnd: 7,
    completed: 8,
    settled: 9,
  };
}

function constant(value: number): DeviceReport['compute'] {
  return summarizeTimes(Float64Array.of(value), [99]);
}

/** 20 queries of 10 ms computing, 1 ms copies, after a warm-up of 200 ms; 1000 of them, if the figures are believed. */
export function deviceReport(changes: Partial<DeviceReport>): DeviceReport {
  const column = (offset: number): Float64Array =>
    Float64Array.from({ length: 20 }, (_, index) => 300 + index * 12 + offset);
  const trace = {
    startEnqMs: column(0),
    endEnqMs: column(0.5),
    startH2dMs: column(0),
    endH2dMs: column(1),
    startComputeMs: column(1),
    endComputeMs: column(11),
    startD2hMs: column(11),
    endD2hMs: column(12),
    stream: new Int32Array(20),
  };
  return {
    warmUpQueries: 0,
    queries: 1000,
    wallMs: 12_000,
    throughput: 1000 / 12,
    latency: constant(12),
    enqueue: constant(0.5),
    h2d: constant(1),
    compute: constant(10),
    d2h: constant(1),
    totalComputeMs: 10_000,
    computeVariation: 0,
    cpuMs: { threads: 0.1, process: 0.2 },
    cudaGraph: { used: false, nodes: 0, refusal: '' },
    truncated: false,
    trace,
    ...changes,
  };
}

/** 1000 requests of 10 ms with timings. */
export function jsReport(changes: Partial<JsReport>): JsReport {
  const trace = Array.from({ length: 1000 }, (_, index): BenchRequest => {
    return { startMs: index * 10, latencyMs: 10, timing: runTiming() };
  });
  return {
    warmUpQueries: 3,
    queries: 1000,
    wallMs: 10_000,
    throughput: 100,
    latency: constant(10),
    timed: timedFigures(trace, [99]),
    eventLoopDelay: { load: constant(0.2), idle: constant(0.1) },
    cpuMs: { user: 0.1, system: 0.1 },
    session: {
      cudaGraph: { hits: 1002, captures: 1, fallbacks: 0, fallbackReason: undefined },
      launches: { onEventLoop: 1003, onThread: 0 },
    },
    trace: {
      startMs: Float64Array.from(trace, (request) => request.startMs),
      latencyMs: Float64Array.from(trace, (request) => request.latencyMs),
    },
    ...changes,
  };
}

/** A report without phases, on a GPU that is not there. */
export function benchReport(changes: Partial<BenchReport>): BenchReport {
  return {
    plan: 'folder/model.plan',
    engineName: 'model',
    profile: 0,
    numOptimizationProfiles: 1,
    inputs: [{ name: 'x', dtype: 'float32', shape: [8, 64], source: 'random', optimum: [8, 64] }],
    environment: {
      trtNode: '0.1.0',
      node: 'v20.20.2',
      runtime: 'tensorrt',
      version: '10.6.0.26',
      libraryPath: '/usr/lib/libnvinfer.so.10',
      device: {
        index: 0,
        name: 'NVIDIA H200',
        uuid: 'GPU-0',
        pciBusId: '0000:00:00.0',
        totalMemoryBytes: 2 ** 37,
        computeCapability: [9, 0],
        multiprocessors: 132,
        integrated: false,
        canMapHostMemory: true,
      },
      driver: '580.159.04',
      cudaVersion: '13.0',
      date: '2026-11-21T00:00:00.000Z',
      cpu: 'A CPU',
      cpus: 16,
    },
    settings: {
      phases: ['device', 'js'],
      iterations: 10,
      warmUpMs: 200,
      durationMs: 3000,
      streams: 1,
      threads: false,
      sleepMs: 0,
      idleMs: 0,
      compat: 10,
      cudaGraph: false,
      spinWait: false,
      transfers: true,
      exposeDMA: false,
      allocationStrategy: undefined,
      weightStreamingBudget: undefined,
      persistentCacheRatio: undefined,
      percentiles: [99],
      seed: 0,
      session: { cudaGraph: 'auto', completion: 'adaptive' },
    },
    refit: undefined,
    device: undefined,
    js: undefined,
    layers: undefined,
    layerInfo: undefined,
    outputs: undefined,
    findings: [],
    ...changes,
  };
}
