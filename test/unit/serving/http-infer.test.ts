// The infer request over HTTP, as L0_http and L0_input_validation check it: JSON, binary and raw data, every datatype, classification, parameters, errors.

import { describe, expect, test } from 'vitest';
import {
  binaryRequest,
  rawHttp,
  simpleBinary,
  simpleJson,
  splitReply,
  startDoor,
  until,
} from '../../helpers/http-door.js';
import { elements } from '../../helpers/serving-service.js';
import type { InferTensor } from '../../../lib/serving/infer-tensor.js';

const path = '/v2/models/simple/infer';

interface Answer {
  id?: string;
  model_name: string;
  model_version: string;
  outputs: {
    name: string;
    datatype: string;
    shape: number[];
    data: unknown[];
    parameters?: Record<string, unknown>;
  }[];
}

describe('JSON', () => {
  test('sums and differences come back with the id, the version and all outputs', async () => {
    const { post } = await startDoor();
    const reply = await post(path, { id: 'a "b"', ...simpleJson });
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/json']);
    const answer = reply.json<Answer>();
    expect([answer.id, answer.model_name, answer.model_version]).toEqual(['a "b"', 'simple', '3']);
    expect(answer.outputs.map(({ name }) => name)).toEqual(['OUTPUT0', 'OUTPUT1']);
    const [sum] = answer.outputs;
    expect([sum!.datatype, sum!.shape, sum!.data.slice(0, 3)]).toEqual([
      'INT32',
      [1, 16],
      [1, 2, 3],
    ]);
  });

  test('nested data are flattened, of a version of its own, and only outputs that were asked for', async () => {
    const { post, service } = await startDoor();
    const [first, second] = simpleJson.inputs;
    const body = {
      inputs: [{ ...first, data: [[first!.data.slice(0, 8), first!.data.slice(8)]] }, second],
      outputs: [{ name: 'OUTPUT1' }],
    };
    const reply = await post('/v2/models/simple/versions/1/infer', body);
    const answer = reply.json<Answer>();
    expect(answer.model_version).toBe('1');
    expect(answer.outputs.map(({ name, data }) => [name, data[15]])).toEqual([['OUTPUT1', 14]]);
    expect(service.requests[0]!.outputs).toEqual(['OUTPUT1']);
  });

  test.each([
    ['BOOL', [true, false], [true, false]],
    ['UINT8', [0, 255], [0, 255]],
    ['INT8', [-128, 127], [-128, 127]],
    ['UINT16', [65535], [65535]],
    ['INT64', [-5, 7], [-5, 7]],
    ['FP32', [0.5, -2], [0.5, -2]],
    ['FP64', [1e300], [1e300]],
    ['BYTES', ['é', ''], ['é', '']],
  ])('%s goes there and back', async (datatype, data, expected) => {
    const { post } = await startDoor();
    const inputs = [{ name: 'INPUT0', datatype, shape: [data.length], data }];
    const reply = await post(`/v2/models/identity_${datatype.toLowerCase()}/infer`, { inputs });
    expect(reply.json<Answer>().outputs[0]!.data).toEqual(expected);
  });

  test('64-bit integers keep all digits', async () => {
    const { post, service } = await startDoor();
    const body =
      '{"inputs":[{"name":"INPUT0","datatype":"UINT64","shape":[2],"data":[18446744073709551615,9007199254740993]}]}';
    const reply = await post('/v2/models/identity_uint64/infer', body);
    expect(reply.text).toContain('"data":[18446744073709551615,9007199254740993]');
    const given = service.requests[0]!.inputs.INPUT0 as InferTensor;
    expect(elements(given)).toEqual([2n ** 64n - 1n, 2n ** 53n + 1n]);
  });

  test('NaN and infinities are read and written as RapidJSON has them', async () => {
    const { post } = await startDoor();
    const body =
      '{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[4],"data":[NaN,Infinity,-Inf,-Infinity]}]}';
    const reply = await post('/v2/models/identity_fp32/infer', body);
    expect(reply.text).toContain('"data":[NaN,Infinity,-Infinity,-Infinity]');
  });

  test('FP16 and BF16 are refused in both directions', async () => {
    const { post } = await startDoor();
    for (const datatype of ['FP16', 'BF16']) {
      const url = `/v2/models/identity_${datatype.toLowerCase()}/infer`;
      const inputs = [{ name: 'INPUT0', datatype, shape: [1], data: [1] }];
      const sent = await post(url, { inputs });
      expect([sent.status, sent.error]).toEqual([
        400,
        `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input INPUT0`,
      ]);
      const parameters = { binary_data_size: 2 };
      const { body, headers } = binaryRequest(
        { inputs: [{ name: 'INPUT0', datatype, shape: [1], parameters }] },
        Uint16Array.of(0x3c00),
      );
      const received = await post(url, body, headers);
      expect([received.status, received.error]).toEqual([
        400,
        `sending ${datatype} data via JSON is not supported. Please use the binary data format for output`,
      ]);
    }
  });

  test('BYTES that are not UTF-8 cannot be sent as JSON', async () => {
    const { post } = await startDoor();
    const parameters = { binary_data_size: 5 };
    const { body, headers } = binaryRequest(
      { inputs: [{ name: 'INPUT0', datatype: 'BYTES', shape: [1], parameters }] },
      Buffer.from([1, 0, 0, 0, 0xff]),
    );
    const reply = await post('/v2/models/identity_bytes/infer', body, headers);
    expect([reply.status, reply.error]).toEqual([
      400,
      "output 'OUTPUT0' has bytes that are not UTF-8, which JSON cannot carry",
    ]);
  });
});

describe('binary data', () => {
  test('inputs and outputs follow the JSON, in order', async () => {
    const { post } = await startDoor();
    const outputs = ['OUTPUT1', 'OUTPUT0'].map((name) => ({
      name,
      parameters: { binary_data: true },
    }));
    const { body, headers } = simpleBinary({ outputs });
    const reply = await post(path, body, headers);
    expect(reply.headers.get('content-type')).toBe('application/octet-stream');
    const { json, binary } = splitReply(reply);
    expect((json as unknown as Answer).outputs).toEqual([
      { name: 'OUTPUT1', datatype: 'INT32', shape: [1, 16], parameters: { binary_data_size: 64 } },
      { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 16], parameters: { binary_data_size: 64 } },
    ]);
    expect([binary.readInt32LE(0), binary.readInt32LE(64), binary.length]).toEqual([-1, 1, 128]);
  });

  test('binary_data_output asks for it for all outputs; JSON and binary can be mixed', async () => {
    const { post } = await startDoor();
    const all = simpleBinary({ parameters: { binary_data_output: true } });
    expect(splitReply(await post(path, all.body, all.headers)).binary.length).toBe(128);
    const some = simpleBinary({
      outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT1', parameters: { binary_data: true } }],
    });
    const { json, binary } = splitReply(await post(path, some.body, some.headers));
    expect((json as unknown as Answer).outputs[0]!.data.length).toBe(16);
    expect(binary.readInt32LE(60)).toBe(14);
  });

  test('an answer of megabytes arrives whole, at an odd offset as well', async () => {
    const { post } = await startDoor();
    const data = Float32Array.from({ length: 600_001 }, (_, index) => index / 3);
    for (const pad of ['', ' ', '  ', '   ']) {
      const json = `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[600001],"parameters":{"binary_data_size":2400004}}],"parameters":{"binary_data_output":true}}${pad}`;
      const body = Buffer.concat([Buffer.from(json), Buffer.from(data.buffer)]);
      const headers = { 'Inference-Header-Content-Length': String(json.length) };
      const { binary } = splitReply(await post('/v2/models/identity_fp32/infer', body, headers));
      expect(binary.equals(Buffer.from(data.buffer))).toBe(true);
    }
  });

  test('an empty tensor has no bytes', async () => {
    const { post } = await startDoor();
    const input = { name: 'INPUT0', datatype: 'FP32', shape: [0] };
    const { body, headers } = binaryRequest({
      inputs: [{ ...input, parameters: { binary_data_size: 0 } }],
      parameters: { binary_data_output: true },
    });
    const reply = await post('/v2/models/identity_fp32/infer', body, headers);
    expect(reply.json<Answer>().outputs[0]).toEqual({
      ...input,
      name: 'OUTPUT0',
      parameters: { binary_data_size: 0 },
    });
  });

  test('a raw request is the one input, its shape from the config', async () => {
    const { post, service } = await startDoor();
    const headers = { 'Inference-Header-Content-Length': '0' };
    const scores = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    const reply = await post('/v2/models/classifier/infer', scores, headers);
    expect(splitReply(reply).binary.equals(scores)).toBe(true);
    expect((service.requests[0]!.inputs.scores as InferTensor).shape).toEqual([1, 4]);
    const dynamic = await post('/v2/models/identity_fp32/infer', scores, headers);
    expect((splitReply(dynamic).json as unknown as Answer).outputs[0]!.shape).toEqual([4]);
    const several = await post(path, scores, headers);
    expect([several.status, several.error]).toEqual([
      400,
      "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'simple' model configuration",
    ]);
    const odd = await post('/v2/models/classifier/infer', scores.subarray(1), headers);
    expect(odd.error).toContain('input byte size mismatch');
    const bytes = await post('/v2/models/identity_bytes/infer', scores, headers);
    expect(bytes.error).toBe('For BYTES datatype raw input, the model must have input shape [1]');
  });
});

describe('classification', () => {
  const scores = Float32Array.of(0.1, 0.7, 0.2, NaN, 3, 1, 2, 3);
  const inputs = [
    { name: 'scores', datatype: 'FP32', shape: [2, 4], parameters: { binary_data_size: 32 } },
  ];

  test('gives the highest classes of each item, with labels where there are some', async () => {
    const { post } = await startDoor();
    const outputs = [{ name: 'probabilities', parameters: { classification: 3 } }];
    const { body, headers } = binaryRequest({ inputs, outputs }, scores);
    const reply = await post('/v2/models/classifier/infer', body, headers);
    expect(reply.json<Answer>().outputs[0]).toEqual({
      name: 'probabilities',
      datatype: 'BYTES',
      shape: [2, 3],
      data: [
        '0.700000:1:dog',
        '0.200000:2:fish',
        '0.100000:0:cat',
        '3.000000:0:cat',
        '3.000000:3',
        '2.000000:2:fish',
      ],
    });
  });

  test('gives no more classes than there are; binary if asked', async () => {
    const { post } = await startDoor();
    const parameters = { classification: 99, binary_data: true };
    const outputs = [{ name: 'probabilities', parameters }];
    const { body, headers } = binaryRequest({ inputs, outputs }, scores);
    const { json, binary } = splitReply(await post('/v2/models/classifier/infer', body, headers));
    expect((json as unknown as Answer).outputs[0]!.shape).toEqual([2, 4]);
    expect(binary.subarray(4, 4 + binary.readUInt32LE(0)).toString()).toBe('0.700000:1:dog');
  });

  test('is refused for what has no order', async () => {
    const { post } = await startDoor();
    const body = {
      inputs: [{ name: 'INPUT0', datatype: 'BYTES', shape: [1], data: ['a'] }],
      outputs: [{ name: 'OUTPUT0', parameters: { classification: 1 } }],
    };
    const reply = await post('/v2/models/identity_bytes/infer', body);
    expect([reply.status, reply.error]).toEqual([
      400,
      "class result not available for output due to unsupported type 'BYTES'",
    ]);
  });
});

describe('parameters', () => {
  test('reach the scheduler and the model', async () => {
    const { post, service } = await startDoor();
    const body = `{"parameters":{"sequence_id":18446744073709551615,"sequence_start":true,"sequence_end":false,"priority":2,"timeout":1500,"mine":"x","n":3,"yes":true,"triton_enable_empty_final_response":true},${JSON.stringify(simpleJson).slice(1)}`;
    expect((await post(path, body)).status).toBe(200);
    expect(service.requests[0]).toMatchObject({
      sequenceId: 2n ** 64n - 1n,
      sequenceStart: true,
      sequenceEnd: false,
      priority: 2,
      timeoutMs: 1.5,
      parameters: { mine: 'x', n: 3, yes: true },
    });
  });

  test('with reserved names or of wrong types are refused', async () => {
    const { post } = await startDoor();
    const refused = async (parameters: object) => {
      const reply = await post(path, { ...simpleJson, parameters });
      expect(reply.status).toBe(400);
      return reply.error;
    };
    expect(await refused({ triton_x: 1 })).toBe(
      "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
    );
    expect(await refused({ a: [1] })).toBe(
      "parameter 'a' has invalid type. It should be either 'int', 'bool', or 'string'.",
    );
    expect(await refused({ priority: -1 })).toBe(
      "Unable to parse 'priority': attempt to access JSON non-unsigned-integer as unsigned-integer",
    );
    expect(await refused({ sequence_start: 1 })).toContain("Unable to parse 'sequence_start'");
  });

  test('can be headers, where the operator allows it', async () => {
    const { post, service } = await startDoor({ forwardHeaders: '^x-' });
    await post(path, simpleJson, { 'X-Team': 'blue', Other: 'no' });
    expect(service.requests[0]!.parameters).toEqual({ 'X-Team': 'blue' });
    const closed = await startDoor();
    await closed.post(path, simpleJson, { 'X-Team': 'blue' });
    expect(closed.service.requests[0]!.parameters).toBeUndefined();
  });
});

describe('input validation', () => {
  const input = simpleJson.inputs[0]!;
  const unparsable = "Unable to parse 'data': Shape does not match true shape of 'data' field";

  test.each<[string, string | object, string]>([
    ['no JSON', 'hello', 'failed to parse the request JSON buffer: Invalid value. at 0'],
    ['cut JSON', '{"inputs":[', 'failed to parse the request JSON buffer: Invalid value. at 11'],
    ['more JSON', '{} {}', 'The document root must not be followed by other values. at 3'],
    ['no object', '[1]', 'attempt to access JSON non-object as object'],
    ['no inputs', {}, "attempt to access non-existing object member 'inputs'"],
    ['inputs that are none', { inputs: 3 }, 'attempt to access JSON non-array as array'],
    ['an input that is none', { inputs: [3] }, 'attempt to access JSON non-object as object'],
    [
      'no data',
      { inputs: [{ ...input, data: undefined }] },
      "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But no field is set",
    ],
    [
      'data twice',
      { inputs: [{ ...input, parameters: { binary_data_size: 64 } }] },
      "But set 'data' 'binary_data_size'",
    ],
    ['no name', { inputs: [{ ...input, name: undefined }] }, "Unable to parse 'name'"],
    ['a negative shape', { inputs: [{ ...input, shape: [-1, 16] }] }, "Unable to parse 'shape'"],
    ['a broken shape', { inputs: [{ ...input, shape: [1.5] }] }, "Unable to parse 'shape'"],
    ['a vast shape', { inputs: [{ ...input, shape: [2 ** 40, 2 ** 40] }] }, 'too many elements'],
    ['a large shape', { inputs: [{ ...input, shape: [2 ** 40] }] }, unparsable],
    ['too few data', { inputs: [{ ...input, data: [1] }] }, unparsable],
    ['too many data', { inputs: [{ ...input, data: [...input.data, 1] }] }, unparsable],
    [
      'data of another type',
      { inputs: [{ ...input, data: input.data.map(() => 'x') }] },
      "Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer",
    ],
    [
      'data out of range',
      { inputs: [{ ...input, data: input.data.map(() => 2 ** 31) }] },
      'values from',
    ],
    [
      'an unknown datatype',
      { inputs: [{ ...input, datatype: 'FP8' }] },
      'invalid datatype for input INPUT0',
    ],
    ['an input twice', { inputs: [input, input] }, "input 'INPUT0' already exists in request"],
    [
      'a name of Object.prototype',
      { inputs: [{ ...input, name: '__proto__' }] },
      "unexpected inference input '__proto__'",
    ],
    ['a missing input', { inputs: [input] }, 'expected 2 inputs but got 1 inputs'],
    [
      'an unknown output',
      { ...simpleJson, outputs: [{ name: 'nope' }] },
      "unexpected inference output 'nope'",
    ],
    ['an id that is none', { ...simpleJson, id: 3 }, "Unable to parse 'id'"],
  ])('%s', async (_what, body, words) => {
    const { post, door } = await startDoor();
    const reply = await post(path, body);
    expect([reply.status, reply.headers.get('content-type')]).toEqual([400, 'application/json']);
    expect(reply.error).toContain(words);
    expect(door.inFlight).toBe(0);
  });

  test('text that is not UTF-8', async () => {
    const { post } = await startDoor();
    const body = Buffer.from('{"id":"\xff"}', 'latin1');
    expect((await post(path, body)).error).toContain('Invalid encoding in string');
  });

  test('JSON that nests too deeply', async () => {
    const { post } = await startDoor();
    const deep = '['.repeat(100_000);
    expect((await post(path, `{"inputs":${deep}`)).error).toContain('Nested too deeply');
    const data = '['.repeat(3000) + ']'.repeat(3000);
    const body = `{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1],"data":${data}}]}`;
    expect((await post(path, body)).status).toBe(400);
  });

  test('binary data that do not fit', async () => {
    const { post } = await startDoor();
    const { body, headers } = simpleBinary();
    const short = await post(path, body.subarray(0, -4), headers);
    expect(short.error).toBe(
      "unexpected size for input 'INPUT1', expecting 4 additional bytes for model 'simple'",
    );
    const long = await post(path, Buffer.concat([body, Buffer.alloc(1)]), headers);
    expect(long.error).toBe("unexpected additional input data for model 'simple'");
    const sized = binaryRequest(
      {
        inputs: [
          {
            name: 'INPUT0',
            datatype: 'INT32',
            shape: [1, 16],
            parameters: { binary_data_size: 63 },
          },
        ],
      },
      Buffer.alloc(63),
    );
    expect((await post(path, sized.body, sized.headers)).error).toBe(
      "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 63",
    );
  });

  test.each([
    ['-1', 'inference header size should be in range (0, '],
    ['99999', 'got: 99999'],
    ['abc', 'got: abc'],
    ['1e3', 'got: 1e3'],
    ['99999999999999999999', 'inference header size'],
    ['5', 'failed to parse the request JSON buffer'],
  ])('Inference-Header-Content-Length: %s', async (length, words) => {
    const { post } = await startDoor();
    const { body } = simpleBinary();
    const reply = await post(path, body, { 'Inference-Header-Content-Length': length });
    expect([reply.status, reply.error.includes(words)]).toEqual([400, true]);
  });

  test.each<[string, number[], string]>([
    ['an incomplete length', [1, 0], 'unexpected number of string elements 0'],
    ['a length beyond the end', [9, 0, 0, 0, 65], 'incomplete string data for inference input'],
    ['a vast length', [255, 255, 255, 255, 65], 'expecting string of length 4294967295'],
    ['two elements', [0, 0, 0, 0, 0, 0, 0, 0], 'unexpected number of string elements 2'],
    ['half a second length', [0, 0, 0, 0, 0, 0], 'unexpected number of string elements 2'],
  ])('BYTES with %s', async (_what, data, words) => {
    const { post } = await startDoor();
    const parameters = { binary_data_size: data.length };
    const { body, headers } = binaryRequest(
      { inputs: [{ name: 'INPUT0', datatype: 'BYTES', shape: [1], parameters }] },
      Buffer.from(data),
    );
    const reply = await post('/v2/models/identity_bytes/infer', body, headers);
    expect([reply.status, reply.error]).toEqual([400, expect.stringContaining(words)]);
  });

  test('unknown models and versions are not found; failures of the model are its own', async () => {
    const { post } = await startDoor();
    const unknown = await post('/v2/models/none/infer', simpleJson);
    expect([unknown.status, unknown.error]).toEqual([
      404,
      "Request for unknown model: 'none' is not found",
    ]);
    expect((await post('/v2/models/simple/versions/9/infer', simpleJson)).status).toBe(404);
    const version = await post('/v2/models/simple/versions/x/infer', simpleJson);
    expect(version.status).toBe(400);
    const failing = await post('/v2/models/failing/infer', simpleJson);
    expect([failing.status, failing.error]).toEqual([500, 'failed to launch']);
  });

  test('path tricks in names reach no file and no other route', async () => {
    const { post, service } = await startDoor();
    for (const name of ['..%2F..%2Fetc%2Fpasswd', '%2e%2e', '..', 'a%00b', '%', 'x'.repeat(2000)]) {
      const reply = await post(`/v2/models/${name}/infer`, simpleJson);
      expect([400, 404]).toContain(reply.status);
      const load = await post(`/v2/repository/models/${name}/load`);
      expect([400, 404]).toContain(load.status);
    }
    expect(service.loads.map(({ name }) => name)).toEqual([]);
  });
});

describe('cancellation', () => {
  test('a client that goes away cancels its request', async () => {
    const { url, service, door } = await startDoor();
    const controller = new AbortController();
    const sent = fetch(`${url}/v2/models/slow/infer`, {
      method: 'POST',
      body: JSON.stringify(simpleJson),
      signal: controller.signal,
    });
    await until(() => service.held === 1);
    controller.abort();
    await expect(sent).rejects.toThrow();
    await until(() => service.cancelled === 1 && door.inFlight === 0);
    expect(service.pending).toBe(0);
  });

  test('an answered request is not cancelled when the connection ends', async () => {
    const { port, service } = await startDoor();
    const body = JSON.stringify(simpleJson);
    const text = await rawHttp(
      port,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(text).toContain('200 OK');
    expect(service.requests[0]!.signal!.aborted).toBe(false);
  });
});
