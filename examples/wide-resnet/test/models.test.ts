// The three models and the plan against PyTorch, the report's dummy tests, the pictures' way, and what stands in the way of a plan from elsewhere.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Session, Tensor, inspect, isTensorRTError, preflight, readNpy } from 'trt-node';
import { findPython, missingModules } from '../../kit/python.ts';
import { planOfJetsonOrin } from '../other-gpu.ts';
import { crop } from '../picture.ts';
import { prepareRepository, trtNode } from '../repository.ts';
import { best, difference, exact, planTolerance, readExpected } from './expected.ts';
import { writePpm } from './ppm.ts';

const root = path.dirname(import.meta.dirname);
const { model, place, pixels, pictures, scores } = await readExpected();
const { plan, log } = prepareRepository(model);
const temp = mkdtempSync(path.join(os.tmpdir(), 'trt-node-wide-resnet-'));
after(() => rmSync(temp, { recursive: true }));

const largestDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (b[index] ?? 999))), 0);
const meanDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 999)), 0) / a.length;

test('ONNX Runtime computes what PyTorch did', async () => {
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(model.file('model.onnx'));
  const input = new ort.Tensor('float32', pictures, [2, 3, 224, 224]);
  const { output1 } = await session.run({ actual_input_1: input });
  assert.ok(difference(output1?.data as Float32Array, scores) < exact);
});

test('TorchScript computes what PyTorch did', (t) => {
  const python = process.env.TRT_NODE_TORCH_PYTHON ?? findPython(['numpy']);
  if (missingModules(python, ['torch'])?.length !== 0) {
    t.skip(`${python} has no torch: set TRT_NODE_TORCH_PYTHON to an interpreter that has it`);
    return;
  }
  const script = `
import sys, numpy as np, torch
pixels = torch.from_numpy(np.load(sys.argv[2])).permute(0, 3, 1, 2).float() / 255
mean, deviation = (torch.tensor(v).reshape(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
with torch.inference_mode():
    scores = torch.jit.load(sys.argv[1])((pixels - mean) / deviation)
expected = torch.from_numpy(np.load(sys.argv[3]))
print(((scores - expected).abs().max() / (expected.max() - expected.min())).item())`;
  const files = ['model.pt', 'expected/pixels.npy', 'expected/output1.npy'].map((name) =>
    model.file(name),
  );
  const { stdout, stderr } = spawnSync(python, ['-c', script, ...files], { encoding: 'utf8' });
  assert.ok(Number.parseFloat(stdout) < exact, stdout + stderr);
});

test('the plan of --best computes what PyTorch did, each picture of a batch for itself', async () => {
  await using session = await Session.load(plan);
  const { output1 } = await session.run({
    actual_input_1: new Tensor('float32', pictures, [2, 3, 224, 224]),
  });
  assert.deepEqual(output1?.shape, [2, 1000]);
  const answered = output1.data as Float32Array;
  for (const picture of [0, 1]) {
    const own = answered.subarray(picture * 1000, picture * 1000 + 1000);
    const expected = scores.subarray(picture * 1000, picture * 1000 + 1000);
    assert.ok(difference(own, expected) < planTolerance(place), `picture ${picture}`);
    if (place.runtime === 'reference') assert.equal(best(own), best(expected));
  }
});

test('trt-node build takes all flags of the report, and says which have no meaning here', async () => {
  assert.match(log, /--explicitBatch is ignored/);
  assert.match(log, /--workspace is obsolete, and taken as --memPoolSize=workspace:4096/);
  assert.match(log, /best goes without int8: .*no calibration/);
  const { inputs, outputs, profiles } = await inspect(plan).then((info) => {
    assert.ok(info.kind === 'plan' && info.engine !== undefined);
    const { engine } = info;
    return { ...engine, profiles: engine.inputs[0]?.profiles };
  });
  assert.deepEqual(
    inputs.map(({ name, shape }) => [name, shape]),
    [['actual_input_1', [-1, 3, 224, 224]]],
  );
  assert.deepEqual(
    outputs.map(({ name, shape }) => [name, shape]),
    [['output1', [-1, 1000]]],
  );
  const [profile] = profiles ?? [];
  const batches = [profile?.min, profile?.opt, profile?.max].map((shape) => shape?.[0]);
  assert.deepEqual(batches, [1, 16, 32]);
});

test('the dummy tests print outputs, and the time of each layer', () => {
  const short = [
    `--loadEngine=${plan}`,
    '--warmUp=0',
    '--duration=0',
    '--iterations=2',
    '--phases=device',
  ];
  const output = trtNode(root, 'bench', [...short, '--dumpOutput']).stdout;
  const [, numbers = ''] = /^output1: \(16x1000\)\n(.*)$/m.exec(output) ?? [];
  assert.equal(
    numbers
      .trim()
      .split(/\s+/)
      .filter((text) => Number.isFinite(Number(text))).length,
    16_000,
  );
  const profile = trtNode(root, 'bench', [...short, '--dumpProfile']).stdout;
  assert.match(profile, /Time\(ms\) +Avg\.\(ms\) +Median\(ms\) +Time\(%\) +Layer/);
  const layers = [...profile.matchAll(/^ +[\d.]+ +[\d.]+ +[\d.]+ +([\d.]+) {3}(\S.*)$/gm)];
  const total = layers.pop();
  assert.equal(total?.[2], 'Total');
  assert.ok(
    layers.some(([, , name = '']) => /conv/i.test(name)),
    'no layer is a convolution',
  );
  const sum = layers.reduce((percent, [, part]) => percent + Number(part), 0);
  assert.ok(Math.abs(sum - 100) < 0.1 * layers.length + 1, `${sum} %`);
});

test('sharp takes the picture as torchvision does', async () => {
  const own = await crop(path.join(root, 'picture.jpg'));
  const expected = pixels.subarray(0, own.length);
  assert.ok(meanDifference(own, expected) < 0.5, 'of 255');
  assert.ok(largestDifference(own, expected) < 20, 'of 255, at edges');
});

test('NumPy takes the picture as torchvision does, without Pillow', async () => {
  const ppm = path.join(temp, 'picture.ppm');
  await writePpm(path.join(root, 'picture.jpg'), ppm);
  const npy = path.join(temp, 'pixels.npy');
  const script = `
import sys
sys.modules["PIL"] = None
sys.path.insert(0, sys.argv[1])
import numpy, picture
numpy.save(sys.argv[3], picture.crop(picture.read(sys.argv[2])))`;
  const done = spawnSync(findPython(['numpy']), ['-c', script, root, ppm, npy], {
    encoding: 'utf8',
  });
  assert.equal(done.status, 0, done.stderr);
  const own = (await readNpy(npy)).data as Uint8Array;
  assert.ok(largestDifference(own, pixels.subarray(0, own.length)) <= 2, 'of 255');
});

test('a plan of another GPU is refused before it is loaded, with the reason and the way out', async () => {
  const other = planOfJetsonOrin();
  const { verdict, checks, header } = await preflight(other);
  assert.deepEqual(header?.computeCapability, [8, 7]);
  assert.equal(verdict, 'cannot-run');
  const wanted = place.runtime === 'tensorrt' ? 'device' : 'runtime';
  const failed = checks.find(({ check, status }) => check === wanted && status === 'failed');
  assert.match(failed?.hint ?? '', place.runtime === 'tensorrt' ? /[Bb]uild/ : /TensorRT on a GPU/);
  await assert.rejects(Session.load(other), (error) => {
    assert.ok(isTensorRTError(error) && error.hint !== '');
    return place.runtime === 'tensorrt' || error.code === 'ERR_TRT_PLAN_RUNTIME';
  });
});

test('npm start tells what both answer, whether they agree, and what cannot run here', () => {
  const done = spawnSync(process.execPath, ['--import', 'tsx', 'main.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(done.status, 0, done.stderr);
  const [, onnx, trt] = /^onnx_model, .*: (\d+) .*\ntrt_model, .*: (\d+) /m.exec(done.stdout) ?? [];
  assert.ok(onnx !== undefined, done.stdout);
  if (place.runtime === 'reference') assert.equal(trt, onnx);
  assert.match(done.stdout, /Do they agree\? (Yes|No); largest difference of 1000 scores: \d/);
  assert.match(done.stdout, /pytorch_libtorch.*Export the model to ONNX/);
  assert.match(done.stdout, /A plan built on a Jetson Orin \(8\.7\): cannot-run here/);
});

test('export.py says what is missing', () => {
  const python = findPython([]);
  const absent = spawnSync(python, ['export.py', '--weights=nowhere.pth'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(absent.status, 1);
  assert.match(
    absent.stderr,
    /^There are no weights in nowhere\.pth\.\nWhere PyTorch has network access: /,
  );
  const bare = spawnSync(python, ['-S', 'export.py'], { cwd: root, encoding: 'utf8' }); // -S: without installed packages
  assert.equal(bare.status, 1);
  assert.match(
    bare.stderr,
    /has no torch, torchvision.*\.\nRun: .* -m pip install torch torchvision/,
  );
});
