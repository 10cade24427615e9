// The other endpoints of HTTP, as L0_http and L0_lifecycle check them: health, metadata, repository, statistics, methods, mounting, closing.

import { createServer as createPlainServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createHttpServer } from '../../../lib/serving/http/door.js';
import { expectError } from '../../helpers/expect-error.js';
import { rawHttp, simpleJson, startDoor, until } from '../../helpers/http-door.js';
import { FakeService } from '../../helpers/serving-service.js';

test('health is the truth, and says why', async () => {
  const { get, service } = await startDoor();
  expect((await get('/v2/health/live')).status).toBe(200);
  expect((await get('/v2/health/ready')).status).toBe(200);
  service.readiness = { ready: false, reasons: ['the device is lost'] };
  const reply = await get('/v2/health/ready');
  expect([reply.status, reply.error]).toEqual([400, 'the server is not ready: the device is lost']);
  expect((await get('/v2/health/live')).status).toBe(200);
  expect((await get('/v2/models/simple/ready')).status).toBe(200);
  expect((await get('/v2/models/simple/versions/3/ready')).status).toBe(200);
  expect((await get('/v2/models/simple/versions/2/ready')).error).toBe('Model version not ready');
  expect((await get('/v2/models/none/ready')).status).toBe(400);
});

test('metadata of the server and of models', async () => {
  const { get } = await startDoor({ serverId: 'mine' });
  const server = (await get('/v2')).json<{ name: string; extensions: string[] }>();
  expect(server.name).toBe('mine');
  expect(server.extensions).toEqual(
    expect.arrayContaining(['binary_tensor_data', 'system_shared_memory', 'statistics']),
  );
  expect((await get('/v2/models/simple')).json()).toEqual({
    name: 'simple',
    versions: ['1', '3'],
    platform: 'tensorrt_plan',
    inputs: [
      { name: 'INPUT0', datatype: 'INT32', shape: [-1, 16] },
      { name: 'INPUT1', datatype: 'INT32', shape: [-1, 16] },
    ],
    outputs: [
      { name: 'OUTPUT0', datatype: 'INT32', shape: [-1, 16] },
      { name: 'OUTPUT1', datatype: 'INT32', shape: [-1, 16] },
    ],
  });
  expect((await get('/v2/models/simple/versions/01')).json().versions).toEqual(['1']);
  expect((await get('/v2/models/simple/config')).json().max_batch_size).toBe(8);
  const unknown = await get('/v2/models/none');
  expect([unknown.status, unknown.error]).toEqual([
    404,
    "Request for unknown model: 'none' is not found",
  ]);
});

test('statistics count what was answered', async () => {
  const { get, post } = await startDoor();
  await post('/v2/models/simple/versions/3/infer', simpleJson);
  const reply = await get('/v2/models/simple/versions/3/stats');
  const [model] = reply.json<{ model_stats: Record<string, unknown>[] }>().model_stats;
  expect(model).toMatchObject({
    name: 'simple',
    version: '3',
    inference_stats: {
      success: { count: 1, ns: 1_000_000 },
      queue: { count: 1, ns: 500_000 },
      fail: { count: 0, ns: 0 },
      cache_hit: { count: 0, ns: 0 },
    },
    batch_stats: [],
    memory_usage: [
      { type: 'GPU', id: 0, byte_size: 4096 },
      { type: 'CPU_PINNED', id: 0, byte_size: 512 },
    ],
  });
  const all = (await get('/v2/models/stats')).json<{ model_stats: unknown[] }>();
  expect(all.model_stats.length).toBeGreaterThan(10);
});

test('the repository: index, load with overrides, unload', async () => {
  const { post, service } = await startDoor();
  const rows = (await post('/v2/repository/index')).json<{ name: string; state: string }[]>();
  expect(rows[0]).toEqual({ name: 'simple', version: '1', state: 'READY' });
  expect((await post('/v2/repository/models/simple/unload')).status).toBe(200);
  expect((await post('/v2/models/simple/infer', simpleJson)).status).toBe(503);
  const ready = await post('/v2/repository/index', { ready: true });
  expect(ready.json<{ name: string }[]>().some(({ name }) => name === 'simple')).toBe(false);
  const parameters = {
    config: '{"max_batch_size":2}',
    'file:1/model.plan': Buffer.from('plan').toString('base64'),
  };
  expect((await post('/v2/repository/models/simple/load', { parameters })).text).toBe('');
  expect(service.loads[0]).toEqual({
    name: 'simple',
    overrides: {
      config: '{"max_batch_size":2}',
      files: new Map([['1/model.plan', Buffer.from('plan')]]),
    },
  });
  const dependents = { parameters: { unload_dependents: true } };
  await post('/v2/repository/models/simple/unload', dependents);
  expect(service.unloads.at(-1)).toEqual({ name: 'simple', dependents: true });
  const failed = await post('/v2/repository/models/none/load');
  expect([failed.status, failed.error]).toEqual([
    500,
    "failed to load 'none', failed to poll from model repository",
  ]);
  const wrong = await post('/v2/repository/models/simple/load', { parameters: { 'file:x': '*' } });
  expect([wrong.status, wrong.error]).toEqual([400, "parameter 'file:x' is not base64"]);
  const named = await post('/v2/repository/other/models/simple/load');
  expect(named.error).toBe("'repository_name' specification is not supported");
  service.controlMode = 'none';
  const refused = await post('/v2/repository/models/simple/load');
  expect([refused.status, refused.error]).toEqual([
    503,
    'explicit model load / unload is not allowed if polling is enabled',
  ]);
});

test('wrong methods and paths', async () => {
  const { get, post } = await startDoor();
  const wrong = await get('/v2/models/simple/infer');
  expect([wrong.status, wrong.error]).toEqual([405, 'Method Not Allowed']);
  expect((await post('/v2/health/live')).status).toBe(405);
  for (const path of ['/', '/v1', '/v2/nothing', '/v2/models/simple/versions/1/trace/setting']) {
    const reply = await get(path);
    expect([reply.status, reply.error]).toEqual([404, 'Not Found']);
  }
  expect((await post('/v2/models/simple/generate', {})).status).toBe(501);
  expect((await get('/v2/models/%zz')).status).toBe(400);
});

test('a connection serves several requests, one after the other', async () => {
  const { port } = await startDoor();
  const get = 'GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n';
  const last = 'GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const text = await rawHttp(port, get + get + last);
  expect(text.match(/HTTP\/1\.1 200 OK/g)?.length).toBe(3);
  expect(text).toContain('Connection: keep-alive');
});

test("it is a handler of a user's own server, below a path, and Express' middleware", async () => {
  const service = new FakeService();
  const door = await createHttpServer(service, { basePath: '/triton/' });
  const server = createPlainServer((message, response) => {
    door.handler(message, response, () => {
      response.end('mine');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.close();
    await door.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const text = async (path: string) => (await fetch(url + path)).text();
  expect(await text('/triton/v2')).toContain('extensions');
  expect(await text('/other')).toBe('mine');
  expect(await text('/tritonv2')).toBe('mine');
  expect(await text('/triton/v3')).toBe('mine');
  const body = JSON.stringify(simpleJson);
  const reply = await fetch(`${url}/triton/v2/models/simple/infer`, { method: 'POST', body });
  expect(reply.status).toBe(200);
});

test('a body that was read before the handler is an error, not a request that never ends', async () => {
  const door = await createHttpServer(new FakeService());
  const server = createPlainServer((message, response) => {
    message.resume();
    message.on('end', () => {
      setImmediate(() => {
        door.handler(message, response);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.close();
    await door.close();
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/v2/models/simple/infer`;
  const reply = await fetch(url, { method: 'POST', body: '{}' });
  expect([reply.status, await reply.text()]).toEqual([
    500,
    expect.stringContaining('mount it before body parsers'),
  ]);
});

test('pages are served besides the API', async () => {
  const pages = [
    {
      path: '/',
      handle: (_: unknown, response: { end(text: string): void }) => response.end('page'),
    },
  ];
  const { get } = await startDoor({ pages });
  expect((await get('/')).text).toBe('page');
  expect((await get('/v2')).status).toBe(200);
});

test('closing waits for what is under way, and takes no more', async () => {
  const { door, post, service, port } = await startDoor();
  const slow = post('/v2/models/slow/infer', simpleJson);
  await until(() => service.held === 1);
  const closed = door.close({ graceMs: 10_000 });
  await expectError(() => door.listen(0), 'ERR_TRT_SERVER', 'was closed');
  expect(door.inFlight).toBe(1);
  service.release();
  expect((await slow).status).toBe(200);
  await closed;
  await expect(fetch(`http://127.0.0.1:${port}/v2`)).rejects.toThrow();
});

test('closing gives up what takes longer than the grace', async () => {
  const { door, post, service } = await startDoor();
  const slow = post('/v2/models/slow/infer', simpleJson);
  await until(() => service.held === 1);
  await door.close({ graceMs: 20 });
  const reply = await slow;
  expect([reply.status, reply.error, service.cancelled]).toEqual([400, 'request was cancelled', 1]);
});

test('a port that is in use is told', async () => {
  const { port } = await startDoor();
  const door = await createHttpServer(new FakeService());
  onTestFinished(() => door.close());
  await expectError(() => door.listen(port), 'ERR_TRT_SERVER', `127.0.0.1:${port}`, 'EADDRINUSE');
});
