// The hand-written coding of ModelInferRequest and ModelInferResponse against protobufjs, and under damaged bytes.

import { describe, expect, it } from 'vitest';
import { InferTensor } from '../../../lib/serving/infer-tensor.js';
import { tensorOfContents } from '../../../lib/serving/grpc/infer-contents.js';
import { type InferParameter, decodeInferRequest } from '../../../lib/serving/grpc/infer-decode.js';
import {
  encodeInferResponse,
  encodeStreamError,
  encodeStreamResponse,
} from '../../../lib/serving/grpc/infer-encode.js';
import { GrpcError, encodeStatusMessage } from '../../../lib/serving/grpc/status.js';
import { decode, encode } from '../../helpers/grpc-client.js';

/** Mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

const words = ['', 'a', 'INPUT0', 'ünïcödé', '模型', 'x'.repeat(200)];

function randomParameter(random: (below: number) => number): Record<string, unknown> {
  return [
    { bool_param: random(2) === 1 },
    { int64_param: random(2) === 1 ? -random(1e9) : random(1e9) },
    { string_param: words[random(words.length)] },
    { double_param: random(1000) / 7 },
    { uint64_param: random(1e9) },
  ][random(5)]!;
}

function randomParameters(random: (below: number) => number): Record<string, unknown> {
  const count = random(3);
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`key${index}`, randomParameter(random)]),
  );
}

function randomBytes(random: (below: number) => number): Buffer {
  return Buffer.from(Array.from({ length: random(300) }, () => random(256)));
}

function randomRequest(random: (below: number) => number): Record<string, unknown> {
  return {
    model_name: words[random(words.length)],
    model_version: words[random(words.length)],
    id: words[random(words.length)],
    parameters: randomParameters(random),
    inputs: Array.from({ length: random(4) }, () => ({
      name: words[random(words.length)],
      datatype: 'FP32',
      shape: Array.from({ length: random(5) }, () => random(3) - 1 + random(2) * 1e10),
      parameters: randomParameters(random),
    })),
    outputs: Array.from({ length: random(3) }, () => ({
      name: words[random(words.length)],
      parameters: randomParameters(random),
    })),
    raw_input_contents: Array.from({ length: random(4) }, () => randomBytes(random)),
  };
}

function plainParameter(parameter: InferParameter): Record<string, unknown> {
  const value = parameter!.value;
  return { [`${parameter!.type}_param`]: typeof value === 'bigint' ? Number(value) : value };
}

function plainParameters(map: ReadonlyMap<string, InferParameter>): Record<string, unknown> {
  return Object.fromEntries([...map].map(([key, value]) => [key, plainParameter(value)]));
}

describe('ModelInferRequest', () => {
  it('is decoded as protobufjs encodes it', () => {
    const random = randomOf(1);
    for (let round = 0; round < 500; round++) {
      const request = randomRequest(random);
      const got = decodeInferRequest(encode('inference.ModelInferRequest', request));
      expect({
        model_name: got.modelName,
        model_version: got.modelVersion,
        id: got.id,
        parameters: plainParameters(got.parameters),
        inputs: got.inputs.map(({ name, datatype, shape, parameters }) => ({
          name,
          datatype,
          shape,
          parameters: plainParameters(parameters),
        })),
        outputs: got.outputs.map(({ name, parameters }) => ({
          name,
          parameters: plainParameters(parameters),
        })),
        raw_input_contents: got.raw,
      }).toEqual(request);
    }
  });

  it('keeps tensors as views of the message', () => {
    const message = encode('inference.ModelInferRequest', {
      raw_input_contents: [Buffer.from('tensor')],
    });
    const [raw] = decodeInferRequest(message).raw;
    expect(raw!.toString()).toBe('tensor');
    expect(raw!.buffer).toBe(message.buffer);
  });

  it('passes over unknown fields and groups', () => {
    const known = encode('inference.ModelInferRequest', { model_name: 'simple' });
    // 100: varint; 101: 64 bits; 102: bytes; 103: a group with a field; 104: 32 bits.
    const unknown = Buffer.from([
      0xa0, 0x06, 0x96, 0x01, 0xa9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xb2, 0x06, 2, 9, 9, 0xbb, 0x06,
      0x08, 1, 0xbc, 0x06, 0xc5, 0x06, 1, 2, 3, 4,
    ]);
    expect(decodeInferRequest(Buffer.concat([unknown, known, unknown])).modelName).toBe('simple');
  });

  it('survives any damage: a request or a GrpcError, never anything else', () => {
    const random = randomOf(2);
    let refused = 0;
    for (let round = 0; round < 5000; round++) {
      let bytes = encode('inference.ModelInferRequest', randomRequest(random));
      if (bytes.length === 0) continue;
      const kind = random(3);
      if (kind === 0) bytes = bytes.subarray(0, random(bytes.length));
      else {
        const flips = 1 + random(8);
        for (let flip = 0; flip < flips; flip++) bytes[random(bytes.length)] = random(256);
      }
      try {
        decodeInferRequest(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(GrpcError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  it.each([
    ['a length beyond the end', [0x0a, 0x7f, 0x41]],
    ['a varint that does not end', Array<number>(12).fill(0xff)],
    ['a string that is not UTF-8', [0x0a, 2, 0xc3, 0x28]],
    ['field number 0', [0x02, 0]],
    ['a group without an end', [0xbb, 0x06]],
    ['the end of another group', [0xbb, 0x06, 0xc4, 0x06]],
    ['nested groups without end', Array.from({ length: 4000 }, (_, i) => (i % 2 ? 0x06 : 0xbb))],
    ['a wire type that is none', [0x0f]],
    ['a tensor shape of fixed numbers', [0x2a, 5, 0x1a, 3, 0xff, 0xff, 0xff]],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeInferRequest(Buffer.from(bytes))).toThrow(GrpcError);
  });
});

describe('InferTensorContents', () => {
  const cases: [string, string, unknown[]][] = [
    ['BOOL', 'bool_contents', [true, false, true]],
    ['INT8', 'int_contents', [-128, 0, 127]],
    ['INT16', 'int_contents', [-32768, 5]],
    ['INT32', 'int_contents', [-2147483648, 2147483647, 0]],
    ['INT64', 'int64_contents', [-5, 9007199254740991]],
    ['UINT8', 'uint_contents', [0, 255]],
    ['UINT16', 'uint_contents', [65535]],
    ['UINT32', 'uint_contents', [4294967295, 1]],
    ['UINT64', 'uint64_contents', [9007199254740991]],
    ['FP32', 'fp32_contents', [1.5, -2, 0]],
    ['FP64', 'fp64_contents', [0.1, -1e300]],
  ];

  it.each(cases)('%s comes from %s', (datatype, field, values) => {
    const decoded = decodeInferRequest(
      encode('inference.ModelInferRequest', {
        inputs: [{ name: 'A', datatype, shape: [values.length], contents: { [field]: values } }],
      }),
    );
    const input = decoded.inputs[0]!;
    const { tensor, count } = tensorOfContents(input, datatype as 'FP32', input.contents!, 'm');
    expect(count).toBe(values.length);
    expect(Array.from(tensor.data as Float32Array, Number)).toEqual(values.map(Number));
  });

  it('elements that are not packed, in several pieces, are the same', () => {
    // fp32_contents: two elements one by one, then two packed.
    const contents = Buffer.from([
      0x35, 0, 0, 0x80, 0x3f, 0x35, 0, 0, 0, 0x40, 0x32, 8, 0, 0, 0x40,
    ]);
    const rest = Buffer.from([0x40, 0, 0, 0x80, 0x40]);
    const whole = Buffer.concat([contents, rest]);
    const input = Buffer.concat([Buffer.from([0x2a, whole.length]), whole]);
    const message = Buffer.concat([Buffer.from([0x2a, input.length]), input]);
    const [decoded] = decodeInferRequest(message).inputs;
    const { tensor } = tensorOfContents(decoded!, 'FP32', decoded!.contents!, 'm');
    expect(Array.from(tensor.data as Float32Array)).toEqual([1, 2, 3, 4]);
  });
});

describe('ModelInferResponse', () => {
  function responseOf(large: boolean) {
    const size = large ? 5000 : 3;
    return {
      modelName: 'mödel',
      modelVersion: '3',
      id: 'i'.repeat(300),
      parameters: { flag: true, count: -7, big: 2n ** 63n, text: 'ü', half: 0.5, none: false },
      outputs: [
        {
          name: 'OUTPUT0',
          tensor: new InferTensor('FP32', new Float32Array(size).fill(2.5), [size]),
          elsewhere: false,
        },
        { name: 'shared', tensor: new InferTensor('INT8', new Int8Array(4), [4]), elsewhere: true },
        {
          name: 'strings',
          tensor: new InferTensor('BYTES', [Buffer.from('ab'), Buffer.from('')], [1, 2]),
          elsewhere: false,
        },
        {
          name: 'scalar',
          tensor: new InferTensor('UINT8', Uint8Array.of(9), []),
          elsewhere: false,
        },
      ],
    };
  }

  function messageOf(pieces: readonly Uint8Array[]): Buffer {
    const whole = Buffer.concat(pieces);
    expect(whole[0]).toBe(0);
    expect(whole.readUInt32BE(1)).toBe(whole.length - 5);
    return whole.subarray(5);
  }

  it.each([false, true])('is encoded as protobufjs decodes it (large: %s)', (large) => {
    const response = responseOf(large);
    const decoded = decode(
      'inference.ModelInferResponse',
      messageOf(encodeInferResponse(response)),
    );
    expect(decoded).toMatchObject({
      model_name: 'mödel',
      model_version: '3',
      id: response.id,
      parameters: {
        flag: { bool_param: true },
        count: { int64_param: -7 },
        big: { uint64_param: 2 ** 63 },
        text: { string_param: 'ü' },
        half: { double_param: 0.5 },
        none: { bool_param: false },
      },
      outputs: [
        { name: 'OUTPUT0', datatype: 'FP32', shape: [large ? 5000 : 3] },
        { name: 'shared', datatype: 'INT8', shape: [4] },
        { name: 'strings', datatype: 'BYTES', shape: [1, 2] },
        { name: 'scalar', datatype: 'UINT8', shape: [] },
      ],
    });
    const raw = decoded.raw_output_contents as Buffer[];
    expect(raw.map((each) => each.length)).toEqual([large ? 20_000 : 12, 0, 10, 1]);
    expect(raw[0]!.readFloatLE(raw[0]!.length - 4)).toBe(2.5);
    const stream = decode(
      'inference.ModelStreamInferResponse',
      messageOf(encodeStreamResponse(response)),
    );
    expect(stream).toMatchObject({ error_message: '', infer_response: decoded });
  });

  it('does not copy large tensors', () => {
    const response = responseOf(true);
    const pieces = encodeInferResponse(response);
    const { tensor } = response.outputs[0]!;
    expect(pieces.some((piece) => piece.buffer === tensor.bytes.buffer)).toBe(true);
  });

  it('a stream error has the words and the id', () => {
    const decoded = decode(
      'inference.ModelStreamInferResponse',
      messageOf(encodeStreamError('it fäils', 'my id')),
    );
    expect(decoded).toMatchObject({ error_message: 'it fäils', infer_response: { id: 'my id' } });
  });
});

it('status messages are percent-encoded UTF-8', () => {
  expect(encodeStatusMessage("it's 100% ok\n")).toBe("it's 100%25 ok%0A");
  expect(encodeStatusMessage('ü')).toBe('%C3%BC');
  // Clients take no long headers.
  expect(encodeStatusMessage('x'.repeat(4001))).toBe(`${'x'.repeat(4000)}...`);
  const long = encodeStatusMessage('模'.repeat(5000));
  expect(long.length).toBeLessThan(4020);
  expect(decodeURIComponent(long)).toMatch(/^模+\.\.\.$/);
});
