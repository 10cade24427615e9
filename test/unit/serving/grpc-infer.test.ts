// ModelInfer over a fake service: L0_grpc, L0_client_timeout, L0_request_cancellation, L0_data_compression, L0_input_validation.

import * as grpc from '@grpc/grpc-js';
import { connect } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { type Fields, encode, int32, simpleRequest } from '../../helpers/grpc-client.js';
import {
  client,
  door,
  failure,
  framed,
  inferHeaders,
  newClient,
  outputsOf,
  port,
  refused,
  service,
  setUpGrpcDoor,
  start,
  sums,
  until,
} from '../../helpers/grpc-door.js';

setUpGrpcDoor();

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
