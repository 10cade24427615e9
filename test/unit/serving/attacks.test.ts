// Attacks on both doors of a real server: each is answered with a fault of the client's, none with a fault of the server's, and the server serves afterwards.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelRepository } from '../../../lib/serving/repository/model-repository.js';
import { serve } from '../../../lib/serving/serve.js';
import type { InferenceServer } from '../../../lib/serving/server.js';
import { type Fields, GrpcTestClient, encode } from '../../helpers/grpc-client.js';
import { rawHttp } from '../../helpers/http-door.js';

let server: InferenceServer<ModelRepository>;
let client: GrpcTestClient;
let port: number;

const model = {
  'config.pbtxt': `backend: "js" max_batch_size: 4
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1 ] }, { name: "s" data_type: TYPE_STRING dims: [ -1 ] optional: true } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] } ]
parameters { key: "execution" value { string_value: "process" } }
`,
  '1/model.cjs':
    'exports.execute = (requests) => requests.map(({ inputs }) => ({ outputs: { y: inputs.x } }));',
};
const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-'));

beforeAll(async () => {
  mkdirSync(path.join(folder, 'id', '1'), { recursive: true });
  for (const [file, content] of Object.entries(model)) {
    writeFileSync(path.join(folder, 'id', file), content);
  }
  server = await serve(folder, {
    repository: { runtime: 'reference', controlMode: 'explicit', loadModels: ['*'] },
    http: { port: 0 },
    grpc: { port: 0 },
    metrics: false,
    limits: { maxBodyBytes: 2_000_000 },
    settings: { log: { log_info: false, log_warning: false, log_file: path.join(folder, 'log') } },
  });
  port = server.ports.http!;
  client = new GrpcTestClient(server.ports.grpc!);
});

afterAll(async () => {
  client.close();
  await server.close({ graceMs: 0 });
  rmSync(folder, { recursive: true });
});

const inferPath = '/v2/models/id/infer';

/** Status and body of the last answer; 0: the connection was closed without one. */
async function http(
  body: string | Buffer | object,
  headers: readonly string[] = [],
  url = inferPath,
): Promise<{ status: number; text: string }> {
  const bytes =
    typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : JSON.stringify(body);
  const head = [
    `POST ${url} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    `Content-Length: ${Buffer.byteLength(bytes)}`,
    ...headers,
  ];
  return answerOf(await rawHttp(port, `${head.join('\r\n')}\r\n\r\n`, bytes));
}

function answerOf(text: string): { status: number; text: string } {
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text };
}

const input = (more: object = {}) => ({
  name: 'x',
  datatype: 'FP32',
  shape: [1, 2],
  data: [1, 2],
  ...more,
});
const request = (more: object = {}, rest: object = {}) => ({ inputs: [input(more)], ...rest });
const text = (more: string) =>
  `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}],${more}}`;

/** A JSON header and bytes after it. */
function binary(header: object, bytes: Buffer): [Buffer, string[]] {
  const json = Buffer.from(JSON.stringify(header));
  const body = Buffer.concat([json, bytes]);
  return [body, [`Inference-Header-Content-Length: ${json.length}`]];
}

const sized = (size: unknown, shape: unknown = [1, 2]) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape, parameters: { binary_data_size: size } }],
});
const strings = (size: number, shape: unknown = [1, 1]) => ({
  inputs: [
    input(),
    { name: 's', datatype: 'BYTES', shape, parameters: { binary_data_size: size } },
  ],
});
const region = (parameters: object) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters }],
});
const register = (name: string, body: object) =>
  http(body, [], `/v2/systemsharedmemory/region/${name}/register`);

type Attack = readonly [name: string, send: () => Promise<{ status: number; text: string }>];

const deep = (open: string, close: string, depth = 100_000) =>
  open.repeat(depth) + close.repeat(depth);

const attacks: Attack[] = [
  ...[
    deep('[', ']'),
    deep('{"a":', '}'),
    `{"inputs":${deep('[', ']')}}`,
    text(`"parameters":${deep('{"a":', '}')}`),
    // Short enough to be parsed in an instant.
    deep('[', ']', 30_000),
    `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":${deep('[', ']', 30_000)}}]}`,
    '[',
    '{"inputs":',
    '"',
    'null',
    '{"inputs":[{}]}',
    '{"inputs":{"length":1e9}}',
    text('"inputs":[],"id":"a"'),
    text('"parameters":{"__proto__":{"a":1}}'),
    text('"parameters":{"sequence_id":18446744073709551616}'),
    text(`"id":${'9'.repeat(400_000)}`),
    '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1e400e]}]}',
    '\ufeff{}',
    '{"id":"\\ud800',
  ].map((body): Attack => [`JSON ${body.slice(0, 40)}`, () => http(body)]),
  ...[
    [2 ** 53],
    [1e9, 1e9],
    [2 ** 32 + 1, 2],
    [2 ** 31, 2 ** 31, 4],
    [1, 1e15],
    [-1, 2],
    [1, -2],
    [-1, -2],
    [1.5, 2],
    ['1', 2],
    [1, [2]],
    [],
    null,
    Array.from({ length: 100_000 }, () => 1),
  ].map((shape): Attack => {
    return [`shape ${JSON.stringify(shape).slice(0, 40)}`, () => http(request({ shape }))];
  }),
  ...['__proto__', 'constructor', 'toString', ''].map((name): Attack => {
    return [`input '${name}'`, () => http(request({ name }))];
  }),
  ['inputs twice', () => http({ inputs: [input(), input()] })],
  ['100 000 inputs', () => http({ inputs: Array.from({ length: 50_000 }, () => ({})) })],
  ['output __proto__', () => http(request({}, { outputs: [{ name: '__proto__' }] }))],
  ...[
    { sequence_id: -1 },
    { sequence_id: {} },
    { priority: -1 },
    { priority: 1.5 },
    { priority: 'high' },
    { timeout: -5 },
    { timeout: [] },
    { sequence_start: 1 },
    { binary_data_output: 'yes' },
    { mine: { nested: 1 } },
    { mine: null },
  ].map((parameters): Attack => {
    return [`parameters ${JSON.stringify(parameters)}`, () => http(request({}, { parameters }))];
  }),
  ['parameters []', () => http(request({}, { parameters: [1] }))],
  ...[-1, 7, 9, 1e15, 2 ** 53, '8', null, 1.5].map((size): Attack => {
    return [`binary size ${String(size)}`, () => http(...binary(sized(size), Buffer.alloc(8)))];
  }),
  ['binary shape', () => http(...binary(sized(8, [1, 2 ** 40]), Buffer.alloc(8)))],
  ['bytes after', () => http(...binary(sized(8), Buffer.alloc(9)))],
  ['string length lies', () => http(...binary(strings(5), Buffer.from([255, 255, 255, 255, 1])))],
  ['string cut', () => http(...binary(strings(2), Buffer.from([1, 0])))],
  ['too many strings', () => http(...binary(strings(8), Buffer.alloc(8)))],
  ['a trillion strings', () => http(...binary(strings(4, [1, 1e12]), Buffer.alloc(4)))],
  ...['-1', 'abc', '99999', '+5', '1e1', '0x10', '5, 6', '1'.repeat(400)].map((length): Attack => {
    const header = `Inference-Header-Content-Length: ${length}`;
    return [header.slice(0, 44), () => http(request(), [header])];
  }),
  [
    'header length twice',
    () =>
      http(
        request(),
        [1, 2].map((size) => `Inference-Header-Content-Length: ${size}`),
      ),
  ],
  ['bomb', () => http(gzipSync(Buffer.alloc(30_000_000)), ['Content-Encoding: gzip'])],
  [
    'bomb in a bomb',
    () => http(gzipSync(gzipSync(Buffer.alloc(9_000_000))), ['Content-Encoding: gzip']),
  ],
  ['half a gzip', () => http(gzipSync('{}').subarray(0, 9), ['Content-Encoding: gzip'])],
  ...[
    '..',
    '%2e%2e',
    '..%2f..%2fetc%2fpasswd',
    '%00',
    'id%00',
    '%ff',
    'id%2f1',
    '__proto__',
    'x'.repeat(5000),
  ].flatMap((name): Attack[] => [
    [`model ${name.slice(0, 30)}`, () => http(request(), [], `/v2/models/${name}/infer`)],
    [`load ${name.slice(0, 30)}`, () => http({}, [], `/v2/repository/models/${name}/load`)],
  ]),
  ...['0', '-1', '1.0', '1e0', '99999999999999999999', '%31%00'].map((version): Attack => {
    return [
      `version ${version}`,
      () => http(request(), [], `/v2/models/id/versions/${version}/infer`),
    ];
  }),
  ...[
    { config: 1 },
    { config: '{' },
    { config: '{"name":"id","max_batch_size":1e99}' },
    { config: '{"backend":"js"}', 'file:../../evil': 'AAAA' },
    { config: '{"backend":"js"}', 'file:/etc/evil': 'AAAA' },
    { config: '{"backend":"js"}', 'file:1/model.js': '%%%' },
  ].map((parameters): Attack => {
    const load = '/v2/repository/models/id/load';
    return [`load ${JSON.stringify(parameters)}`, () => http({ parameters }, [], load)];
  }),
  ...['/../../etc/passwd', '../x', '/a/b', '/', '', '.', '..', '\0', 'x'.repeat(5000)].map(
    (key): Attack => [
      `shared memory ${JSON.stringify(key.slice(0, 20))}`,
      () => register('r', { key, offset: 0, byte_size: 8 }),
    ],
  ),
  ...[-1, 0, 2 ** 60, 1.5, '8', null].map((size): Attack => {
    const body = { key: '/trt_node_no_such', offset: size, byte_size: size };
    return [`shared memory of ${String(size)}`, () => register('r', body)];
  }),
  [
    'a region that there is not',
    () => http(region({ shared_memory_region: '../r', shared_memory_byte_size: 8 })),
  ],
  [
    'a region without a size',
    () => http(region({ shared_memory_region: 'r', shared_memory_byte_size: -8 })),
  ],
  [
    'class count',
    () => http(request({}, { outputs: [{ name: 'y', parameters: { classification: -1 } }] })),
  ],
  [
    'two lengths of a body (smuggling)',
    async () =>
      answerOf(
        await rawHttp(
          port,
          `POST ${inferPath} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
        ),
      ),
  ],
  [
    'a chunk that is none',
    async () =>
      answerOf(
        await rawHttp(
          port,
          `POST ${inferPath} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`,
        ),
      ),
  ],
  ['a header of 20 KB', () => http(request(), [`X-A: ${'a'.repeat(20_000)}`])],
  ['a header with a line break in it', () => http(request(), ['X-A: a\rX-B: b'])],
];

async function stillServes(): Promise<void> {
  const answer = await http(request());
  expect(answer.status, answer.text).toBe(200);
  const response = await client.unary('ModelInfer', grpcRequest());
  expect((response.raw_output_contents as Buffer[])[0]).toHaveLength(8);
}

test.each(attacks)('HTTP: %s', async (_name, send) => {
  const { status, text: answer } = await send();
  expect(status, answer.slice(-500)).toBeGreaterThanOrEqual(400);
  // 501: not supported, by name; 503: not now.
  // Loading what there is not is Triton's INTERNAL.
  if (!answer.includes('failed to poll')) expect(status, answer.slice(-500)).not.toBe(500);
  expect(answer).not.toMatch(/ at .*\.(js|ts):\d/);
});

function grpcRequest(more: Fields = {}, of: Fields = {}): Fields {
  return {
    model_name: 'id',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], ...of }],
    raw_input_contents: [Buffer.alloc(8)],
    ...more,
  };
}

/** Field `number` with `bytes` after its length, which may lie. */
function field(number: number, bytes: Buffer, length = bytes.length): Buffer {
  const head = [(number << 3) | 2];
  let rest = length;
  for (; rest > 127; rest = Math.floor(rest / 128)) head.push((rest % 128) | 128);
  head.push(rest);
  return Buffer.concat([Buffer.from(head), bytes]);
}

function nested(depth: number): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) bytes = field(5, bytes);
  return bytes;
}

const valid = encode('inference.ModelInferRequest', grpcRequest());

const messages: (readonly [name: string, message: Buffer])[] = [
  ['empty', Buffer.alloc(0)],
  ['truncated', valid.subarray(0, -3)],
  ['one byte', Buffer.from([0x0a])],
  ['a length beyond the end', field(1, Buffer.from('id'), 2 ** 31)],
  ['a length of 2^40', field(1, Buffer.from('id'), 2 ** 40)],
  ['an endless varint', Buffer.alloc(64, 0xff)],
  ['field number 0', Buffer.from([0x02, 0x00])],
  ['a group that does not end', Buffer.from([0x0b])],
  ['an end of a group', Buffer.from([0x0c])],
  ['wire type 7', Buffer.from([0x0f])],
  ['messages in messages', nested(2000)],
  ['a name that is no UTF-8', field(1, Buffer.from([0xc3, 0x28]))],
  ['no bytes', Buffer.concat(Array.from({ length: 50_000 }, () => field(5, Buffer.alloc(0))))],
  ['noise', Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 193) % 256))],
];

const requests: (readonly [name: string, fields: Fields])[] = [
  ...[
    [2 ** 52, 2 ** 52],
    [1, -2],
    [-1, -2],
    [],
    [2 ** 32 + 1, 2],
    [1, 2, 1],
    Array.from({ length: 10_000 }, () => 1),
  ].map(
    (shape) => [`shape ${JSON.stringify(shape).slice(0, 40)}`, grpcRequest({}, { shape })] as const,
  ),
  ...['..', '../../etc', '\0', '__proto__', 'id/1', '', 'x'.repeat(100_000)].map(
    (name) =>
      [`model ${JSON.stringify(name.slice(0, 20))}`, grpcRequest({ model_name: name })] as const,
  ),
  ...['0', '-2', '1.5', 'x', '9'.repeat(50)].map(
    (version) => [`version ${version}`, grpcRequest({ model_version: version })] as const,
  ),
  ['input __proto__', grpcRequest({}, { name: '__proto__' })],
  ['datatype', grpcRequest({}, { datatype: '__proto__' })],
  [
    'inputs twice',
    grpcRequest({ inputs: [1, 2].map(() => ({ name: 'x', datatype: 'FP32', shape: [1, 1] })) }),
  ],
  ['raw bytes too few', grpcRequest({ raw_input_contents: [Buffer.alloc(7)] })],
  ['raw bytes of nobody', grpcRequest({ raw_input_contents: [Buffer.alloc(8), Buffer.alloc(8)] })],
  ['raw and typed', grpcRequest({}, { contents: { fp32_contents: [1, 2] } })],
  [
    'typed, of another type',
    grpcRequest({ raw_input_contents: [] }, { contents: { int_contents: [1, 2] } }),
  ],
  [
    'typed, too many',
    grpcRequest({ raw_input_contents: [] }, { contents: { fp32_contents: [1, 2, 3] } }),
  ],
  ...[
    { sequence_id: { bool_param: true } },
    { priority: { string_param: 'high' } },
    { timeout: { double_param: -1 } },
    { sequence_start: { int64_param: 1 } },
    { mine: {} },
  ].map(
    (parameters) =>
      [`parameters ${JSON.stringify(parameters)}`, grpcRequest({ parameters })] as const,
  ),
  [
    'shared memory that there is not',
    grpcRequest(
      { raw_input_contents: [] },
      {
        parameters: {
          shared_memory_region: { string_param: '../r' },
          shared_memory_byte_size: { int64_param: -8 },
        },
      },
    ),
  ],
  ['output that there is not', grpcRequest({ outputs: [{ name: 'constructor' }] })],
];

/** What a client's mistake may be answered with; INTERNAL is gRPC's own for bytes that are no message. */
const faults = [
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'UNIMPLEMENTED',
  'RESOURCE_EXHAUSTED',
  'UNAVAILABLE',
];

async function codeOf(call: Promise<unknown>): Promise<{ code: string; details: string }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown as grpc.ServiceError,
  );
  return { code: grpc.status[error?.code ?? 0] ?? '', details: error?.details ?? '' };
}

describe('gRPC', () => {
  test.each(messages)('a message: %s', async (_name, message) => {
    for (const method of ['ModelInfer', 'RepositoryModelLoad', 'SystemSharedMemoryRegister']) {
      const { code, details } = await codeOf(client.raw(method, message));
      if (code === 'INTERNAL') expect(details).toMatch(/message|protobuf|pars|field|wire/i);
      else expect(faults, `${method}: ${details}`).toContain(code);
      expect(details).not.toBe('internal error');
    }
  });

  test.each(requests)('%s', async (_name, fields) => {
    const { code, details } = await codeOf(client.unary('ModelInfer', fields));
    expect(faults, details).toContain(code);
  });

  test.each([
    ['RepositoryModelLoad', { model_name: '../../etc' }],
    ['RepositoryModelLoad', { model_name: 'id', parameters: { config: { int64_param: 1 } } }],
    ['ModelConfig', { name: '..', version: '1' }],
    ['ModelMetadata', { name: 'id', version: 'x' }],
    ['SystemSharedMemoryRegister', { name: 'r', key: '/../../etc/passwd', byte_size: 8 }],
    ['SystemSharedMemoryRegister', { name: 'r', key: '/a/b', offset: 2 ** 52, byte_size: 2 ** 52 }],
    ['SystemSharedMemoryStatus', { name: '../r' }],
    ['CudaSharedMemoryRegister', { name: 'r', raw_handle: Buffer.alloc(3), byte_size: 8 }],
    ['TraceSetting', { settings: { trace_rate: { value: ['x'] } } }],
    ['LogSettings', { settings: { log_file: { string_param: '/etc/passwd' } } }],
  ] as const)('%s %o', async (method, fields) => {
    const { code, details } = await codeOf(client.unary(method, fields));
    expect(faults, details).toContain(code);
  });
});

test('the server serves afterwards, and holds nothing of them', async () => {
  await stillServes();
  await expect.poll(() => server.inFlight, { timeout: 5000 }).toBe(0);
  const log = readFileSync(path.join(folder, 'log'), 'utf8').split('\n');
  expect(log.filter((line) => line !== '' && !line.includes('failed to poll'))).toEqual([]);

  const { pending } = server.repository.model('id');
  expect(pending).toBe(0);
});
