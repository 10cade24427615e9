// S2: the report's commands, and one answer from everybody: PyTorch, this process, the TypeScript client, the Python client.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { ModelRepository, Session, createServer, writeNpy, Tensor } from 'trt-node';
import { missingModules, runPython } from '../../kit/python.ts';
import { chooseRuntime } from '../../kit/runtime.ts';
import { type ServerProcess, commandLine, startServer } from '../../kit/server.ts';
import { classify } from '../client.ts';
import { type Prepared, prepare } from '../prepare.ts';
import { normalize } from '../preprocess.ts';
import {
  example,
  fiveBest,
  lighthouse,
  model,
  pictures,
  torchScores,
  torchvisionCrop,
} from './expected.ts';

const run = promisify(execFile);
const program = async (script: string, ...args: string[]): Promise<string> =>
  (await run(process.execPath, ['--import', 'tsx', path.join(example, script), ...args])).stdout;
/** All `score:index` in what a program printed. */
const answers = (text: string): string[] => text.match(/\d\.\d{6}:\d+(:[\w ]+)?/g) ?? [];

const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-resnet50-'));
let prepared: Prepared;
/** The five best of the lighthouse, by Session. */
let inProcess: string[];

before(async () => {
  prepared = await prepare(model);
  await using session = await Session.load(prepared.plan);
  const scores = new Float32Array(1000);
  const input = normalize(await torchvisionCrop(lighthouse));
  await session.run({ 'gpu_0/data_0': input }, { outputs: { 'gpu_0/softmax_1': scores } });
  inProcess = fiveBest(scores);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("the engine's scores are PyTorch's for every picture", async () => {
  // TensorRT computes in TF32 unless told otherwise, and ours are probabilities: 0.5 may become 0.51.
  const tolerance = chooseRuntime().runtime === 'reference' ? 1e-4 : 0.03;
  await using session = await Session.load(prepared.plan);
  const classes = new Set<number>();
  for (const picture of pictures) {
    const wanted = await torchScores(picture);
    const input = normalize(await torchvisionCrop(picture));
    const outputs = await session.run({ 'gpu_0/data_0': input });
    const scores = outputs['gpu_0/softmax_1']?.data as Float32Array;
    const worst = Math.max(...scores.map((score, i) => Math.abs(score - (wanted[i] ?? NaN))));
    assert.ok(worst < tolerance, `${path.basename(picture)}: ${worst}`);
    const [best = NaN, second = NaN] = [...wanted].sort((a, b) => b - a);
    if (best - second > 2 * tolerance) {
      assert.equal(scores.indexOf(Math.max(...scores)), wanted.indexOf(best));
      classes.add(wanted.indexOf(best));
    }
  }
  assert.ok(classes.size >= 3, 'pictures are told apart');
  assert.deepEqual(
    inProcess.map((one) => one.split(':')[1]),
    fiveBest(await torchScores(lighthouse)).map((one) => one.split(':')[1]),
  );
});

test("the report's trtexec flags build a plan, and inspect tells what polygraphy tells", async () => {
  const plan = path.join(folder, 'model.plan');
  const onnx = path.join(example, 'small/ResNet50.onnx');
  const flags = [`--onnx=${onnx}`, `--saveEngine=${plan}`, '--explicitBatch', '--useCudaGraph'];
  const { stderr } = await run(process.execPath, [commandLine, 'build', ...flags]);
  assert.match(stderr, /--explicitBatch/);
  assert.match(stderr, /--useCudaGraph/);
  const { stdout } = await run(process.execPath, [commandLine, 'inspect', plan]);
  assert.match(stdout, /TensorRT Engine/);
  assert.match(stdout, /---- 1 Engine Input\(s\) ----/);
  assert.match(stdout, /\{gpu_0\/data_0 \[dtype=float32, shape=\(1, 3, 224, 224\)\]\}/);
  assert.match(stdout, /---- 1 Engine Output\(s\) ----/);
  assert.match(stdout, /\{gpu_0\/softmax_1 \[dtype=float32, shape=\(1, 1000\)\]\}/);
  assert.match(stdout, /---- Memory ----\s+Device Memory: \d+ bytes/);
  assert.match(stdout, /---- 1 Profile\(s\) \(2 Tensor\(s\) Each\) ----/);
  assert.match(stdout, /- Profile: 0\s+Tensor: gpu_0\/data_0 +\(Input\), Index: 0 \| Shapes: /);
  assert.match(stdout, /---- \d+ Layer\(s\) ----/);
});

test('npm start prints the five best, and so do the ten lines, which are ten', async () => {
  assert.deepEqual(answers(await program('main.ts', lighthouse)), inProcess);
  assert.deepEqual(answers(await program('ten-lines.ts', prepared.plan, lighthouse)), inProcess);
  const lines = readFileSync(path.join(example, 'ten-lines.ts'), 'utf8').split('\n');
  assert.equal(lines.filter((line) => line !== '' && !line.startsWith('//')).length, 10);
});

describe('served', () => {
  let server: ServerProcess;
  before(async () => {
    server = await startServer(prepared.repository);
  });
  after(() => server.close());

  test('the TypeScript client prints the same five', async () => {
    assert.deepEqual(answers(await program('client.ts', server.http, lighthouse)), inProcess);
  });

  test('the Python client prints the same five', async () => {
    const crop = path.join(folder, 'lighthouse.npy');
    await writeNpy(crop, new Tensor('uint8', await torchvisionCrop(lighthouse), [3, 224, 224]));
    const modules = ['numpy', 'tritonclient'];
    const told = await runPython(path.join(example, 'client.py'), [server.http, crop], modules);
    assert.match(told, /^\[b'\d\.\d{6}:\d+'( b'\d\.\d{6}:\d+'|\s)*\]$/m);
    assert.deepEqual(answers(told), inProcess);
  });

  const lacking = missingModules(process.env.TRT_NODE_PYTHON ?? 'python3', ['torchvision', 'PIL']);
  const skip = lacking?.length === 0 ? false : 'this Python has no torchvision';
  test('… which torchvision prepares from the file', { skip }, async () => {
    const told = await runPython(path.join(example, 'client.py'), [server.http, lighthouse], []);
    assert.deepEqual(answers(told), inProcess);
  });
});

test('with labels the server says them', async () => {
  const labels = path.join(folder, 'labels.txt');
  writeFileSync(labels, Array.from({ length: 1000 }, (_, i) => `class ${i}\n`).join(''));
  const file = (name: string): string => (name === 'labels.txt' ? labels : model.file(name));
  const { repository } = await prepare({ ...model, file });
  try {
    await using repo = await ModelRepository.open(repository);
    const door = await createServer(repo);
    const { port } = await door.listen(0);
    try {
      const told = await classify(
        `127.0.0.1:${port}`,
        normalize(await torchvisionCrop(lighthouse)),
      );
      assert.deepEqual(
        told,
        inProcess.map((one) => `${one}:class ${one.split(':')[1]}`),
      );
    } finally {
      await door.close();
    }
  } finally {
    await prepare(model);
  }
});
