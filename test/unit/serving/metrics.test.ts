// Metrics: L0_metrics: names, labels and values of Triton's metrics, and of those that Triton lacks.

import { afterEach, describe, expect, it } from 'vitest';
import type { GpuReading } from '../../../lib/serving/metrics/gpu-metrics.js';
import { parseCpuTicks } from '../../../lib/serving/metrics/cpu-metrics.js';
import {
  type Metrics,
  type MetricsOptions,
  createMetrics,
} from '../../../lib/serving/metrics/metrics.js';
import { ModelStatistics } from '../../../lib/serving/model/statistics.js';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';
import type { ServedVersion } from '../../../lib/serving/service.js';
import { FakeService } from '../../helpers/serving-service.js';

let metrics: Metrics | undefined;

afterEach(() => {
  metrics?.close();
  metrics = undefined;
});

/** A service with one version, of which the test decides everything. */
class OneModel extends FakeService {
  readonly version: ServedVersion;

  constructor(config: Partial<ModelConfig> = {}, more: Partial<ServedVersion> = {}) {
    super();
    this.version = {
      ...this.model('simple', '3'),
      config: { ...this.model('simple').config, ...config },
      statistics: new ModelStatistics(),
      pending: 4,
      loadSeconds: 1.5,
      ...more,
    };
  }

  override served(): readonly ServedVersion[] {
    return [this.version];
  }
}

/** Lines of the text by what stands before the value. */
async function scrape(
  service: FakeService,
  options: MetricsOptions = {},
): Promise<Map<string, number>> {
  metrics?.close();
  metrics = createMetrics(service, { gpu: false, ...options });
  const text = await metrics.text();
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );
}

const labels = '{model="simple",version="3"}';

describe('metrics of models', () => {
  it('have the names, labels and values of Triton', async () => {
    const service = new OneModel({ response_cache: { enable: true } });
    const { statistics } = service.version;
    statistics.succeeded(2, 0.5);
    statistics.succeeded(4, 1.5);
    statistics.executed(2, 6, 0.25, 1, 0.125);
    statistics.failed(1, 'REJECTED');
    statistics.failed(1, 'REJECTED');
    statistics.failed(1, 'CANCELED');
    statistics.hit(0.01);
    statistics.missed(0.02);
    const lines = await scrape(service);
    const expected: Record<string, number> = {
      nv_inference_request_success: 2,
      nv_inference_count: 6,
      nv_inference_exec_count: 1,
      nv_inference_request_duration_us: 6000,
      nv_inference_queue_duration_us: 2000,
      nv_inference_compute_input_duration_us: 500,
      nv_inference_compute_infer_duration_us: 2000,
      nv_inference_compute_output_duration_us: 250,
      nv_inference_pending_request_count: 4,
      nv_cache_num_hits_per_model: 1,
      nv_cache_num_misses_per_model: 1,
      nv_cache_hit_duration_per_model: 10,
      nv_cache_miss_duration_per_model: 20,
      nv_model_load_duration_secs: 1.5,
    };
    for (const [name, value] of Object.entries(expected)) {
      expect([name, lines.get(name + labels)]).toEqual([name, value]);
    }
    const failure = (reason: string) =>
      lines.get(`nv_inference_request_failure{model="simple",version="3",reason="${reason}"}`);
    expect(['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'].map(failure)).toEqual([2, 1, 0, 0]);
  });

  it('say what they are: HELP and TYPE of each', async () => {
    metrics = createMetrics(new OneModel(), { gpu: false });
    const text = await metrics.text();
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).toContain('# TYPE nv_inference_request_success counter');
    expect(text).toContain('# TYPE nv_inference_pending_request_count gauge');
    expect(text).toContain('# TYPE trt_node_batch_size histogram');
    expect(text).toContain(
      '# HELP nv_inference_count Number of inferences performed (does not include cached requests)',
    );
  });

  it('are read anew at each scrape', async () => {
    const service = new OneModel();
    const name = `nv_inference_request_success${labels}`;
    expect((await scrape(service)).get(name)).toBe(0);
    service.version.statistics.succeeded(1, 0);
    expect(await metrics!.text()).toContain(`${name} 1\n`);
  });

  it('leave out the cache of models without one, and what loading took where it is not known', async () => {
    const lines = await scrape(new OneModel({}, { loadSeconds: undefined }));
    const names = [...lines.keys()].filter((key) => /nv_cache|nv_model_load/.test(key));
    expect(names).toEqual([]);
  });

  it('have metric_tags as labels, whatever characters they have', async () => {
    const metric_tags = {
      team: 'a"b\\c\nd',
      'odd-key{': 'x',
      model: 'no',
      __name__: 'y',
      '1st': 'z',
    };
    const lines = await scrape(new OneModel({ metric_tags }));
    const key = [...lines.keys()].find((each) => each.startsWith('nv_inference_count'));
    expect(key).toBe(
      'nv_inference_count{team="a\\"b\\\\c\\nd",odd_key_="x",model="simple",tag_name__="y",tag_1st="z",version="3"}',
    );
  });

  it('have no summaries unless asked; then the quantiles that were asked for', async () => {
    const service = new OneModel();
    for (let index = 0; index < 100; index++) service.version.statistics.succeeded(1, 0.01);
    const without = await scrape(service);
    expect([...without.keys()].filter((key) => key.includes('summary'))).toEqual([]);
    const lines = await scrape(service, { summaries: { latencies: true, quantiles: [0.5, 0.99] } });
    const name = 'nv_inference_request_summary_us';
    const median = lines.get(`${name}{model="simple",version="3",quantile="0.5"}`)!;
    expect(median).toBeGreaterThan(750);
    expect(median).toBeLessThanOrEqual(1000);
    expect(lines.get(`${name}_count${labels}`)).toBe(100);
    expect(lines.get(`${name}_sum${labels}`)).toBe(100_000);
    const quantiles = [...lines.keys()].filter((key) => key.startsWith(`${name}{`));
    expect(quantiles).toHaveLength(2);
  });

  it('model_metrics changes the buckets of a histogram', async () => {
    const control = (family: string, buckets: number[]) => ({
      metric_identifier: { family },
      histogram_options: { buckets },
    });
    const name = 'nv_inference_first_response_histogram_ms';
    const bounds = (lines: Map<string, number>) =>
      [...lines].flatMap(([key, value]) => {
        const bound = new RegExp(`^${name}_bucket.*le="([^"]+)"`).exec(key)?.[1];
        return bound === undefined ? [] : [[bound, value]];
      });
    const service = new OneModel();
    service.version.statistics.succeeded(0.4, 0);
    service.version.statistics.succeeded(90, 0);
    expect(bounds(await scrape(service, { histograms: true }))).toEqual([
      ['100', 2],
      ['500', 2],
      ['2000', 2],
      ['5000', 2],
      ['+Inf', 2],
    ]);
    const changed = new OneModel(
      { model_metrics: { metric_control: [control('other', [1]), control(name, [0.5, 10])] } },
      { statistics: service.version.statistics },
    );
    expect(bounds(await scrape(changed, { histograms: true }))).toEqual([
      ['0.5', 1],
      ['10', 1],
      ['+Inf', 2],
    ]);
  });
});

describe('what Triton lacks', () => {
  it('latencies by phase, batch sizes, dispatch reasons, padding, memory', async () => {
    const service = new OneModel();
    const { statistics } = service.version;
    statistics.succeeded(2, 0.5);
    statistics.executed(2, 4, 0, 1, 0, { h2d: 0.02, compute: 0.9, d2h: 0.03, wakeup: 0.01 });
    statistics.executed(1, 5, 0, 1, 0);
    statistics.dispatched('preferred');
    statistics.paddedItems = 3;
    const lines = await scrape(service, { doors: { http: { inFlight: 7 }, grpc: undefined } });
    const get = (key: string) => lines.get(key);
    const phase = 'trt_node_request_phase_duration_seconds';
    expect(get(`${phase}_count{model="simple",version="3",phase="compute"}`)).toBe(2);
    expect(get(`${phase}_sum{model="simple",version="3",phase="request"}`)).toBeCloseTo(0.002);
    expect(get(`${phase}_bucket{model="simple",version="3",phase="compute",le="0.00075"}`)).toBe(0);
    expect(get(`${phase}_bucket{model="simple",version="3",phase="compute",le="0.001"}`)).toBe(2);
    expect(get('trt_node_batch_size_bucket{model="simple",version="3",le="4"}')).toBe(1);
    expect(get('trt_node_batch_size_bucket{model="simple",version="3",le="8"}')).toBe(2);
    expect(get(`trt_node_batch_size_sum${labels}`)).toBe(9);
    expect(get('trt_node_dispatch_total{model="simple",version="3",reason="preferred"}')).toBe(1);
    expect(get(`trt_node_padded_items_total${labels}`)).toBe(3);
    expect(get('trt_node_model_memory_bytes{model="simple",version="3",kind="device"}')).toBe(4096);
    expect(get('nv_pinned_memory_pool_used_bytes')).toBe(512);
    expect(get('trt_node_requests_in_flight{door="http"}')).toBe(7);
    expect([...lines.keys()].some((key) => key.includes('door="grpc"'))).toBe(false);
    expect(lines.has('trt_node_event_loop_delay_seconds{quantile="0.99"}')).toBe(true);
  });

  it('buckets never fall and end with the count', async () => {
    const service = new OneModel();
    for (let us = 1; us < 3e7; us *= 1.7) service.version.statistics.succeeded(us / 1000, 0);
    const lines = await scrape(service);
    const name = 'trt_node_request_phase_duration_seconds';
    const buckets = [...lines].filter(
      ([key]) => key.startsWith(`${name}_bucket`) && key.includes('phase="request"'),
    );
    const values = buckets.map(([, value]) => value);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values.at(-1)).toBe(
      lines.get(`${name}_count{model="simple",version="3",phase="request"}`),
    );
  });
});

describe('metrics of the machine', () => {
  const full: GpuReading = {
    uuid: 'GPU-1',
    utilization: 0.25,
    memoryTotalBytes: 1000,
    memoryUsedBytes: 600,
    powerUsageWatts: 250.5,
    powerLimitWatts: 700,
    energyJoules: 5000,
  };

  it('GPUs by uuid; what a GPU does not tell is absent', async () => {
    const readGpus = () => Promise.resolve([full, { uuid: 'MIG-2', memoryUsedBytes: 5 }]);
    const lines = await scrape(new OneModel(), { gpu: true, readGpus });
    expect(lines.get('nv_gpu_utilization{gpu_uuid="GPU-1"}')).toBe(0.25);
    expect(lines.get('nv_gpu_memory_total_bytes{gpu_uuid="GPU-1"}')).toBe(1000);
    expect(lines.get('nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"}')).toBe(600);
    expect(lines.get('nv_gpu_power_usage{gpu_uuid="GPU-1"}')).toBe(250.5);
    expect(lines.get('nv_gpu_power_limit{gpu_uuid="GPU-1"}')).toBe(700);
    expect(lines.get('nv_gpu_memory_used_bytes{gpu_uuid="MIG-2"}')).toBe(5);
    expect(lines.has('nv_gpu_utilization{gpu_uuid="MIG-2"}')).toBe(false);
  });

  it('energy counts from the start of the server', async () => {
    let energyJoules = 5000;
    const readGpus = () => Promise.resolve([{ ...full, energyJoules }]);
    await scrape(new OneModel(), { gpu: true, intervalMs: 1, readGpus });
    energyJoules = 5075;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await metrics!.text()).toContain('nv_energy_consumption{gpu_uuid="GPU-1"} 75\n');
  });

  it('GPUs are not read more often than the interval says, also by scrapes at the same time', async () => {
    let reads = 0;
    const readGpus = () => Promise.resolve(reads++ >= 0 ? [full] : []);
    metrics = createMetrics(new OneModel(), { intervalMs: 60_000, readGpus });
    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
    await metrics.text();
    expect(reads).toBe(1);
  });

  it('without NVML there are no metrics of GPUs, and no error', async () => {
    const lines = await scrape(new OneModel(), { gpu: true });
    expect([...lines.keys()].filter((key) => key.startsWith('nv_gpu'))).toEqual([]);
  });

  it('CPU and memory', async () => {
    const lines = await scrape(new OneModel());
    const total = lines.get('nv_cpu_memory_total_bytes')!;
    const used = lines.get('nv_cpu_memory_used_bytes')!;
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThan(total);
    expect(parseCpuTicks('cpu  10 5 15 60 10 0 0 0 7 0\ncpu0 1')).toEqual({ busy: 30, total: 100 });
    expect(parseCpuTicks('')).toBeUndefined();
    const without = await scrape(new OneModel(), { cpu: false });
    expect([...without.keys()].filter((key) => key.startsWith('nv_cpu'))).toEqual([]);
  });
});

it('refuses wrong options', () => {
  expect(() => createMetrics(new FakeService(), { intervalMs: 0 })).toThrow(/intervalMs/);
  expect(() =>
    createMetrics(new FakeService(), { summaries: { latencies: true, quantiles: [2] } }),
  ).toThrow(/quantiles/);
  expect(() => createMetrics(new FakeService(), { gpus: true } as MetricsOptions)).toThrow(/gpus/);
});
