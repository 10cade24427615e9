// Ensembles: steps as a dataflow, and what goes from one to the next. Triton's L0_simple_ensemble and more.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ServingError } from '../../../lib/errors.js';
import type { DeviceTensor } from '../../../lib/device-tensor.js';
import { Runtime } from '../../../lib/runtime/runtime.js';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { expectError } from '../../helpers/expect-error.js';
import { reference } from '../../helpers/reference.js';
import {
  TestRequest,
  fp32,
  input,
  instances,
  modelConfig,
  output,
  runBatch,
} from '../../helpers/serving-models.js';

import {
  type Compute,
  type Outputs,
  addOne,
  chain,
  double,
  ensemble,
  map,
  models,
  outputOf,
  simple,
  start,
  step,
} from '../../helpers/ensembles.js';

describe('steps', () => {
  test('run one after the other where one needs the other', async () => {
    const { context } = models([simple('a'), addOne], [simple('b'), double]);
    const backend = await start(ensemble(chain), context);
    const request = new TestRequest([fp32([1, 2, 3, 4], [2, 2])], {}, 2);
    await runBatch(backend, [request]);
    expect(await outputOf(request)).toEqual([4, 6, 8, 10]);
    expect((await request.answer).outputs[0]!.shape).toEqual([2, 2]);
  });

  test('that do not need each other run at the same time', async () => {
    let release!: () => void;
    const both = new Promise<void>((resolve) => (release = resolve));
    let running = 0;
    const meet: Compute = async (inputs, request) => {
      if (++running === 2) release();
      await both; // would wait forever if they ran in turn
      return addOne(inputs, request);
    };
    const join = modelConfig({
      name: 'join',
      max_batch_size: 8,
      input: [input('p', 'TYPE_FP32', [2]), input('q', 'TYPE_FP32', [2])],
      output: [output('y', 'TYPE_FP32', [2])],
    });
    const { context } = models(
      [simple('a'), meet],
      [simple('b'), meet],
      [
        join,
        ({ p, q }) => ({
          y: map(p!, (value) => value + (q!.data as Float32Array)[0]!),
        }),
      ],
    );
    const config = ensemble([
      step('join', { p: 'left', q: 'right' }, { y: 'out' }),
      step('a', { x: 'in' }, { y: 'left' }),
      step('b', { x: 'in' }, { y: 'right' }),
    ]);
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(await start(config, context), [request]);
    expect(await outputOf(request)).toEqual([4, 5]);
  });

  test('whose outputs nobody asked for do not run', async () => {
    const { context, requests } = models([simple('a'), addOne], [simple('b'), double]);
    const config = ensemble(chain, {
      output: [output('out', 'TYPE_FP32', [2]), output('mid', 'TYPE_FP32', [2])],
    });
    const request = new TestRequest([fp32([1, 2], [1, 2])], {}, 1, [1]);
    await runBatch(await start(config, context), [request]);
    expect(requests.map(({ modelName }) => modelName)).toEqual(['a']);
    expect((await request.answer).outputs[0]).toBeUndefined();
    expect(await outputOf(request, 1)).toEqual([2, 3]);
  });

  test('get id, priority, timeout, sequence and parameters of the request, and their own version', async () => {
    const { context, requests } = models([simple('a'), addOne], [simple('b'), double]);
    const config = ensemble([chain[0]!, step('b', { x: 'mid' }, { y: 'out' }, 3)]);
    const options = {
      id: 'i',
      priority: 2,
      timeoutMs: 500,
      sequenceId: 9,
      sequenceStart: true,
      sequenceEnd: false,
      parameters: { k: 1 },
    };
    const request = new TestRequest([fp32([1, 2], [1, 2])], options);
    await runBatch(await start(config, context), [request]);
    for (const seen of requests) expect(seen).toMatchObject(options);
    expect(requests.map(({ version }) => version)).toEqual([undefined, '3']);
    expect(requests.map(({ outputs }) => outputs)).toEqual([['y'], ['y']]);
    expect(requests.map(({ views }) => views)).toEqual([true, false]);
  });

  test('a model without a batch dimension is called between models that have one', async () => {
    const flat = simple('b', { max_batch_size: 0 });
    const { context, requests } = models([simple('a'), addOne], [flat, double]);
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(await start(ensemble(chain), context), [request]);
    expect((requests[1]!.inputs as Outputs).x!.shape).toEqual([2]);
    expect((await request.answer).outputs[0]!.shape).toEqual([1, 2]);
    expect(await outputOf(request)).toEqual([4, 6]);
  });

  test('an optional input that is not given is not handed on', async () => {
    const optional = simple('a', {
      input: [input('x', 'TYPE_FP32', [2]), input('z', 'TYPE_FP32', [2], { optional: true })],
    });
    const { context, requests } = models([optional, addOne]);
    const config = ensemble([step('a', { x: 'in', z: 'extra' }, { y: 'out' })], {
      input: [input('in', 'TYPE_FP32', [2]), input('extra', 'TYPE_FP32', [2], { optional: true })],
    });
    const backend = await start(config, context);
    const request = new TestRequest([fp32([1, 2], [1, 2]), undefined]);
    await runBatch(backend, [request]);
    expect(await outputOf(request)).toEqual([2, 3]);
    expect(Object.keys(requests[0]!.inputs)).toEqual(['x']);
  });

  test('max_inflight_requests bounds how many requests are in a step', async () => {
    let running = 0;
    let most = 0;
    const slow: Compute = async (inputs, request) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return addOne(inputs, request);
    };
    const { context } = models([simple('a'), slow], [simple('b'), double]);
    const backend = await start(ensemble(chain, {}, 2), context);
    const requests = [1, 2, 3, 4, 5].map((x) => new TestRequest([fp32([x, x], [1, 2])]));
    await Promise.all(requests.map((request) => runBatch(backend, [request])));
    expect(most).toBe(2);
    expect(await Promise.all(requests.map(async (each) => (await outputOf(each))[0]))).toEqual([
      4, 6, 8, 10, 12,
    ]);
  });
});

describe('failures', () => {
  test('of a step name the ensemble, keep the code, and end steps that run beside it', async () => {
    let aborted = false;
    const waits: Compute = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('stopped'));
        });
      });
    const fails: Compute = () => {
      throw new ServingError('ERR_TRT_QUEUE_FULL', 'Exceeds maximum queue size', 'Later.');
    };
    const { context, requests } = models(
      [simple('a'), fails],
      [simple('b'), waits],
      [simple('c'), addOne],
    );
    const config = ensemble(
      [
        step('a', { x: 'in' }, { y: 'left' }),
        step('b', { x: 'in' }, { y: 'out2' }),
        step('c', { x: 'left' }, { y: 'out' }),
      ],
      { output: [output('out', 'TYPE_FP32', [2]), output('out2', 'TYPE_FP32', [2])] },
    );
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    const { error } = await runBatch(await start(config, context), [request]);
    const failure = await expectError(
      () => request.answer,
      'ERR_TRT_QUEUE_FULL',
      "in ensemble 'e', Exceeds maximum queue size",
    );
    expect(error).toBe(failure);
    expect((failure as ServingError).status).toBe('UNAVAILABLE');
    expect(aborted).toBe(true);
    expect(requests.map(({ modelName }) => modelName)).toEqual(['a', 'b']);
  });

  test('a request that is cancelled cancels the step that runs, and starts no other', async () => {
    const controller = new AbortController();
    const { context, requests } = models(
      [
        simple('a'),
        (_, { signal }) =>
          new Promise((_resolve, reject) => {
            signal!.addEventListener('abort', () => {
              reject(new ServingError('ERR_TRT_REQUEST_CANCELLED', 'Request cancelled', 'x'));
            });
            controller.abort();
          }),
      ],
      [simple('b'), double],
    );
    const request = new TestRequest([fp32([1, 2], [1, 2])], { signal: controller.signal });
    await runBatch(await start(ensemble(chain), context), [request]);
    expect(request.failure).toBe('CANCELED');
    expect(requests.map(({ modelName }) => modelName)).toEqual(['a']);
  });

  test('an output that its model did not give is a missing tensor, not a hang', async () => {
    const { context } = models([simple('a'), () => ({})], [simple('b'), () => ({})]);
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(await start(ensemble(chain), context), [request]);
    expect((await request.answer).outputs).toEqual([undefined]);
  });

  test('a model that is gone when a request comes fails that request', async () => {
    const { context } = models([simple('a'), addOne], [simple('b'), double]);
    const backend = await start(ensemble(chain), context);
    vi.spyOn(context.models, 'config').mockImplementation(() => {
      throw new ServingError('ERR_TRT_MODEL_UNAVAILABLE', "'a' is not ready", 'x');
    });
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(backend, [request]);
    await expectError(() => request.answer, 'ERR_TRT_MODEL_LOAD', "in ensemble 'e', ");
  });

  test('close waits for what runs', async () => {
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { context } = models(
      [simple('a'), async (inputs, request) => (await gate, addOne(inputs, request))],
      [simple('b'), double],
    );
    const backend = await start(ensemble(chain), context);
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    void runBatch(backend, [request]);
    const closed = backend.close();
    release();
    await closed;
    expect(request.settled).toBe(true);
  });
});

describe('on the device', () => {
  const plan = (name: string, gpus: number[]): ModelConfig =>
    simple(name, {
      platform: 'tensorrt_plan',
      instance_group: [instances(1, { kind: 'KIND_GPU', gpus })],
    });

  async function run(list: ModelConfig[], more: Partial<ModelConfig> = {}) {
    const runtime = new Runtime(reference);
    onTestFinished(() => {
      runtime.close();
    });
    const made: DeviceTensor[] = [];
    const compute: Compute = ({ x }, { onDevice }) => {
      if (onDevice?.includes('y') !== true) return { y: fp32([1, 2], [1, 2]) };
      expect(x).toBeDefined();
      const tensor = runtime.createDeviceTensor('float32', [1, 2]);
      made.push(tensor);
      return { y: new InferTensor('FP32', tensor, [1, 2]) };
    };
    const seen: (boolean | undefined)[] = [];
    const { context, requests } = models(
      ...list.map((config): [ModelConfig, Compute] => [
        config,
        (inputs, request) => {
          const { device } = inputs.x!;
          seen.push(device === undefined ? undefined : device.closed);
          return compute(inputs, request);
        },
      ]),
    );
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(await start(ensemble(chain, more), context), [request]);
    await request.answer;
    return { requests, made, seen };
  }

  test('tensors between plans of one device stay there, and are freed when they were read', async () => {
    const { requests, made, seen } = await run([plan('a', [0]), plan('b', [0])]);
    expect(requests.map(({ onDevice }) => onDevice)).toEqual([['y'], []]);
    expect(seen).toEqual([undefined, false]); // there while it is read
    expect(made.map(({ closed }) => closed)).toEqual([true]);
  });

  test.each([
    ['the reader runs on another device', [plan('a', [0]), plan('b', [1])], {}],
    ['the reader runs on several devices', [plan('a', [0]), plan('b', [0, 1])], {}],
    ['the reader is no plan', [plan('a', [0]), simple('b')], {}],
    ['the writer is no plan', [simple('a'), plan('b', [0])], {}],
    [
      'the client wants it too',
      [plan('a', [0]), plan('b', [0])],
      { output: [output('out', 'TYPE_FP32', [2]), output('mid', 'TYPE_FP32', [2])] },
    ],
  ])('tensors go to the host where %s', async (_, list, more) => {
    const { requests } = await run(list, more);
    expect(requests.map(({ onDevice }) => onDevice)).toEqual([[], []]);
  });

  test('what lies on the device is freed when a step fails', async () => {
    const runtime = new Runtime(reference);
    onTestFinished(() => {
      runtime.close();
    });
    const tensor = runtime.createDeviceTensor('float32', [1, 2]);
    const { context } = models(
      [plan('a', [0]), () => ({ y: new InferTensor('FP32', tensor, [1, 2]) })],
      [
        plan('b', [0]),
        () => {
          throw new Error('no');
        },
      ],
    );
    const request = new TestRequest([fp32([1, 2], [1, 2])]);
    await runBatch(await start(ensemble(chain), context), [request]);
    await expectError(() => request.answer, 'ERR_TRT_MODEL_BACKEND', "in ensemble 'e', no");
    expect(tensor.closed).toBe(true);
  });
});
