// The js backend: modules as models, in the process and in worker threads.

import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectError } from '../../helpers/expect-error.js';
import {
  type Answer,
  TestRequest,
  bytes,
  fp32,
  input,
  instances,
  int32,
  loadContext,
  modelConfig,
  modelSource,
  output,
  parameters,
  runBatch,
} from '../../helpers/serving-models.js';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';
import { openJs } from '../../../lib/serving/backends/js/open.js';
import type { Backend } from '../../../lib/serving/model/backend.js';

type Execution = 'process' | 'worker';

function doubler(execution: Execution, more: Partial<ModelConfig> = {}): ModelConfig {
  return modelConfig({
    name: 'm',
    backend: 'js',
    max_batch_size: 8,
    input: [input('x', 'TYPE_FP32', [2])],
    output: [output('y', 'TYPE_FP32', [2])],
    ...more,
    parameters: { ...parameters({ execution }), ...more.parameters },
  });
}

async function start(
  config: ModelConfig,
  module: string,
  context = loadContext(),
): Promise<Backend> {
  const opened = await openJs(modelSource(config, { '1/model.mjs': module }), context);
  onTestFinished(() => opened.close());
  return opened.start(config);
}

async function answers(backend: Backend, requests: TestRequest[]): Promise<Answer[]> {
  await runBatch(backend, requests);
  return Promise.all(requests.map((request) => request.answer));
}

function values({ outputs }: Answer, index = 0): unknown[] {
  return Array.from(outputs[index]!.data as ArrayLike<unknown>);
}

const doubles = `export function execute(requests) {
  return requests.map(({ inputs: { x } }) => ({ outputs: { y: x.data.map((v) => 2 * v) } }));
}`;

describe.each<Execution>(['process', 'worker'])('execution "%s"', (execution) => {
  test('answers every request of a batch by its own', async () => {
    const backend = await start(doubler(execution), doubles);
    const one = new TestRequest([fp32([1, 2], [1, 2])]);
    const two = new TestRequest([fp32([3, 4, 5, 6], [2, 2])], {}, 2);
    const [first, second] = await answers(backend, [one, two]);
    expect(values(first!)).toEqual([2, 4]);
    expect(values(second!)).toEqual([6, 8, 10, 12]);
    expect(second!.outputs[0]!.shape).toEqual([2, 2]);
    expect(second!.outputs[0]!.datatype).toBe('FP32');
  });

  test('a module sees names, shapes, parameters, sequence, wanted outputs and its context', async () => {
    const config = doubler(execution, {
      output: [output('y', 'TYPE_STRING', [-1]), output('z', 'TYPE_FP32', [1])],
      parameters: parameters({ mine: 'seven' }),
    });
    const backend = await start(
      config,
      `let started;
      export async function initialize(context) { started = context.config.parameters.mine.string_value; }
      export async function execute([r], context) {
        const { id, inputs, outputs, parameters, batchSize, sequence } = r;
        const x = { datatype: inputs.x.datatype, shape: inputs.x.shape, data: [...inputs.x.data] };
        return [{ outputs: { y: { shape: [1, 1], data: [JSON.stringify({ id, x, outputs, parameters, batchSize, sequence, started,
          name: context.name, version: context.version, aborted: r.signal?.aborted ?? false })] } }, parameters: { seen: true } }];
      }`,
    );
    const request = new TestRequest(
      [fp32([1, 2], [1, 2])],
      { id: 'i', parameters: { k: 'v' }, sequenceId: 7, sequenceStart: true },
      1,
      [0],
    );
    const [answer] = await answers(backend, [request]);
    const text = Buffer.from((answer!.outputs[0]!.data as Uint8Array[])[0]!).toString();
    expect(JSON.parse(text)).toEqual({
      id: 'i',
      x: { datatype: 'FP32', shape: [1, 2], data: [1, 2] },
      outputs: ['y'],
      parameters: { k: 'v' },
      batchSize: 1,
      sequence: { id: 7, start: true, end: false },
      started: 'seven',
      name: 'm',
      version: '1',
      aborted: false,
    });
    expect(answer!.outputs[1]).toBeUndefined();
    expect(answer!.parameters).toEqual({ seen: true });
  });

  test('byte strings go in and out as they are', async () => {
    const config = doubler(execution, {
      input: [input('x', 'TYPE_STRING', [2])],
      output: [output('y', 'TYPE_STRING', [2])],
    });
    const backend = await start(
      config,
      `export const execute = (requests) => requests.map(({ inputs: { x } }) => ({ outputs: { y: [x.data[1], 'é'] } }));`,
    );
    const [answer] = await answers(backend, [new TestRequest([bytes(['a', '\u0000ÿ'], [1, 2])])]);
    expect(values(answer!).map((item) => Buffer.from(item as Uint8Array).toString())).toEqual([
      '\u0000ÿ',
      'é',
    ]);
  });

  test('an Error fails its request alone, a throw all of the batch', async () => {
    const backend = await start(
      doubler(execution),
      `export function execute(requests) {
        if (requests.length === 1) throw new TypeError('all of it');
        return requests.map(({ inputs: { x } }) => x.data[0] < 0
          ? Object.assign(new Error('negative'), { code: 'ERR_TRT_REQUEST' })
          : x.data[0] > 9 ? new Error('too much') : { outputs: { y: x.data } });
      }`,
    );
    const requests = [1, -1, 10].map((x) => new TestRequest([fp32([x, x], [1, 2])]));
    const { error } = await runBatch(backend, requests);
    expect(error).toBeUndefined();
    expect(values(await requests[0]!.answer)).toEqual([1, 1]);
    await expectError(() => requests[1]!.answer, 'ERR_TRT_REQUEST', 'negative');
    await expectError(() => requests[2]!.answer, 'ERR_TRT_MODEL_BACKEND', 'too much');
    const alone = new TestRequest([fp32([1, 1], [1, 2])]);
    expect((await runBatch(backend, [alone])).error?.message).toContain('all of it');
    await expectError(() => alone.answer, 'ERR_TRT_MODEL_BACKEND', 'all of it');
  });

  test.each([
    ['nothing', '{}', "did not give the output 'y'"],
    ['another type', '{ y: new Int32Array(2) }', 'expected a Float32Array for FP32'],
    [
      'another datatype',
      "{ y: { datatype: 'INT32', data: new Float32Array(2) } }",
      'expected FP32',
    ],
    ['too few elements', '{ y: new Float32Array(1) }', 'expected shape [1, 2]'],
    ['another shape', '{ y: { data: new Float32Array(4), shape: [2, 2] } }', 'gave shape [2, 2]'],
    ['an unknown name', '{ w: new Float32Array(2), y: new Float32Array(2) }', "output 'w'"],
    ['a number', '{ y: 3 }', 'gave 3 for the output'],
    ['a negative shape', '{ y: { data: new Float32Array(2), shape: [1, -2] } }', 'gave shape'],
  ])('a response with %s is refused', async (_, outputs, message) => {
    const backend = await start(
      doubler(execution),
      `export const execute = (requests) => requests.map(() => ({ outputs: ${outputs} }));`,
    );
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(backend, [request]);
    await expectError(() => request.answer, 'ERR_TRT_MODEL_BACKEND', message);
  });

  test('as many responses as requests are expected, in an array', async () => {
    const none = await start(doubler(execution), 'export const execute = () => [];');
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(none, [request]);
    await expectError(() => request.answer, 'ERR_TRT_MODEL_BACKEND', '0 responses to 1 request');
    const object = await start(doubler(execution), 'export const execute = () => ({});');
    const other = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(object, [other]);
    await expectError(() => other.answer, 'ERR_TRT_MODEL_BACKEND', 'array of responses');
    const empty = await start(doubler(execution), 'export const execute = () => [undefined];');
    const third = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(empty, [third]);
    await expectError(() => third.answer, 'ERR_TRT_MODEL_BACKEND');
  });

  test('loading anew executes the new code', async () => {
    const config = doubler(execution);
    const source = modelSource(config, { '1/model.mjs': doubles });
    const read = async (): Promise<unknown[]> => {
      const opened = await openJs(source, loadContext());
      const backend = await opened.start(config);
      const [answer] = await answers(backend, [new TestRequest([fp32([1, 2], [1, 2])])]);
      await opened.close();
      return values(answer!);
    };
    expect(await read()).toEqual([2, 4]);
    writeFileSync(path.join(source.folder, '1/model.mjs'), doubles.replace('2 *', '3 *'));
    expect(await read()).toEqual([3, 6]);
  });

  test('CommonJS is loaded anew with what it requires', async () => {
    const config = doubler(execution, { default_model_filename: 'main.cjs' });
    const main = `const { factor } = require('./factor.cjs');
      exports.execute = (requests) => requests.map(({ inputs: { x } }) => ({ outputs: { y: x.data.map((v) => factor * v) } }));`;
    const source = modelSource(config, {
      '1/main.cjs': main,
      '1/factor.cjs': 'exports.factor = 5;',
    });
    const read = async (): Promise<unknown[]> => {
      const opened = await openJs(source, loadContext());
      const backend = await opened.start(config);
      const [answer] = await answers(backend, [new TestRequest([fp32([1, 2], [1, 2])])]);
      await opened.close();
      return values(answer!);
    };
    expect(await read()).toEqual([5, 10]);
    writeFileSync(path.join(source.folder, '1/factor.cjs'), 'exports.factor = 6;');
    expect(await read()).toEqual([6, 12]);
  });

  test.each([
    ['no execute', 'export const run = 1;', "expected a function 'execute'"],
    ['a syntax error', 'export const = 1;', 'failed to load'],
    [
      'a failing initialize',
      `${doubles}\nexport async function initialize() { throw new Error('no table'); }`,
      'no table',
    ],
  ])('a module with %s is not loaded', async (_, module, message) => {
    await expectError(() => start(doubler(execution), module), 'ERR_TRT_MODEL_LOAD', message);
  });

  test('finalize is called once, after the last batch', async () => {
    const context = loadContext();
    const config = doubler(execution);
    const module = `let c; export const initialize = (context) => { c = context; };
      ${doubles}\nexport async function finalize() { c.log('info', 'the end'); }`;
    const opened = await openJs(modelSource(config, { '1/model.mjs': module }), context);
    const backend = await opened.start(config);
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    void runBatch(backend, [request]);
    await Promise.all([backend.close(), opened.close()]);
    expect(values(await request.answer)).toEqual([2, 4]);
    expect(context.lines).toEqual(['info: the end']);
  });

  test('inputs stay as they are when the module changes its outputs afterwards', async () => {
    const backend = await start(
      doubler(execution),
      `const kept = new Float32Array(2);
      export const execute = (requests) => requests.map(({ inputs: { x } }) => { kept.fill(x.data[0]); return { outputs: { y: kept.slice() } }; });`,
    );
    const data = fp32([7, 8], [1, 2]);
    const [one] = await answers(backend, [new TestRequest([data])]);
    await answers(backend, [new TestRequest([fp32([9, 9], [1, 2])])]);
    expect(values(one!)).toEqual([7, 7]);
    expect(Array.from(data.data as Float32Array)).toEqual([7, 8]);
  });
});

describe('worker threads', () => {
  test('as many batches run at once as there are instances, each in a thread of its own', async () => {
    const config = doubler('worker', {
      instance_group: [instances(2)],
      output: [output('y', 'TYPE_INT32', [1])],
    });
    const backend = await start(
      config,
      `import { threadId } from 'node:worker_threads';
      export const execute = async (requests) => requests.map(() => ({ outputs: { y: Int32Array.of(threadId) } }));`,
    );
    expect(backend.free).toBe(2);
    const requests = [0, 1].map(() => new TestRequest([fp32([1, 2], [1, 2])]));
    const runs = requests.map((request) => runBatch(backend, [request]));
    expect(backend.free).toBe(0);
    await Promise.all(runs);
    expect(backend.free).toBe(2);
    const threads = await Promise.all(requests.map(async ({ answer }) => values(await answer)[0]));
    expect(new Set(threads).size).toBe(2);
  });

  test('a batch of an instance waits for that one', async () => {
    const config = doubler('worker', {
      instance_group: [instances(2)],
      output: [output('y', 'TYPE_INT32', [1])],
    });
    const backend = await start(
      config,
      `export const execute = async (requests, { instance }) => requests.map(() => ({ outputs: { y: Int32Array.of(instance) } }));`,
    );
    const requests = [1, 1, 1, 0].map(() => new TestRequest([fp32([1, 2], [1, 2])]));
    await Promise.all([1, 1, 1, 0].map((at, index) => runBatch(backend, [requests[index]!], at)));
    const seen = await Promise.all(requests.map(async ({ answer }) => values(await answer)[0]));
    expect(seen).toEqual([1, 1, 1, 0]);
  });

  const crashing = `export function execute(requests) {
    if (requests[0].inputs.x.data[0] < 0) process.exit(3);
    if (requests[0].inputs.x.data[0] > 9) for (;;);
    return requests.map(({ inputs: { x } }) => ({ outputs: { y: x.data } }));
  }`;

  /** Resolves when the backend takes a batch. */
  async function untilFree(backend: Backend): Promise<void> {
    while (backend.free === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  test('a thread that ends fails its batch only, and is started anew', async () => {
    const context = loadContext();
    const backend = await start(doubler('worker'), crashing, context);
    const bad = new TestRequest([fp32([-1, 2], [1, 2])]);
    const { error } = await runBatch(backend, [bad]);
    expect(error?.message).toContain("worker thread of model 'm' ended");
    await expectError(() => bad.answer, 'ERR_TRT_MODEL_BACKEND', 'status 3');
    await untilFree(backend);
    const [good] = await answers(backend, [new TestRequest([fp32([1, 2], [1, 2])])]);
    expect(values(good!)).toEqual([1, 2]);
    expect(context.lines.join()).toContain('starting it anew, 1 of at most 5 times');
    expect(backend.broken).toBeUndefined();
  });

  test('a model that ends its thread again and again is given up after max_restarts', async () => {
    const config = doubler('worker', { parameters: parameters({ max_restarts: '1' }) });
    const backend = await start(config, crashing);
    for (let crash = 0; crash < 2; crash++) {
      await untilFree(backend);
      await runBatch(backend, [new TestRequest([fp32([-1, 2], [1, 2])])]);
    }
    await untilFree(backend);
    expect(backend.broken?.message).toContain("model 'm' is not started anew any more");
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(backend, [request]);
    await expectError(() => request.answer, 'ERR_TRT_MODEL_UNAVAILABLE');
  });

  test('an endless loop is stopped after timeout_ms', async () => {
    const config = doubler('worker', { parameters: parameters({ timeout_ms: '300' }) });
    const backend = await start(config, crashing);
    const stuck = new TestRequest([fp32([10, 2], [1, 2])]);
    await runBatch(backend, [stuck]);
    await expectError(() => stuck.answer, 'ERR_TRT_MODEL_BACKEND', 'timeout_ms of 300');
    await untilFree(backend);
    const [good] = await answers(backend, [new TestRequest([fp32([1, 2], [1, 2])])]);
    expect(values(good!)).toEqual([1, 2]);
  });

  test("a request's cancellation reaches the module", async () => {
    const backend = await start(
      doubler('worker'),
      `export const execute = (requests) => Promise.all(requests.map(({ signal }) => new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ outputs: { y: Float32Array.of(1, 1) } }));
      })));`,
    );
    const controller = new AbortController();
    const request = new TestRequest([fp32([1, 2], [1, 2])], { signal: controller.signal });
    const run = runBatch(backend, [request]);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await run; // would not end without
    expect(request.failure).toBe('CANCELED');
  });
});

describe('what is refused', () => {
  test('code that comes with a load request', async () => {
    const config = doubler('worker');
    const files = new Map([['1/model.js', Buffer.from(doubles)]]);
    await expectError(
      () => openJs(modelSource(config, {}, { files }), loadContext()),
      'ERR_TRT_REQUEST_UNSUPPORTED',
      'would let clients execute code',
    );
  });

  test.each(['../model.js', '1/model.js', 'model.py', '/etc/model.js'])(
    'default_model_filename "%s"',
    async (default_model_filename) => {
      const config = doubler('worker', { default_model_filename });
      await expectError(
        () => openJs(modelSource(config, { '1/model.js': doubles }), loadContext()),
        'ERR_TRT_MODEL_CONFIG',
        'default_model_filename',
      );
    },
  );

  test('a link that leads out of the folder', async () => {
    const elsewhere = modelSource(doubler('worker'), { 'model.mjs': doubles });
    const source = modelSource(doubler('worker'), { '1/x': '' });
    symlinkSync(path.join(elsewhere.folder, 'model.mjs'), path.join(source.folder, '1/model.mjs'));
    await expectError(
      () => openJs(source, loadContext()),
      'ERR_TRT_MODEL_LOAD',
      "out of the model's folder",
    );
  });

  test('a folder without a module', async () => {
    await expectError(
      () => openJs(modelSource(doubler('worker')), loadContext()),
      'ERR_TRT_MODEL_LOAD',
      'there is no model.js, model.mjs, model.cjs',
    );
  });

  test.each([
    [{ parameters: parameters({ execution: 'gpu' }) }, "got 'gpu'"],
    [{ parameters: parameters({ timeout_ms: 'soon' }) }, "got 'soon'"],
    [{ parameters: parameters({ execution: 'process', timeout_ms: '5' }) }, 'timeout_ms'],
    [{ instance_group: [instances(1, { kind: 'KIND_GPU' })] }, 'KIND_GPU'],
    [{ output: [] }, 'expected inputs and outputs'],
  ])('the config %j', async (more, message) => {
    await expectError(
      () => start(doubler('worker', more), doubles),
      'ERR_TRT_MODEL_CONFIG',
      message,
    );
  });
});

test('int32 tensors keep their type on the way', async () => {
  const config = doubler('worker', {
    input: [input('x', 'TYPE_INT32', [-1])],
    output: [output('y', 'TYPE_INT32', [-1])],
  });
  const backend = await start(config, doubles);
  const [answer] = await answers(backend, [new TestRequest([int32([1, 2, 3], [1, 3])])]);
  expect(answer!.outputs[0]!.data).toEqual(Int32Array.of(2, 4, 6));
  expect(answer!.outputs[0]!.shape).toEqual([1, 3]);
});
