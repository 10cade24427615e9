// The repository served as the report did: explicit loading, both clients, batches, metrics read by a real Prometheus, and what goes wrong.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { InferTensor, ModelRepository } from 'trt-node';
import { explain } from '../../kit/failure.ts';
import { findPython } from '../../kit/python.ts';
import { type ServerProcess, freePort, startServer, takenPort } from '../../kit/server.ts';
import { infer, inferRequest, load } from '../http.ts';
import { prepareRepository } from '../repository.ts';
import { best, difference, exact, planTolerance, readExpected } from './expected.ts';
import { type Sample, parseExposition } from './exposition.ts';
import { writePpm } from './ppm.ts';
import { findPrometheus, promtool, startPrometheus } from './prometheus.ts';

const root = path.dirname(import.meta.dirname);
const { model, place, pictures, scores } = await readExpected();
const { folder } = prepareRepository(model);
const labelsFile = path.join(folder, 'onnx_model', 'labels.txt');
const models = ['onnx_model', 'trt_model'] as const;
const tolerance = { onnx_model: exact, trt_model: planTolerance(place) } as const;
const temp = mkdtempSync(path.join(os.tmpdir(), 'trt-node-wide-resnet-'));
const ppm = path.join(temp, 'picture.ppm');
let server: ServerProcess;

interface Ran {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly stderr: string;
}

before(async () => {
  await writePpm(path.join(root, 'picture.jpg'), ppm);
  server = await startServer(folder, ['--model-control-mode=explicit']);
});
after(async () => {
  await server.close();
  rmSync(temp, { recursive: true });
});

/** Runs one of the report's clients on the picture; a binary PPM, which needs no Pillow. */
function client(door: 'http' | 'grpc', address: string, ...names: string[]): Ran {
  const python = findPython(['numpy', 'tritonclient']);
  const args = [`client_${door}.py`, ppm, labelsFile, ...names, '-u', address];
  const { status, stdout, stderr } = spawnSync(python, args, { cwd: root, encoding: 'utf8' });
  return { status, lines: stdout.trim().split('\n'), stderr };
}

test('nothing is loaded until it is asked for; TorchScript is refused with what to do instead', async () => {
  for (const name of models) {
    assert.equal((await fetch(`http://${server.http}/v2/models/${name}/ready`)).ok, false);
    assert.deepEqual(await load(server.http, name), { status: 200, body: '' });
    assert.equal((await fetch(`http://${server.http}/v2/models/${name}/ready`)).ok, true);
  }
  const { status, body } = await load(server.http, 'torch_model');
  assert.equal(status, 500);
  const { error, hint } = JSON.parse(body) as { error: string; hint: string };
  assert.match(error, /torch_model.*pytorch_libtorch.* is not supported/);
  assert.match(hint, /tensorrt_plan.*onnxruntime_onnx.*Export the model to ONNX/);
});

test('both clients of the report tell the same class, over HTTP and gRPC, as does one process', async () => {
  const http = client('http', server.http, ...models);
  const grpc = client('grpc', server.grpc, ...models);
  assert.equal(http.status, 0, http.stderr);
  assert.equal(grpc.status, 0, grpc.stderr);
  assert.deepEqual(http.lines, grpc.lines);
  const line = /^(\S+) \((\S+), up to (\d+)\): (\d+) (.*) (-?[\d.]+)$/;
  const told = http.lines.map((text) => line.exec(text)?.slice(1) ?? []);
  assert.deepEqual(
    told.map((fields) => fields.slice(0, 3)),
    [
      ['onnx_model', 'onnxruntime_onnx', '32'],
      ['trt_model', 'tensorrt_plan', '32'],
    ],
  );
  const labels = readFileSync(labelsFile, 'utf8').split('\n');
  for (const [name, , , index, label, score] of told) {
    assert.equal(label, labels[Number(index)]);
    // The client resizes by itself; the picture is within a level or two of torchvision's.
    const range = Math.max(...scores) - Math.min(...scores);
    const off = Math.abs(Number(score) - (scores[Number(index)] ?? NaN)) / range;
    assert.ok(off < tolerance[name as 'trt_model'] + 0.005, `${name}: ${off}`);
  }
  const [index] = told.map((fields) => fields[3]);
  assert.equal(Number(index), best(scores.subarray(0, 1000)));

  await using repository = await ModelRepository.open(folder, {
    controlMode: 'explicit',
    loadModels: [...models],
  });
  for (const name of models) {
    const { output1 } = await repository.infer(name, {
      actual_input_1: new InferTensor('FP32', pictures, [2, 3, 224, 224]),
    });
    assert.ok(difference(output1?.data as Float32Array, scores) < tolerance[name], name);
    assert.ok(
      difference(await infer(server.http, name, inferRequest(pictures, 2)), scores) <
        tolerance[name],
      name,
    );
  }
});

test('requests that come together become batches, and each gets its own answer', async () => {
  const size = pictures.length / 2;
  await using repository = await ModelRepository.open(folder, {
    controlMode: 'explicit',
    loadModels: ['trt_model'],
  });
  const answers = await Promise.all(
    Array.from({ length: 16 }, async (_, request) => {
      const picture = pictures.subarray((request % 2) * size, ((request % 2) + 1) * size);
      const input = new InferTensor('FP32', picture, [1, 3, 224, 224]);
      const { output1 } = await repository.infer('trt_model', { actual_input_1: input });
      return output1?.data as Float32Array;
    }),
  );
  for (const [request, answer] of answers.entries()) {
    const expected = scores.subarray((request % 2) * 1000, ((request % 2) + 1) * 1000);
    assert.ok(difference(answer, expected) < planTolerance(place), `request ${request}`);
  }
  const { config, statistics } = repository.model('trt_model');
  assert.deepEqual(config.dynamic_batching?.preferred_batch_size, [4, 8, 16, 32]);
  assert.equal(statistics.inferenceCount, 16);
  assert.ok(statistics.executionCount < 16, `${statistics.executionCount} batches`);
});

/** What the metrics must say: of each model two requests of one picture, by the clients, and one of two. */
const counted = { nv_inference_request_success: 3, nv_inference_count: 4 } as const;

test('the metrics are text that Prometheus reads, with the right values', async () => {
  const answer = await fetch(`http://${server.metrics}/metrics`);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const samples = parseExposition(await answer.text());
  const of = (name: string, label: string): Sample[] =>
    samples.filter((sample) => sample.name === name && sample.labels.model === label);
  for (const name of models) {
    for (const [metric, value] of Object.entries(counted))
      assert.deepEqual(of(metric, name), [
        { name: metric, labels: { model: name, version: '1' }, value },
      ]);
    const [batches] = of('nv_inference_exec_count', name);
    assert.equal(batches?.value, 3);
    const [computing] = of('nv_inference_compute_infer_duration_us', name);
    assert.ok((computing?.value ?? 0) > 0);
  }
  assert.throws(() => parseExposition('a{b="c} 1\n'), /no label/);
  assert.throws(() => parseExposition('a 1\na 1\n'), /twice/);
  assert.throws(() => parseExposition('a one\n'), /no number/);
});

test('a real Prometheus scrapes them with the configuration of monitoring/', async (t) => {
  const program = findPrometheus();
  if (program === undefined) {
    t.skip('install it: apt-get install prometheus (or TRT_NODE_PROMETHEUS=/path/to/prometheus)');
    return;
  }
  const configuration = readFileSync(path.join(root, 'monitoring/prometheus.yml'), 'utf8');
  await using prometheus = await startPrometheus(program, configuration, server.metrics);
  for (const [metric, value] of Object.entries(counted))
    assert.deepEqual(await prometheus.byModel(metric), { onnx_model: value, trt_model: value });
  const mean = await prometheus.byModel(
    'nv_inference_request_duration_us / nv_inference_request_success',
  );
  for (const name of models) assert.ok((mean[name] ?? 0) > 0, name);

  const text = await (await fetch(`http://${server.metrics}/metrics`)).text();
  const checked = promtool(program, text);
  // 3: it can be read, and names are not as Prometheus advises; they are Triton's.
  assert.ok(checked === undefined || checked.status === 0 || checked.status === 3, checked?.said);
  for (const complaint of checked?.said.trim().split('\n') ?? [])
    assert.match(complaint, /^nv_\w+ .*(suffix|abbreviated units)/);
});

test('a port in use, a server that is not there and a model that is not loaded are told in a sentence', async () => {
  await using taken = await takenPort();
  const { port } = taken;
  await assert.rejects(
    startServer(folder, ['--model-control-mode=explicit'], { http: port }),
    (error) => {
      const [first = '', ...more] = (explain(error) ?? '').split('\n');
      assert.match(first, /^trt-node serve ended with status 1:/);
      assert.match(more.join('\n'), new RegExp(`${port}`));
      return true;
    },
  );
  const nowhere = `127.0.0.1:${await freePort()}`;
  for (const door of ['http', 'grpc'] as const) {
    const nobody = client(door, nowhere, 'onnx_model');
    assert.equal(nobody.status, 1);
    assert.match(nobody.stderr, new RegExp(`^onnx_model at ${nowhere}: .*[Cc]onnect`));
    const bare = spawnSync(findPython([]), ['-S', `client_${door}.py`], {
      cwd: root,
      encoding: 'utf8',
    }); // -S: without installed packages
    assert.equal(bare.status, 1);
    assert.match(bare.stderr, /^\S+ has no numpy\.\nRun: \S+ -m pip install [^\n]+\n$/);
    const unloaded = client(door, door === 'http' ? server.http : server.grpc, 'torch_model');
    assert.equal(unloaded.status, 1);
    assert.match(unloaded.stderr, /^torch_model at .*: .*not at ready state\n$/);
  }
});
