// The gRPC door besides inference: its other methods, limits, security, keepalive and closing.

import * as grpc from '@grpc/grpc-js';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GrpcServerOptions, createGrpcServer } from '../../../lib/serving/grpc/server.js';
import { type Fields, simpleRequest } from '../../helpers/grpc-client.js';
import {
  client,
  door,
  failure,
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
import { tempFolder } from '../../helpers/temp.js';

setUpGrpcDoor();

const { INVALID_ARGUMENT } = grpc.status;

const health = 'grpc.health.v1.Health';

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

  it('decompressed messages of all calls together', async () => {
    await start({ limits: { maxBodyBytes: 100_000, maxInflatedBytes: 150_000 } });
    const gzip = newClient(undefined, {
      'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
    });
    const long = { id: 'x'.repeat(90_000) };
    const held = gzip.unary('ModelInfer', simpleRequest('slow', long));
    await until(() => service.held === 1);
    const refusal = await failure(gzip.unary('ModelInfer', simpleRequest('simple', long)));
    expect([refusal.code, refusal.details]).toEqual([
      grpc.status.UNAVAILABLE,
      'the decompressed messages in the server have 150000 bytes together, and there is no room for another',
    ]);
    await client.unary('ModelInfer', simpleRequest());
    service.release();
    await held;
    await gzip.unary('ModelInfer', simpleRequest('simple', long));
    // A stream gives each message's back when it is answered, and a watch at once.
    const stream = gzip.stream();
    for (let count = 0; count < 4; count++) {
      stream.write(simpleRequest('simple', long));
      const answer = await new Promise<{ error_message: string }>((resolve, reject) => {
        stream.once('data', resolve);
        stream.once('error', reject);
      });
      expect(answer.error_message).toBe('');
    }
    stream.end();
    const watch = gzip.watch('y'.repeat(90_000));
    watch.on('error', () => undefined);
    await new Promise((resolve) => watch.once('data', resolve));
    await gzip.unary('ModelInfer', simpleRequest('simple', long));
    watch.cancel();
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
