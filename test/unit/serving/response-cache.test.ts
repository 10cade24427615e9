// The response cache: what counts as the same request, what is kept and what is forgotten. Triton's L0_response_cache.

import { describe, expect, onTestFinished, test } from 'vitest';
import { Runtime } from '../../../lib/runtime/runtime.js';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import type { InferOptions } from '../../../lib/serving/request.js';
import { createResponseCache } from '../../../lib/serving/scheduler/response-cache.js';
import { reference } from '../../helpers/reference.js';
import { TestRequest, bytes, fp32, int32 } from '../../helpers/serving-models.js';

const megabyte = 1 << 20;

function key(
  inputs: (InferTensor | undefined)[],
  options: InferOptions = {},
  wanted?: number[],
  model = 'm',
  version = '1',
): string | undefined {
  const request = new TestRequest(inputs, options, 1, wanted);
  return createResponseCache(megabyte).key(model, version, request);
}

describe('the same request', () => {
  test('has the same key, however its memory lies', () => {
    const raw = new Uint8Array([0, ...new Uint8Array(Float32Array.of(1, 2).buffer)]).subarray(1);
    const one = key([fp32([1, 2], [1, 2])]);
    expect(one).toBeDefined();
    expect(key([fp32([1, 2], [1, 2])])).toBe(one);
    expect(key([InferTensor.fromBytes('FP32', raw, [1, 2])])).toBe(one);
    expect(key([fp32([1, 2], [1, 2])], { id: 'other', priority: 3, timeoutMs: 4 })).toBe(one);
  });

  test('has another key when anything that matters differs', () => {
    const keys = [
      key([fp32([1, 2], [1, 2])]),
      key([fp32([1, 3], [1, 2])]),
      key([fp32([1, 2], [2, 1])]),
      key([int32([1, 2], [1, 2])]),
      key([fp32([1, 2], [1, 2])], {}, undefined, 'other'),
      key([fp32([1, 2], [1, 2])], {}, undefined, 'm', '2'),
      key([fp32([1, 2], [1, 2])], {}, [0]),
      key([fp32([1, 2], [1, 2])], { parameters: { k: 1 } }),
      key([fp32([1, 2], [1, 2])], { parameters: { k: '1' } }),
      key([fp32([1, 2], [1, 2]), undefined]),
      key([undefined, fp32([1, 2], [1, 2])]),
      key([bytes(['ab', 'c'], [2])]),
      key([bytes(['a', 'bc'], [2])]),
      key([bytes(['abc', ''], [2])]),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('of a sequence, or on the device, has none', () => {
    expect(key([fp32([1], [1])], { sequenceId: 3 })).toBeUndefined();
    expect(key([fp32([1], [1])], { sequenceId: 'a' })).toBeUndefined();
    expect(key([fp32([1], [1])], { sequenceId: 0 })).toBeDefined();
    expect(key([fp32([1], [1])], { onDevice: ['y'] })).toBeUndefined();
    const runtime = new Runtime(reference);
    onTestFinished(() => {
      runtime.close();
    });
    const tensor = runtime.createDeviceTensor('float32', [1]);
    expect(key([new InferTensor('FP32', tensor, [1])])).toBeUndefined();
  });
});

describe('an answer', () => {
  test('is kept as a copy, and given as one', () => {
    const cache = createResponseCache(megabyte);
    const given = fp32([1, 2], [2]);
    cache.put('k', [given, undefined, bytes(['ab'], [1])]);
    (given.data as Float32Array)[0] = 9;
    const first = cache.get('k')!;
    expect(Array.from(first[0]!.data as Float32Array)).toEqual([1, 2]);
    expect(first[1]).toBeUndefined();
    expect(Buffer.from((first[2]!.data as Uint8Array[])[0]!).toString()).toBe('ab');
    (first[0]!.data as Float32Array)[0] = 7;
    (first[2]!.data as Uint8Array[])[0]![0] = 0;
    const second = cache.get('k')!;
    expect(Array.from(second[0]!.data as Float32Array)).toEqual([1, 2]);
    expect(Buffer.from((second[2]!.data as Uint8Array[])[0]!).toString()).toBe('ab');
  });

  test('that was not put in is not there', () => {
    expect(createResponseCache(megabyte).get('k')).toBeUndefined();
  });

  test('used longest ago is forgotten when the memory is used up', () => {
    const cache = createResponseCache(3 * 1600);
    const kilobyte = (): InferTensor => new InferTensor('UINT8', new Uint8Array(1024), [1024]);
    for (const name of ['a', 'b', 'c']) cache.put(name, [kilobyte()]);
    cache.get('a');
    cache.put('d', [kilobyte()]);
    expect(['a', 'b', 'c', 'd'].map((name) => cache.get(name) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  test('larger than the cache is not kept, and pushes nothing out', () => {
    const cache = createResponseCache(4096);
    cache.put('small', [fp32([1], [1])]);
    cache.put('large', [new InferTensor('UINT8', new Uint8Array(5000), [5000])]);
    expect(cache.get('large')).toBeUndefined();
    expect(cache.get('small')).toBeDefined();
    expect(createResponseCache(0).get('x')).toBeUndefined();
  });

  test('put in again takes the place of the old one, and its memory once', () => {
    const cache = createResponseCache(2 * 1600);
    cache.put('other', [fp32([1], [1])]);
    for (let round = 0; round < 100; round++) {
      cache.put('k', [new InferTensor('UINT8', new Uint8Array(1024).fill(round), [1024])]);
    }
    expect((cache.get('k')![0]!.data as Uint8Array)[0]).toBe(99);
    expect(cache.get('other')).toBeDefined();
  });
});
