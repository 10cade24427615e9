// The one process: what the engine computes, what the service answers, how it batches, and how it ends.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ModelRepository, Tensor } from 'trt-node';
import { Classifier, type Sentiment } from '../classifier.ts';
import { createService, drain } from '../service.ts';
import {
  expected,
  expectedIds,
  expectedOutput,
  labels,
  listen,
  model,
  outputTolerance,
  repository,
  scoreTolerance,
} from './model.ts';

const classifier = await Classifier.open(repository, model.folder);
const server = createService(classifier);
const url = await listen(server);
after(async () => {
  await drain(server);
  await classifier[Symbol.asyncDispose]();
});

async function post(
  body: string | Uint8Array,
  type = 'text/plain',
  to = url,
): Promise<{ status: number; body: Sentiment & { error?: string } }> {
  const response = await fetch(to, { method: 'POST', headers: { 'content-type': type }, body });
  const answer = (await response.json()) as Sentiment & { error?: string };
  return { status: response.status, body: answer };
}

test("the engine computes what PyTorch computed, for one sentence and in the report's largest batch", async () => {
  await using models = await ModelRepository.open(repository);
  const rows = expectedIds.shape[0] ?? 0;
  const ids = expectedIds.data as Int32Array;
  for (const [first, count] of [
    [0, 1],
    [0, 8],
    [rows - 8, 8],
  ] as const) {
    const input = ids.slice(first * 512, (first + count) * 512);
    const { output } = await models.infer('sentence_classification', {
      input_ids: new Tensor('int32', input, [count, 512]),
      segment_ids: new Tensor('int32', new Int32Array(input.length), [count, 512]),
    });
    assert.deepEqual(output?.shape, [count, labels.length]);
    const wanted = (expectedOutput.data as Float32Array).slice(
      first * labels.length,
      (first + count) * labels.length,
    );
    const got = output.data as Float32Array;
    wanted.forEach((value, index) => {
      assert.ok(Math.abs((got[index] ?? NaN) - value) <= outputTolerance, `${first} ${index}`);
    });
  }
});

test('sentences that come together share runs, and get the label and score of PyTorch', async () => {
  const { inferenceCount: inferred, executionCount: executed } = classifier.statistics;
  const answers = await Promise.all(expected.map(({ text }) => post(text)));
  answers.forEach(({ status, body }, index) => {
    const { text, label, score } = expected[index] ?? assert.fail();
    assert.equal(status, 200);
    assert.equal(body.label, label, text);
    assert.ok(Math.abs(body.score - score) <= scoreTolerance, `${text}: ${body.score} ${score}`);
  });
  const { inferenceCount, executionCount, batches } = classifier.statistics;
  assert.equal(inferenceCount - inferred, expected.length);
  assert.ok(executionCount - executed < expected.length);
  assert.ok(Math.max(...batches.keys()) > 1);
});

test('JSON and plain text get the same answer, in any script', async () => {
  for (const text of ['I loved it', 'Отличный фильм', '素晴らしい 👍🏽', '[SEP]']) {
    const plain = await post(text);
    assert.equal(plain.status, 200);
    assert.deepEqual(await post(JSON.stringify({ text }), 'application/json'), plain);
    assert.deepEqual(await post(text, 'text/plain; charset=utf-8'), plain);
  }
});

test('what cannot be classified gets a 4xx with a sentence', async () => {
  const cases: [body: string | Uint8Array, type: string, status: number, words: RegExp][] = [
    ['', 'text/plain', 400, /empty/],
    [' \n', 'text/plain', 400, /empty/],
    ['{', 'application/json', 400, /not JSON/],
    ['null', 'application/json', 400, /Send \{"text"/],
    ['{"text": 5}', 'application/json', 400, /Send \{"text"/],
    [Uint8Array.of(0xff, 0xfe), 'text/plain', 400, /UTF-8/],
    ['a=b', 'application/x-www-form-urlencoded', 415, /With curl: -H content-type:text\/plain/],
    ['<a/>', 'text/xml', 415, /text\/plain or application\/json, not text\/xml\.$/],
    ['x'.repeat(70_000), 'text/plain', 413, /65536 bytes/],
  ];
  for (const [body, type, status, words] of cases) {
    const answer = await post(body, type);
    assert.equal(answer.status, status, String(body).slice(0, 20));
    assert.match(answer.body.error ?? '', words);
  }
  assert.equal((await post('good', 'Text/Plain; charset=utf-8')).status, 200);
  assert.equal((await post('good', 'text/plain', `${url}other`)).status, 404);
  assert.equal((await fetch(url)).status, 405);
});

test('a request that never ends does not keep the service from ending', async () => {
  const service = createService(classifier);
  const { hostname, port } = new URL(await listen(service));
  const caller = connect(Number(port), hostname);
  const cutOff = once(caller, 'close');
  caller.on('error', () => undefined); // a reset is a way to be cut off
  caller.write(
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\ngo',
  );
  await once(service, 'request');
  await drain(service, 50);
  await cutOff;
});

test('more than the queue holds: 503 and a sentence, and the others are answered; what is accepted is answered after the end began', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-sentiment-'));
  cpSync(repository, folder, { recursive: true });
  const config = path.join(folder, 'sentence_classification/configs/in_process.pbtxt');
  const text = readFileSync(config, 'utf8').replace('max_queue_size: 256', 'max_queue_size: 1');
  writeFileSync(config, text.replace('max_batch_size: 20', 'max_batch_size: 1'));
  try {
    await using narrow = await Classifier.open(folder, model.folder);
    const service = createService(narrow);
    const narrowUrl = await listen(service);
    const asked = Array.from({ length: 100 }, () => post('good', 'text/plain', narrowUrl));
    // At the first refusal one text runs and another waits; both are answered although the service ends. Not at the first answer: a quick engine may
    // have given it while the other callers were still connecting.
    const refusals = asked.map(async (one) => assert.equal((await one).status, 503));
    await Promise.any(refusals);
    const drained = drain(service);
    const answers = await Promise.allSettled(asked);
    await drained;
    const settled = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const refused = settled.filter(({ status }) => status === 503);
    assert.ok(refused.length > 0);
    for (const { body } of refused) assert.match(body.error ?? '', /try again/);
    const answered = settled.filter(({ status }) => status === 200);
    assert.ok(answered.length > 0);
    assert.equal(refused.length + answered.length, settled.length);
    assert.equal(narrow.statistics.inferenceCount, answered.length);
    await assert.rejects(fetch(narrowUrl));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
