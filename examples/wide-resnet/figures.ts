// Measures the model in every runtime side by side, alone and served: tables, work/*.svg and the headline of `npm run examples`.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Session, Tensor, readNpy } from 'trt-node';
import { writeBars } from '../kit/chart.ts';
import { main } from '../kit/failure.ts';
import { type FigureRow, latencyOf, writeFigures } from '../kit/figures.ts';
import { chooseModel, describeModel, exampleFolder } from '../kit/models.ts';
import { ensurePlan } from '../kit/plan.ts';
import { runTsx } from '../kit/program.ts';
import { missingModules } from '../kit/python.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { startServer } from '../kit/server.ts';
import { infer, inferRequest, load } from './http.ts';
import { normalize } from './picture.ts';
import { prepareRepository } from './repository.ts';

const batches = [1, 4, 8, 16, 32] as const;
/** How long each runtime is measured at each batch size. */
const seconds = Number(process.env.TRT_NODE_EXAMPLES_SECONDS ?? '0.5');
const clients = 32;
/** One process of clients sends fewer requests than the server answers. */
const processes = 4;

/** What one runtime did: medians by batch size, and the scores of both pictures; or what there is to install. */
type Measured =
  | { readonly ms: Readonly<Record<string, number>>; readonly scores: ArrayLike<number> }
  | { readonly missing: string };

const place = chooseRuntime();
const model = chooseModel(import.meta.url);
const { root, work } = exampleFolder(import.meta.url);
const pictures = normalize((await readNpy(model.file('expected/pixels.npy'))).data as Uint8Array);
const expected = (await readNpy(model.file('expected/output1.npy'))).data as Float32Array;
const pictureLength = pictures.length / 2;

const short = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3));

/** Both pictures again and again. */
function repeated(batch: number): Float32Array {
  const images = new Float32Array(batch * pictureLength);
  for (let index = 0; index < batch; index++)
    images.set(
      pictures.subarray((index % 2) * pictureLength, ((index % 2) + 1) * pictureLength),
      index * pictureLength,
    );
  return images;
}

async function measured(
  name: string,
  run: (images: Float32Array, batch: number) => Promise<Float32Array>,
): Promise<Measured> {
  console.error(`Measuring ${name}`);
  const scores = await run(pictures, 2);
  const ms: Record<string, number> = {};
  for (const batch of batches) {
    const images = repeated(batch);
    for (let warm = 0; warm < 2; warm++) await run(images, batch);
    const times: number[] = [];
    const end = performance.now() + seconds * 1000;
    while (times.length < 3 || (performance.now() < end && times.length < 1000)) {
      const started = performance.now();
      await run(images, batch);
      times.push(performance.now() - started);
    }
    ms[batch] = latencyOf(times).p50;
  }
  return { ms, scores };
}

function measurePython(): Record<string, Measured> {
  const python = process.env.TRT_NODE_TORCH_PYTHON ?? process.env.TRT_NODE_PYTHON ?? 'python3';
  if (missingModules(python, ['numpy'])?.length !== 0)
    return { 'PyTorch and TorchScript': { missing: `${python} -m pip install torch numpy` } };
  const args = ['figures.py', model.folder, String(seconds), ...batches.map(String)];
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
  const done = spawnSync(python, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  if (done.status !== 0)
    return { 'PyTorch and TorchScript': { missing: 'figures.py failed; it says why above' } };
  return JSON.parse(done.stdout) as Record<string, Measured>;
}

async function measureOnnxRuntime(): Promise<Measured> {
  const ort = await import('onnxruntime-node').catch(() => undefined);
  if (ort === undefined) return { missing: 'npm install onnxruntime-node' };
  const session = await ort.InferenceSession.create(model.file('model.onnx'));
  const row = await measured('ONNX Runtime, CPU', async (images, batch) => {
    const input = new ort.Tensor('float32', images, [batch, 3, 224, 224]);
    return (await session.run({ actual_input_1: input })).output1?.data as Float32Array;
  });
  await session.release();
  return row;
}

async function measurePlan(name: string, plan: string): Promise<Measured> {
  await using session = await Session.load(plan);
  return await measured(name, async (images, batch) => {
    const input = new Tensor('float32', images, [batch, 3, 224, 224]);
    return (await session.run({ actual_input_1: input })).output1?.data as Float32Array;
  });
}

/** How far the scores are from PyTorch's on the CPU, as a part of their range, and whether the best class of both pictures is the same. */
function agreement(scores: ArrayLike<number>): { off: string; same: string } {
  const range = Math.max(...expected) - Math.min(...expected);
  const best = (of: ArrayLike<number>, picture: number): number => {
    const part = Array.from({ length: 1000 }, (_, index) => of[picture * 1000 + index] ?? NaN);
    return part.indexOf(Math.max(...part));
  };
  const off = expected.reduce(
    (most, score, index) => Math.max(most, Math.abs(score - (scores[index] ?? NaN))),
    0,
  );
  const same = [0, 1].filter((picture) => best(scores, picture) === best(expected, picture)).length;
  return { off: `${((off / range) * 100).toPrecision(2)} %`, same: `${same} of 2` };
}

function rowOf(runtime: string, result: Measured): FigureRow {
  if ('missing' in result) return { runtime, 'batch 1, ms': result.missing };
  const { off, same } = agreement(result.scores);
  return {
    runtime,
    'batch 1, ms': short(result.ms[1] ?? NaN),
    ...Object.fromEntries(
      batches.map((batch) => [
        `images/s at ${batch}`,
        Math.round((batch * 1000) / (result.ms[batch] ?? NaN)),
      ]),
    ),
    'largest difference': off,
    'same class': same,
  };
}

/** Both models under the load of clients that each wait for their answer, through HTTP. */
async function measureServed(folder: string): Promise<FigureRow[]> {
  await using server = await startServer(folder, ['--model-control-mode=explicit']);
  const rows: FigureRow[] = [];
  for (const name of ['onnx_model', 'trt_model']) {
    console.error(`Measuring ${name} under load`);
    await load(server.http, name);
    await infer(server.http, name, inferRequest(repeated(1), 1));
    const begin = Date.now() + 4000; // by then they are up
    const end = begin + seconds * 8000;
    const pixels = model.file('expected/pixels.npy');
    const count = String(clients / processes);
    const args = [server.http, name, pixels, count, String(begin), String(end)];
    const programs = Array.from({ length: processes }, () =>
      runTsx([path.join(root, 'clients.ts'), ...args]),
    );
    await sleep(begin - Date.now());
    const before = await counters(server.metrics, name);
    const results = (await Promise.all(programs)).map(({ status, stdout, stderr }) => {
      if (status !== 0) throw new Error(`clients.ts: ${stderr}`);
      return JSON.parse(stdout) as { readonly times: number[]; readonly last: number };
    });
    const times = results.flatMap((one) => one.times);
    const took = (Math.max(...results.map(({ last }) => last)) - begin) / 1000;
    const after = await counters(server.metrics, name);
    const rise = (metric: string): number => (after[metric] ?? 0) - (before[metric] ?? 0);
    const { p50, p99 } = latencyOf(times);
    rows.push({
      model: name,
      clients,
      'requests/s': Math.round(times.length / took),
      'p50, ms': short(p50),
      'p99, ms': short(p99),
      'images a batch': (rise('nv_inference_count') / rise('nv_inference_exec_count')).toFixed(1),
      'batches sent at a preferred size': rise('preferred'),
      'at once or full': rise('immediate') + rise('full'),
      'after the delay': rise('delay'),
    });
  }
  return rows;
}

/** Counters of a model from the metrics; those of dispatches by their reason. */
async function counters(metrics: string, name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  const lines = [...text.matchAll(/^(\w+)\{(.*)\} (\S+)$/gm)].filter(([, , labels = '']) =>
    labels.includes(`model="${name}"`),
  );
  return Object.fromEntries(
    lines.map(([, metric = '', labels = '', value]) => [
      metric === 'trt_node_dispatch_total' ? (/reason="(\w+)"/.exec(labels)?.[1] ?? '') : metric,
      Number(value),
    ]),
  );
}

await main(async () => {
  console.log(describeModel(model));
  const { folder, plan: best } = prepareRepository(model);
  const onGpu = place.runtime === 'tensorrt';
  const shape = (batch: number): number[] => [batch, 3, 224, 224];
  const plain = path.join(work, `default-${model.size}.plan`);
  const profiles = [{ actual_input_1: { min: shape(1), opt: shape(16), max: shape(32) } }];
  const plainSeconds = onGpu ? await ensurePlan(model.file('model.onnx'), plain, { profiles }) : 0;

  const python = measurePython();
  const kind = onGpu ? 'TensorRT' : 'CPU reference runtime';
  const results: Record<string, Measured> = {
    ...Object.fromEntries(Object.entries(python).filter(([name]) => name.endsWith('CPU'))),
    'ONNX Runtime (Node.js), CPU': await measureOnnxRuntime(),
    ...Object.fromEntries(Object.entries(python).filter(([name]) => !name.endsWith('CPU'))),
    ...(onGpu
      ? { 'TensorRT (trt-node), default: TF32': await measurePlan('the default plan', plain) }
      : {}),
    [`${kind} (trt-node), --best`]: await measurePlan('the plan of --best', best),
  };
  const served = await measureServed(folder);

  const known = Object.entries(results).flatMap(([name, row]) =>
    'ms' in row ? [{ name, ms: row.ms }] : [],
  );
  const fastest = results[`${kind} (trt-node), --best`];
  const at = (row: Measured | undefined, batch: number): number =>
    row !== undefined && 'ms' in row ? (row.ms[batch] ?? NaN) : NaN;
  const pyTorch = at(results['PyTorch, GPU'], 1) || at(results['PyTorch, CPU'], 1);
  const headline =
    `--best ${short(at(fastest, 1))} ms at batch 1` +
    (Number.isNaN(pyTorch) ? '' : ` (PyTorch ${short(pyTorch)} ms)`) +
    `, ${Math.round(32_000 / at(fastest, 32))} images/s at 32`;
  const mib = (file: string): string => (statSync(file).size / 2 ** 20).toFixed(0);
  const {
    date,
    place: where,
    node,
  } = writeFigures(work, model, headline, {
    'From host memory to host memory': Object.entries(results).map(([name, row]) =>
      rowOf(name, row),
    ),
    [`Served over HTTP, ${clients} clients of one picture each`]: served,
    Plans: [
      { plan: '--best', MiB: mib(best) },
      ...(onGpu
        ? [{ plan: 'default', MiB: mib(plain), 'built in, s': plainSeconds.toFixed(0) }]
        : []),
    ],
  });
  writeBars(path.join(work, 'wide-resnet.svg'), {
    title: `${model.size === 'full' ? 'wide_resnet101_2' : 'The small network of this example'}: images a second`,
    unit: 'images a second, from host memory to host memory, logarithmic',
    groups: known.map(({ name }) => name),
    series: Object.fromEntries(
      ([1, 8, 32] as const).map((batch) => [
        `batch ${batch}`,
        known.map(({ ms }) => (batch * 1000) / (ms[batch] ?? NaN)),
      ]),
    ),
    caption: `${date}, ${where}, Node.js ${node}; medians`,
    logarithmic: true,
  });
});
