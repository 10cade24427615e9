// The report's Python client against trt-node serve; and what is said when something is missing.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { InferTensor, ModelRepository } from 'trt-node';
import { chooseModel, exampleFolder } from '../../kit/models.ts';
import { runTsx } from '../../kit/program.ts';
import { findPython, runPython } from '../../kit/python.ts';
import { chooseRuntime } from '../../kit/runtime.ts';
import { startServer, takenPort } from '../../kit/server.ts';
import type { Lane } from '../model_repository/lane_postprocess/1/model.mjs';
import { ensurePlans, makeRepository, painted } from '../repository.ts';
import { drawFrame, frameHeight, frameWidth } from '../scene.ts';

chooseRuntime();
const { root } = exampleFolder(new URL('../main.ts', import.meta.url).href);
const client = path.join(root, 'client.py');
const modules = ['numpy', 'tritonclient', 'PIL'];
const { pixels } = drawFrame(7);
let repository: string;
let folder: string;
let picture: string;

before(async () => {
  repository = makeRepository(await ensurePlans(painted));
  folder = mkdtempSync(path.join(os.tmpdir(), 'trt-node-lanes-'));
  picture = path.join(folder, 'frame.png');
  const raw = { width: frameWidth, height: frameHeight, channels: 3 } as const;
  await sharp(pixels, { raw }).png().toFile(picture);
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What client.py prints for lanes that this process found. */
async function expectedLines(): Promise<string[]> {
  await using models = await ModelRepository.open(repository);
  const raw_image = new InferTensor('UINT8', pixels, [frameHeight, frameWidth, 3]);
  const { summary } = await models.infer('lane_pipeline', { raw_image });
  const [text] = summary!.data as readonly Uint8Array[];
  const lanes = JSON.parse(Buffer.from(text!).toString()) as Lane[];
  assert.equal(lanes.length, 4);
  return lanes.map(({ anchor, score }) => `lane of anchor ${anchor}, score ${score.toFixed(4)}`);
}

function checkAnswer(told: string, lanes: readonly string[]): void {
  assert.match(told, /^laneDetect_model float32 \(1, 2784, 77\)$/m);
  assert.match(told, /^LaneDet_fp16 float16 \(1, 2784, 77\) \(1, 2784, 2784\)$/m);
  const [, fp32, fp16, both] = /above 0.5: (\d+) in FP32, (\d+) in FP16, (\d+) in both/.exec(told)!;
  assert.ok(Number(fp32) >= 4, told);
  assert.ok(Number(both) >= 0.8 * Math.max(Number(fp32), Number(fp16)), told);
  assert.match(told, /^lane_pipeline \(4, 72, 2\) \(4,\)$/m);
  const got = told.split('\n').filter((line) => line.startsWith('lane of'));
  assert.deepEqual(
    got.map((line) => line.split(':')[0]),
    lanes,
  );
}

test('the Python gRPC client: FP32, FP16 and raw pixels; the lanes are those of this process', async () => {
  findPython(modules);
  const lanes = await expectedLines();
  await using server = await startServer(repository);
  checkAnswer(await runPython(client, [picture, '-u', server.grpc], modules), lanes);
});

test('the same with TLS', async () => {
  findPython(modules);
  const lanes = await expectedLines();
  const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
    ].concat(['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate]),
    { stdio: 'ignore' },
  );
  await using server = await startServer(repository, [
    '--grpc-use-ssl=true',
    `--grpc-server-cert=${certificate}`,
    `--grpc-server-key=${key}`,
  ]);
  const url = server.grpc.replace('127.0.0.1', 'localhost');
  checkAnswer(
    await runPython(client, [picture, '-u', url, '-s', '-r', certificate], modules),
    lanes,
  );
});

/** The end of a Python program that fails, in words. */
function failure(args: readonly string[], python = findPython(modules)): string {
  const { status, stderr } = spawnSync(python, args, { encoding: 'utf8' });
  assert.equal(status, 1, stderr);
  assert.doesNotMatch(stderr, /Traceback/);
  return stderr;
}

test('without a server the client says where it looked', () => {
  assert.match(
    failure([client, picture, '-u', '127.0.0.1:1']),
    /127.0.0.1:1: .*\nIs trt-node serve/,
  );
});

test('export.py without PyTorch, and with weights that are not there or not weights', () => {
  const script = path.join(root, 'export.py');
  const python = process.env.TRT_NODE_PYTHON ?? 'python3';
  assert.match(failure(['-I', '-S', script], python), /has no .*torch.*Run: .* -m pip install/);
  const absent = path.join(folder, 'absent.pt');
  assert.match(failure([script, `--weights=${absent}`], python), /There is no file .*absent.pt/);
});

test('client.py without its packages, and with what is no picture', () => {
  for (const [args, words] of [
    [['-S', client, picture], /^\S+ has no numpy\.\nRun: \S+ -m pip install [^\n]+\n$/],
    [[client, client], /client\.py.*\nGive the path of a picture; [^\n]+\n$/],
  ] as const) {
    const { status, stderr } = spawnSync(findPython(modules), args, { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, words);
  }
});

test('a full model that was not exported is asked for in words', () => {
  const before = process.env.TRT_NODE_EXAMPLES_MODEL;
  process.env.TRT_NODE_EXAMPLES_MODEL = 'full';
  try {
    const here = pathToFileURL(path.join(folder, 'main.ts')).href;
    assert.throws(() => chooseModel(here), { name: 'ExampleError', hint: /npm run export/ });
  } finally {
    if (before === undefined) delete process.env.TRT_NODE_EXAMPLES_MODEL;
    else process.env.TRT_NODE_EXAMPLES_MODEL = before;
  }
});

test('a port that is in use is named', async () => {
  await using taken = await takenPort();
  await assert.rejects(startServer(repository, [], { grpc: taken.port }), {
    name: 'ExampleError',
    message: /in use|EADDRINUSE/,
    hint: new RegExp(`${taken.port}`),
  });
});

test('npm start refuses a rate that no camera has', async () => {
  const { status, stderr } = await runTsx(['main.ts', '--fps=0'], { cwd: root });
  assert.equal(status, 1);
  assert.match(stderr, /--fps=0 .*\nGive --fps from 1 to 1000/);
});
