// The gRPC door over a fake service: L0_grpc, L0_client_timeout, L0_request_cancellation, L0_data_compression and the security of both.

import * as grpc from '@grpc/grpc-js';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GrpcDoor, createGrpcServer } from '../../../lib/serving/grpc/server.js';
import type { GrpcServerOptions } from '../../../lib/serving/grpc/server.js';
import { ServerSettings } from '../../../lib/serving/settings.js';
import { GrpcTestClient, encode, int32, simpleRequest } from '../../helpers/grpc-client.js';
import type { Fields } from '../../helpers/grpc-client.js';
import { FakeService } from '../../helpers/serving-service.js';
import { tempFolder } from '../../helpers/temp.js';

const health = 'grpc.health.v1.Health';

const inferHeaders = {
  ':method': 'POST',
  ':path': '/inference.GRPCInferenceService/ModelInfer',
  'content-type': 'application/grpc',
};

/** A message with gRPC's prefix. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

let service: FakeService;
let settings: ServerSettings;
let door: GrpcDoor;
let port: number;
let client: GrpcTestClient;
const clients: GrpcTestClient[] = [];

function newClient(credentials?: grpc.ChannelCredentials, options?: grpc.ClientOptions) {
  const made = new GrpcTestClient(port, credentials, options);
  clients.push(made);
  return made;
}

async function start(options: GrpcServerOptions = {}): Promise<void> {
  await door.close();
  door = createGrpcServer(service, { settings, ...options });
  ({ port } = await door.listen(0));
  client = newClient();
}

beforeEach(async () => {
  service = new FakeService();
  settings = new ServerSettings({ log: { log_error: false } });
  door = createGrpcServer(service, { settings });
  ({ port } = await door.listen(0));
  client = newClient();
});

afterEach(async () => {
  for (const each of clients.splice(0)) each.close();
  await door.close();
  settings.close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a call fails with. */
async function failure(call: Promise<unknown>): Promise<{ code: grpc.status; details: string }> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as grpc.ServiceError;
    return { code, details };
  }
  throw new Error('expected the call to fail');
}

async function refused(fields: Fields, code: grpc.status, words: string | RegExp): Promise<void> {
  const error = await failure(client.unary('ModelInfer', fields));
  expect([grpc.status[error.code], error.details]).toEqual([
    grpc.status[code],
    typeof words === 'string' ? words : (expect.stringMatching(words) as string),
  ]);
}

function outputsOf(response: Fields): Record<string, number[]> {
  const outputs = response.outputs as { name: string }[];
  const raw = response.raw_output_contents as Buffer[];
  return Object.fromEntries(
    outputs.map(({ name }, index) => {
      const bytes = raw[index]!;
      return [
        name,
        Array.from({ length: bytes.length / 4 }, (_, element) => bytes.readInt32LE(element * 4)),
      ];
    }),
  );
}

const sums = Array.from({ length: 16 }, (_, index) => index + 1);
const { INVALID_ARGUMENT } = grpc.status;

describe('ModelInfer', () => {
  it('answers with raw contents, id, version and shapes', async () => {
    const response = await client.unary('ModelInfer', simpleRequest('simple', { id: 'mine' }));
    expect(response).toMatchObject({
      model_name: 'simple',
      model_version: '3',
      id: 'mine',
      outputs: [
        { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 16] },
        { name: 'OUTPUT1', datatype: 'INT32', shape: [1, 16] },
      ],
    });
    expect(outputsOf(response).OUTPUT0).toEqual(sums);
  });

  it('takes typed contents', async () => {
    const input = (name: string, value: number) => ({
      name,
      datatype: 'INT32',
      shape: [1, 16],
      contents: { int_contents: Array<number>(16).fill(value) },
    });
    const response = await client.unary('ModelInfer', {
      model_name: 'simple',
      inputs: [input('INPUT0', 40), input('INPUT1', 2)],
    });
    expect(outputsOf(response).OUTPUT0).toEqual(Array(16).fill(42));
  });

  it('takes strings both ways', async () => {
    const input = { name: 'INPUT0', datatype: 'BYTES', shape: [2] };
    const typed = await client.unary('ModelInfer', {
      model_name: 'identity_bytes',
      inputs: [{ ...input, contents: { bytes_contents: [Buffer.from('ab'), Buffer.from('c')] } }],
    });
    const serialized = Buffer.from('\x02\0\0\0ab\x01\0\0\0c');
    expect(typed.raw_output_contents).toEqual([serialized]);
    const raw = await client.unary('ModelInfer', {
      model_name: 'identity_bytes',
      inputs: [input],
      raw_input_contents: [serialized],
    });
    expect(raw.raw_output_contents).toEqual([serialized]);
  });

  it('hands parameters on: sequence, priority, timeout, the own ones', async () => {
    await client.unary(
      'ModelInfer',
      simpleRequest('simple', {
        model_version: '1',
        parameters: {
          sequence_id: { string_param: 'seq' },
          sequence_start: { bool_param: true },
          sequence_end: { bool_param: false },
          priority: { uint64_param: 2 },
          timeout: { int64_param: 1500 },
          own: { double_param: 0.5 },
        },
        outputs: [{ name: 'OUTPUT1' }],
      }),
    );
    expect(service.requests[0]).toMatchObject({
      version: '1',
      sequenceId: 'seq',
      sequenceStart: true,
      sequenceEnd: false,
      priority: 2,
      timeoutMs: 1.5,
      parameters: { own: 0.5 },
      outputs: ['OUTPUT1'],
    });
  });

  it('keeps sequence ids of 64 bits exact', async () => {
    const sequence_id = { int64_param: (2n ** 62n + 1n).toString() };
    await client.unary('ModelInfer', simpleRequest('simple', { parameters: { sequence_id } }));
    expect(service.requests[0]!.sequenceId).toBe(2n ** 62n + 1n);
  });

  it('classifies', async () => {
    const scores = Buffer.from(Float32Array.of(0.1, 0.7, 0.2, 0).buffer);
    const response = await client.unary('ModelInfer', {
      model_name: 'classifier',
      inputs: [{ name: 'scores', datatype: 'FP32', shape: [1, 4] }],
      outputs: [{ name: 'probabilities', parameters: { classification: { int64_param: 2 } } }],
      raw_input_contents: [scores],
    });
    expect(response.outputs).toMatchObject([{ datatype: 'BYTES', shape: [1, 2] }]);
    const [bytes] = response.raw_output_contents as Buffer[];
    expect(bytes!.toString('latin1')).toContain('0.700000:1:dog');
  });

  it('reads and compresses what both sides can', async () => {
    await start({ inferResponseCompressionLevel: 'high' });
    const gzip = newClient(undefined, {
      'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
    });
    const response = await gzip.unary('ModelInfer', simpleRequest());
    expect(outputsOf(response).OUTPUT0).toEqual(sums);
    const [headers, first] = await answerTo({ 'grpc-accept-encoding': 'identity,gzip' });
    expect([headers['grpc-encoding'], first]).toEqual(['gzip', 1]);
    const [plain, flag] = await answerTo({ 'grpc-accept-encoding': 'identity' });
    expect([plain['grpc-encoding'], flag]).toEqual([undefined, 0]);
  });

  /** Headers and first byte of the answer, seen by a client that does nothing for itself. */
  async function answerTo(
    more: Record<string, string>,
  ): Promise<[Record<string, unknown>, number]> {
    const session = connect(`http://localhost:${port}`);
    const stream = session.request({ ...inferHeaders, ...more });
    stream.end(framed(encode('inference.ModelInferRequest', simpleRequest())));
    const headers = new Promise<Record<string, unknown>>((resolve) => {
      stream.on('response', resolve);
    });
    const first = new Promise<number>((resolve) => {
      stream.once('data', (chunk: Buffer) => {
        resolve(chunk[0]!);
      });
    });
    const answer: [Record<string, unknown>, number] = [await headers, await first];
    session.destroy();
    return answer;
  }
});

describe("bad requests get Triton's words and codes", () => {
  const one = { name: 'INPUT0', datatype: 'INT32', shape: [1, 16] };
  const ones = int32(...Array<number>(16).fill(1));
  const with_ = (parameters: Fields) => simpleRequest('simple', { parameters });

  it('unknown models, versions and methods', async () => {
    await refused(simpleRequest('missing'), grpc.status.NOT_FOUND, /'missing' is not found/);
    const version = simpleRequest('simple', { model_version: '9' });
    await refused(version, grpc.status.NOT_FOUND, /version 9 is not found/);
    const unknown = client.raw('NoSuchMethod', Buffer.alloc(0));
    expect((await failure(unknown)).code).toBe(grpc.status.UNIMPLEMENTED);
  });

  it('models that fail', async () => {
    await refused(simpleRequest('failing'), grpc.status.INTERNAL, 'failed to launch');
  });

  it('data in two ways, in none, too much and too little', async () => {
    const contents = { int_contents: Array<number>(16).fill(1) };
    const request = (input: Fields, raw: Buffer[]) => ({
      model_name: 'simple',
      inputs: [input],
      raw_input_contents: raw,
    });
    await refused(
      request({ ...one, contents }, [ones]),
      INVALID_ARGUMENT,
      "contents field must not be specified when using raw_input_contents for 'INPUT0' for model 'simple'",
    );
    await refused(
      request(one, []),
      INVALID_ARGUMENT,
      "unable to find data for input tensor 'INPUT0' for model 'simple' in request.",
    );
    await refused(
      request(one, [ones, ones]),
      INVALID_ARGUMENT,
      /2 raw_input_contents for 1 inputs/,
    );
    await refused(
      request(one, [ones.subarray(4)]),
      INVALID_ARGUMENT,
      "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 60",
    );
    await refused(
      request({ ...one, contents: { fp32_contents: [1] } }, []),
      INVALID_ARGUMENT,
      "unexpected explicit tensor data for input tensor 'INPUT0' for model 'simple' of type 'FP32', expected datatype 'INT32'",
    );
    await refused(
      request({ ...one, contents: { ...contents, fp32_contents: [1] } }, []),
      INVALID_ARGUMENT,
      "unexpected explicit tensor data for input tensor 'INPUT0' for model 'simple', binary data was already supplied.",
    );
  });

  it('shapes, datatypes and names that cannot be', async () => {
    const request = (input: Fields, raw = ones) => ({
      model_name: 'simple',
      inputs: [{ ...one, ...input }],
      raw_input_contents: [raw],
    });
    await refused(request({ shape: [-1, 16] }), INVALID_ARGUMENT, /dimensions must be 0 or more/);
    await refused(request({ shape: [2 ** 40, 2 ** 40] }), INVALID_ARGUMENT, /too many elements/);
    await refused(request({ datatype: 'INT33' }), INVALID_ARGUMENT, /unknown datatype 'INT33'/);
    await refused(request({ name: '__proto__' }), INVALID_ARGUMENT, /unexpected inference input/);
    const twice = { ...request({}), inputs: [one, one], raw_input_contents: [ones, ones] };
    await refused(twice, INVALID_ARGUMENT, "input 'INPUT0' already exists in request");
  });

  it('strings whose lengths lie', async () => {
    const request = (raw: Buffer) => ({
      model_name: 'identity_bytes',
      inputs: [{ name: 'INPUT0', datatype: 'BYTES', shape: [1] }],
      raw_input_contents: [raw],
    });
    const lie = Buffer.from([0xff, 0xff, 0xff, 0x7f, 65]);
    await refused(request(lie), INVALID_ARGUMENT, /incomplete string data/);
    await refused(request(Buffer.alloc(3)), INVALID_ARGUMENT, /string/);
  });

  it.each([
    [
      { sequence_id: { bool_param: true } },
      /'sequence_id' parameter, expected int64_param or string/,
    ],
    [{ sequence_start: { int64_param: 1 } }, /'sequence_start' parameter, expected bool_param/],
    [
      { priority: { string_param: 'high' } },
      /'priority' parameter, expected int64_param or uint64/,
    ],
    [{ priority: { int64_param: -1 } }, /'priority', expected value >= 0/],
    [{ timeout: { string_param: '1' } }, /'timeout' parameter, expected int64_param/],
    [{ triton_own: { bool_param: true } }, /'triton_' are reserved/],
    [{ own: {} }, /'own' parameter, expected int64_param, bool_param, or string_param/],
  ])('parameters: %j', async (parameters, words) => {
    await refused(with_(parameters), INVALID_ARGUMENT, words);
  });

  it('shared memory that is not there, and parameters that lack their others', async () => {
    const request = (parameters: Fields) => ({
      model_name: 'simple',
      inputs: [{ ...one, parameters }],
    });
    const region = { shared_memory_region: { string_param: 'none' } };
    await refused(request(region), INVALID_ARGUMENT, /'shared_memory_byte_size' must be specified/);
    const bytes = { shared_memory_byte_size: { int64_param: 64 } };
    await refused(request(bytes), INVALID_ARGUMENT, /without 'shared_memory_region'/);
    await refused(request({ ...region, ...bytes }), grpc.status.NOT_FOUND, /Unable to find/);
  });

  it('bytes that are no message', async () => {
    const error = await failure(client.raw('ModelInfer', Buffer.from([0x0a, 0x7f])));
    expect(error.code).toBe(grpc.status.INTERNAL);
    const other = await failure(client.raw('ModelConfig', Buffer.from([0x0f])));
    expect(other.code).toBe(grpc.status.INTERNAL);
    expect(outputsOf(await client.unary('ModelInfer', simpleRequest())).OUTPUT0).toEqual(sums);
  });
});

describe('limits', () => {
  it('messages that are too large are refused before they have come', async () => {
    await start({ limits: { maxBodyBytes: 1000 } });
    const large = simpleRequest('simple', { id: 'x'.repeat(2000) });
    await refused(large, grpc.status.RESOURCE_EXHAUSTED, /larger than max \(\d+ vs\. 1000\)/);
    const gzip = newClient(undefined, {
      'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
    });
    const bomb = await failure(gzip.unary('ModelInfer', large));
    expect(bomb.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(service.requests).toHaveLength(0);
  });

  it('more requests than may be in flight are UNAVAILABLE at once', async () => {
    await start({ limits: { maxConcurrentRequests: 2 } });
    const held = [1, 2].map(() => client.unary('ModelInfer', simpleRequest('slow')));
    await until(() => service.held === 2);
    expect(door.inFlight).toBe(2);
    await refused(simpleRequest(), grpc.status.UNAVAILABLE, /2 requests in flight/);
    service.release();
    await Promise.all(held);
    expect(door.inFlight).toBe(0);
  });

  it('more tensors than may be', async () => {
    await start({ limits: { maxTensors: 1 } });
    await refused(simpleRequest(), INVALID_ARGUMENT, /the limit of each is 1/);
  });

  it('what is no gRPC is refused and harms nobody', async () => {
    const session = connect(`http://localhost:${port}`);
    const statusOf = (headers: Record<string, string>) =>
      new Promise((resolve, reject) => {
        const stream = session.request(headers);
        stream.on('response', (answer) => {
          resolve(answer[':status']);
        });
        stream.on('error', reject);
        if (headers[':method'] === 'POST') stream.end('{}');
      });
    expect(await statusOf({ ':method': 'GET', ':path': '/' })).toBe(405);
    const json = { ':method': 'POST', ':path': '/', 'content-type': 'application/json' };
    expect(await statusOf(json)).toBe(415);
    session.close();
    const socket = connectSocket(port, '127.0.0.1');
    await new Promise<void>((resolve) => {
      socket.on('close', () => {
        resolve();
      });
      socket.on('error', () => undefined);
      socket.resume();
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    expect(outputsOf(await client.unary('ModelInfer', simpleRequest())).OUTPUT0).toEqual(sums);
  });

  it('a call that ends within a message', async () => {
    const session = connect(`http://localhost:${port}`);
    const stream = session.request(inferHeaders);
    const status = new Promise((resolve) => {
      stream.on('response', (headers) => {
        resolve(headers['grpc-status']);
      });
    });
    stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
    expect(await status).toBe(String(grpc.status.INTERNAL));
    session.close();
  });
});

describe('deadlines and cancellation', () => {
  it('a deadline that passes takes the request out of the queue', async () => {
    const call = client.unary('ModelInfer', simpleRequest('slow'), { deadline: Date.now() + 100 });
    expect((await failure(call)).code).toBe(grpc.status.DEADLINE_EXCEEDED);
    await until(() => service.cancelled === 1);
    expect(service.pending).toBe(0);
  });

  it('the server itself tells that the deadline has passed', async () => {
    const session = connect(`http://localhost:${port}`);
    const stream = session.request({ ...inferHeaders, 'grpc-timeout': '50m' });
    stream.end(framed(encode('inference.ModelInferRequest', simpleRequest('slow'))));
    const headers = await new Promise<Record<string, unknown>>((resolve) => {
      stream.on('response', (given) => {
        resolve(given);
      });
    });
    expect(headers['grpc-status']).toBe('4');
    expect(headers['grpc-message']).toBe('Deadline Exceeded');
    await until(() => service.cancelled === 1);
    session.close();
  });

  it('a client that cancels, or goes away, takes its requests with it', async () => {
    const call = client.unary('ModelInfer', simpleRequest('slow'));
    await until(() => service.held === 1);
    call.cancel();
    expect((await failure(call)).code).toBe(grpc.status.CANCELLED);
    await until(() => service.cancelled === 1);

    const other = newClient();
    const gone = failure(other.unary('ModelInfer', simpleRequest('slow')));
    await until(() => service.held === 1);
    other.close();
    other.client.getChannel().close();
    service.release();
    await gone.catch(() => undefined);
    await until(() => service.pending === 0 && door.inFlight === 0);
  });
});

describe('ModelStreamInfer', () => {
  /** Sends what is given, and collects what comes until the stream ends. */
  async function exchange(
    requests: Fields[],
    metadata: Record<string, string> = {},
  ): Promise<{ responses: Fields[]; code: grpc.status }> {
    const stream = client.stream(metadata);
    const responses: Fields[] = [];
    stream.on('data', (response: Fields) => responses.push(response));
    stream.on('error', () => undefined);
    const ended = new Promise<grpc.status>((resolve) => {
      stream.on('status', ({ code }) => {
        resolve(code);
      });
    });
    for (const request of requests) stream.write(request);
    stream.end();
    return { code: await ended, responses };
  }

  const idOf = (response: Fields) => (response.infer_response as Fields).id;

  it('answers in the order of the requests, says which response is the last, and ends well', async () => {
    const requests = Array.from({ length: 300 }, (_, id) =>
      simpleRequest('simple', { id: `${id}` }),
    );
    const { code, responses } = await exchange(requests);
    expect(code).toBe(grpc.status.OK);
    expect(responses.map(idOf)).toEqual(requests.map(({ id }) => id));
    expect(responses[0]!.infer_response).toMatchObject({
      parameters: { triton_final_response: { bool_param: true } },
    });
  });

  it('a slow request holds back those after it, not their execution', async () => {
    const stream = client.stream();
    const ids: unknown[] = [];
    stream.on('data', (response: Fields) => ids.push(idOf(response)));
    stream.write(simpleRequest('slow', { id: 'first' }));
    stream.write(simpleRequest('simple', { id: 'second' }));
    await until(() => service.requests.length === 2 && service.held === 1);
    expect(ids).toEqual([]);
    service.release();
    await until(() => ids.length === 2);
    expect(ids).toEqual(['first', 'second']);
    stream.end();
    await until(() => stream.destroyed || stream.readableEnded);
  });

  it('an error is a response with the id, and does not end the stream', async () => {
    const { code, responses } = await exchange([
      simpleRequest('missing', { id: 'bad' }),
      simpleRequest('simple', { id: 'good' }),
    ]);
    expect(code).toBe(grpc.status.OK);
    expect(responses.map(idOf)).toEqual(['bad', 'good']);
    expect(responses[0]!.error_message).toContain("'missing' is not found");
    expect(responses[1]!.error_message).toBe('');
  });

  it('with triton_grpc_error it ends the stream with its status', async () => {
    const { code, responses } = await exchange([simpleRequest('missing'), simpleRequest('slow')], {
      triton_grpc_error: 'true',
    });
    expect(code).toBe(grpc.status.NOT_FOUND);
    expect(responses).toEqual([]);
    await until(() => service.pending === 0);
  });

  it('cancelled, all its requests leave the queue', async () => {
    const stream = client.stream();
    stream.on('error', () => undefined);
    for (let count = 0; count < 3; count++) stream.write(simpleRequest('slow'));
    await until(() => service.held === 3);
    stream.cancel();
    await until(() => service.cancelled === 3 && door.inFlight === 0);
  });

  it('no more requests are read than may wait', async () => {
    await start({ maxStreamRequests: 4 });
    const stream = client.stream();
    let responses = 0;
    stream.on('data', () => responses++);
    // Large enough that they do not all come in one piece.
    const id = 'x'.repeat(100_000);
    for (let count = 0; count < 40; count++) stream.write(simpleRequest('slow', { id }));
    await until(() => service.held >= 4);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(service.requests.length).toBeLessThan(10);
    const release = setInterval(() => {
      service.release();
    }, 1);
    await until(() => responses === 40);
    clearInterval(release);
    const ended = new Promise((resolve) => stream.on('end', resolve));
    stream.end();
    await ended;
  });
});

describe('the other methods', () => {
  it('health, metadata, config, statistics, index', async () => {
    expect(await client.unary('ServerLive', {})).toEqual({ live: true });
    expect(await client.unary('ServerReady', {})).toEqual({ ready: true });
    expect(await client.unary('ModelReady', { name: 'simple', version: '3' })).toEqual({
      ready: true,
    });
    expect(await client.unary('ModelReady', { name: 'simple', version: '2' })).toEqual({
      ready: false,
    });
    service.readiness = { ready: false, reasons: ['device lost'] };
    expect(await client.unary('ServerReady', {})).toEqual({ ready: false });
    expect(await client.unary('ServerMetadata', {})).toMatchObject({ name: 'trt-node' });
    expect(await client.unary('ModelMetadata', { name: 'simple' })).toMatchObject({
      name: 'simple',
      versions: ['1', '3'],
      inputs: [{ name: 'INPUT0', datatype: 'INT32', shape: [-1, 16] }, { name: 'INPUT1' }],
    });
    expect(await client.unary('ModelConfig', { name: 'simple' })).toMatchObject({
      config: { name: 'simple', max_batch_size: 8, input: [{ data_type: 'TYPE_INT32' }, {}] },
    });
    await client.unary('ModelInfer', simpleRequest());
    const { model_stats: stats } = await client.unary('ModelStatistics', { name: 'simple' });
    expect(stats).toMatchObject([
      { version: '1' },
      { version: '3', inference_stats: { success: { count: 1, ns: 1_000_000 } } },
    ]);
    service.unloaded.add('classifier');
    const { models } = await client.unary('RepositoryIndex', {});
    expect(models).toContainEqual({
      name: 'classifier',
      version: '1',
      state: 'UNAVAILABLE',
      reason: 'unloaded',
    });
    const ready = await client.unary('RepositoryIndex', { ready: true });
    expect((ready.models as Fields[]).map(({ name }) => name)).not.toContain('classifier');
  });

  it('load with overrides, and unload with dependents', async () => {
    await client.unary('RepositoryModelLoad', {
      model_name: 'simple',
      parameters: {
        config: { string_param: '{}' },
        'file:1/model.plan': { bytes_param: Buffer.from('plan') },
      },
    });
    expect(service.loads[0]).toMatchObject({ name: 'simple', overrides: { config: '{}' } });
    const bytes = service.loads[0]!.overrides!.files!.get('1/model.plan');
    expect(Buffer.from(bytes!).toString()).toBe('plan');
    const unload_dependents = { bool_param: true };
    await client.unary('RepositoryModelUnload', {
      model_name: 'simple',
      parameters: { unload_dependents },
    });
    expect(service.unloads).toEqual([{ name: 'simple', dependents: true }]);
    await client.unary('RepositoryModelLoad', { model_name: 'simple' });
    expect(service.loads[1]!.overrides).toBeUndefined();
  });

  it.each([
    [
      'RepositoryModelLoad',
      { other: { string_param: '' } },
      "unrecognized load parameter 'other'.",
    ],
    ['RepositoryModelLoad', { config: { bool_param: true } }, 'expected string_param.'],
    ['RepositoryModelLoad', { 'file:x': { string_param: '' } }, 'expected bytes_param.'],
    ['RepositoryModelUnload', { unload_dependents: { int64_param: 1 } }, 'expected bool_param.'],
  ])('%s refuses %j', async (method, parameters, words) => {
    const error = await failure(client.unary(method, { model_name: 'simple', parameters }));
    expect(error.code).toBe(INVALID_ARGUMENT);
    expect(error.details).toContain(words);
  });

  it('repositories have no names, and loading can be off', async () => {
    const named = await failure(client.unary('RepositoryIndex', { repository_name: 'x' }));
    expect(named).toEqual({
      code: grpc.status.UNIMPLEMENTED,
      details: "'repository_name' specification is not supported",
    });
    service.controlMode = 'none';
    const load = await failure(client.unary('RepositoryModelLoad', { model_name: 'simple' }));
    expect(load.code).toBe(grpc.status.UNAVAILABLE);
  });

  it('trace and log settings', async () => {
    const trace = await client.unary('TraceSetting', {
      settings: { trace_rate: { value: ['5'] } },
    });
    expect(trace.settings).toMatchObject({
      trace_rate: { value: ['5'] },
      trace_level: { value: ['OFF'] },
    });
    const bad = client.unary('TraceSetting', { settings: { trace_rate: { value: ['x'] } } });
    expect((await failure(bad)).code).toBe(INVALID_ARGUMENT);
    const log = await client.unary('LogSettings', {
      settings: { log_verbose_level: { uint32_param: 2 } },
    });
    expect(log.settings).toMatchObject({ log_verbose_level: { uint32_param: 2 } });
    const file = client.unary('LogSettings', { settings: { log_file: { string_param: '/x' } } });
    expect((await failure(file)).code).toBe(grpc.status.UNIMPLEMENTED);
  });

  it('grpc.health.v1: Check', async () => {
    const check = (name: string) => client.unary('Check', { service: name }, {}, {}, health);
    expect(await check('')).toEqual({ status: 'SERVING' });
    expect(await check('inference.GRPCInferenceService')).toEqual({ status: 'SERVING' });
    expect(await check('simple')).toEqual({ status: 'SERVING' });
    service.unloaded.add('simple');
    expect(await check('simple')).toEqual({ status: 'NOT_SERVING' });
    expect((await failure(check('missing'))).code).toBe(grpc.status.NOT_FOUND);
    service.readiness = { ready: false, reasons: ['device lost'] };
    expect(await check('')).toEqual({ status: 'NOT_SERVING' });
  });

  it('grpc.health.v1: Watch tells of changes, and of the end', async () => {
    const told: unknown[] = [];
    const stream = client.watch('');
    stream.on('data', ({ status }: Fields) => told.push(status));
    const ended = new Promise<grpc.status>((resolve) => {
      stream.on('error', ({ code }: grpc.ServiceError) => {
        resolve(code);
      });
    });
    await until(() => told.length === 1);
    service.readiness = { ready: false, reasons: ['device lost'] };
    await until(() => told.length === 2);
    expect(told).toEqual(['SERVING', 'NOT_SERVING']);
    await door.close({ graceMs: 1000 });
    expect(await ended).toBe(grpc.status.UNAVAILABLE);
  });
});

describe('security', () => {
  it('bearer tokens, but not for health', async () => {
    await start({ access: { tokens: ['secret-token'] } });
    const without = await failure(client.unary('ModelInfer', simpleRequest()));
    expect(without.code).toBe(grpc.status.UNAUTHENTICATED);
    const wrong = { authorization: 'Bearer wrong' };
    const refusedCall = client.unary('ModelInfer', simpleRequest(), {}, wrong);
    expect((await failure(refusedCall)).code).toBe(grpc.status.UNAUTHENTICATED);
    const right = { authorization: 'Bearer secret-token' };
    await client.unary('ModelInfer', simpleRequest(), {}, right);
    expect(service.requests).toHaveLength(1);
    await client.unary('ServerLive', {});
  });

  it("restricted protocols, in Triton's words", async () => {
    const apis = ['model-repository'] as const;
    await start({ access: { restricted: [{ apis, header: 'admin-key', value: 'v' }] } });
    const error = await failure(client.unary('RepositoryIndex', {}));
    expect(error).toEqual({
      code: grpc.status.UNAVAILABLE,
      details: "This protocol is restricted, expecting header 'triton-grpc-protocol-admin-key'",
    });
    const metadata = { 'triton-grpc-protocol-admin-key': 'v' };
    await client.unary('RepositoryIndex', {}, {}, metadata);
    await client.unary('ModelInfer', simpleRequest());
  });

  it('TLS, and mutual TLS', async () => {
    const folder = tempFolder();
    const file = (name: string) => path.join(folder, name);
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
      '-keyout', file('key.pem'), '-out', file('cert.pem'), '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost'); // prettier-ignore
    const tls = { certFile: file('cert.pem'), keyFile: file('key.pem') };
    const [cert, key] = [readFileSync(tls.certFile), readFileSync(tls.keyFile)];
    await start({ tls });
    const secure = newClient(grpc.credentials.createSsl(cert));
    expect(outputsOf(await secure.unary('ModelInfer', simpleRequest())).OUTPUT0).toEqual(sums);
    const plain = client.unary('ServerLive', {}, { deadline: Date.now() + 5000 });
    expect((await failure(plain)).code).toBe(grpc.status.UNAVAILABLE);

    await start({ tls: { ...tls, clientCaFile: tls.certFile } });
    const anonymous = newClient(grpc.credentials.createSsl(cert));
    const refusedCall = anonymous.unary('ServerLive', {}, { deadline: Date.now() + 5000 });
    expect((await failure(refusedCall)).code).toBe(grpc.status.UNAVAILABLE);
    const known = newClient(grpc.credentials.createSsl(cert, key, cert));
    expect(await known.unary('ServerLive', {})).toEqual({ live: true });
  });
});

describe('closing', () => {
  it('waits for what runs, and takes nothing new', async () => {
    const running = client.unary('ModelInfer', simpleRequest('slow'));
    await until(() => service.held === 1);
    const closed = door.close({ graceMs: 10_000 });
    const late = newClient().unary('ModelInfer', simpleRequest());
    expect((await failure(late)).code).toBe(grpc.status.UNAVAILABLE);
    service.release();
    expect(outputsOf(await running).OUTPUT0).toEqual(sums);
    await closed;
  });

  it('after the grace, what still runs is given up', async () => {
    const running = failure(client.unary('ModelInfer', simpleRequest('slow')));
    await until(() => service.held === 1);
    await door.close({ graceMs: 50 });
    expect([grpc.status.UNAVAILABLE, grpc.status.INTERNAL]).toContain((await running).code);
    expect(service.cancelled).toBe(1);
  });

  it('streams that have nothing to do are ended', async () => {
    const stream = client.stream();
    const ended = new Promise<grpc.status>((resolve) => {
      stream.on('error', ({ code }: grpc.ServiceError) => {
        resolve(code);
      });
    });
    stream.on('data', () => undefined);
    stream.write(simpleRequest());
    await until(() => service.requests.length === 1 && door.inFlight === 0);
    await door.close({ graceMs: 5000 });
    expect(await ended).toBe(grpc.status.UNAVAILABLE);
  });

  it('a port that is taken is told', async () => {
    const other = createGrpcServer(service);
    await expect(other.listen(port)).rejects.toMatchObject({ code: 'ERR_TRT_SERVER' });
    await other.close();
    await other.close();
  });
});

it('keepalive: a client that pings too often is sent away', async () => {
  await start({ keepalive: { http2MinRecvPingIntervalWithoutDataMs: 60_000 } });
  const session = connect(`http://localhost:${port}`);
  session.on('error', () => undefined);
  const code = await new Promise((resolve) => {
    session.on('goaway', resolve);
    session.on('connect', () => {
      for (let count = 0; count < 6; count++) session.ping(() => undefined);
    });
  });
  expect(code).toBe(0xb);
  session.destroy();
});

it('refuses wrong options', () => {
  expect(() => createGrpcServer(service, { maxStreamRequests: 0 })).toThrow(/maxStreamRequests/);
  expect(() => createGrpcServer(service, { keepalive: { keepaliveTimeMs: 0 } })).toThrow(
    /keepaliveTimeMs/,
  );
  expect(() => createGrpcServer(service, { tsl: {} } as GrpcServerOptions)).toThrow(/tsl/);
});
