// Who gets in, and how much: tokens, restricted APIs, TLS and mutual TLS, limits, slow clients.

import { writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { AccessControl, parseRestrictedApi } from '../../../lib/serving/security/access.js';
import { describeSecurity } from '../../../lib/serving/security/describe.js';
import { createHttpServer } from '../../../lib/serving/http/door.js';
import { expectError } from '../../helpers/expect-error.js';
import { rawHttp, simpleJson, startDoor, until } from '../../helpers/http-door.js';
import { FakeService } from '../../helpers/serving-service.js';
import { certificates } from '../../helpers/certificates.js';
import { tempFolder } from '../../helpers/temp.js';

const infer = '/v2/models/simple/infer';
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe('bearer tokens', () => {
  test('are needed for everything but health', async () => {
    const file = path.join(tempFolder(), 'tokens');
    writeFileSync(file, '# two\nfile-token\n\n  other-token  \n');
    const { get, post, service } = await startDoor({
      access: { tokens: ['a-token'], tokenFile: file },
    });
    expect((await get('/v2/health/ready')).status).toBe(200);
    for (const headers of [{}, bearer('wrong'), bearer(''), { Authorization: 'Basic a-token' }]) {
      const reply = await post(infer, simpleJson, headers);
      expect([reply.status, reply.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    expect(service.requests.length).toBe(0);
    for (const token of ['a-token', 'file-token', 'other-token']) {
      expect((await post(infer, simpleJson, bearer(token))).status).toBe(200);
    }
    expect((await get('/v2')).status).toBe(401);
  });

  test('can be asked for by health as well, or by less', async () => {
    const strict = await startDoor({ access: { tokens: ['t'], open: [] } });
    expect((await strict.get('/v2/health/live')).status).toBe(401);
    const lax = await startDoor({ access: { tokens: ['t'], open: ['health', 'metadata'] } });
    expect((await lax.get('/v2')).status).toBe(200);
    expect((await lax.post(infer, simpleJson)).status).toBe(401);
  });

  test('a refused body is not read', async () => {
    const { port } = await startDoor({ access: { tokens: ['t'] } });
    // Nothing of the promised megabyte comes.
    const text = await rawHttp(
      port,
      `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n`,
    );
    expect(text).toContain('401 Unauthorized');
  });

  test('empty ones are no protection', async () => {
    await expectError(() => new AccessControl({ tokens: [] }), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(() => new AccessControl({ tokens: [' '] }), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(
      () => new AccessControl({ tokenFile: '/does/not/exist' }),
      'ERR_TRT_FILE',
      '/does/not/exist',
    );
  });
});

describe('restricted APIs', () => {
  test('need their own header; others do not', async () => {
    const restricted = [parseRestrictedApi('model-repository,shared-memory:admin-key=s3=cret')];
    const { post, get } = await startDoor({ access: { restricted } });
    const refused = await post('/v2/repository/index');
    expect([refused.status, refused.error]).toEqual([
      403,
      "This API is restricted, expecting header 'admin-key'",
    ]);
    expect((await post('/v2/repository/index', '', { 'Admin-Key': 's3=cret' })).status).toBe(200);
    expect((await post('/v2/repository/index', '', { 'Admin-Key': 's3' })).status).toBe(403);
    expect((await get('/v2/systemsharedmemory/status')).status).toBe(403);
    expect((await post(infer, simpleJson)).status).toBe(200);
  });

  test('are written as tritonserver has them', async () => {
    expect(parseRestrictedApi('logging,trace:k=v')).toEqual({
      apis: ['logging', 'trace'],
      header: 'k',
      value: 'v',
    });
    for (const text of ['', 'logging', 'logging:k', 'nothing:k=v', ':k=v']) {
      await expectError(() => parseRestrictedApi(text), 'ERR_TRT_INVALID_ARGUMENT');
    }
  });

  test('can be switched off', async () => {
    const disabled = ['model-repository', 'shared-memory'] as const;
    const { post, get } = await startDoor({ access: { disabled } });
    expect((await post('/v2/repository/index')).status).toBe(403);
    const { extensions } = (await get('/v2')).json<{ extensions: string[] }>();
    expect(extensions).not.toContain('model_repository');
    expect(extensions).not.toContain('system_shared_memory');
  });
});

describe('limits', () => {
  test('an oversize body is refused without reading it, with and without a length', async () => {
    const { port, post } = await startDoor({ limits: { maxBodyBytes: 1000 } });
    const told = await rawHttp(
      port,
      `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000000\r\n\r\n`,
    );
    expect(told).toContain('400 Bad Request');
    expect(told).toContain(
      'Request JSON size of 5000000000 bytes exceeds the maximum allowed value of 1000 bytes. Use --http-max-input-size to increase the limit.',
    );
    const chunk = `400\r\n${'x'.repeat(0x400)}\r\n`;
    const chunked = await rawHttp(
      port,
      `POST ${infer} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    expect(chunked).toContain('exceeds the maximum allowed value of 1000 bytes');
    expect((await post(infer, simpleJson)).status).toBe(200);
  });

  test('too many tensors', async () => {
    const { post } = await startDoor({ limits: { maxTensors: 1 } });
    expect((await post(infer, simpleJson)).error).toBe('expected at most 1 inputs, got 2');
  });

  test('requests beyond those that may be in the server get 503 at once', async () => {
    const { post, service } = await startDoor({ limits: { maxConcurrentRequests: 1 } });
    const slow = post('/v2/models/slow/infer', simpleJson);
    await until(() => service.held === 1);
    expect((await post(infer, simpleJson)).status).toBe(503);
    service.release();
    expect((await slow).status).toBe(200);
    expect((await post(infer, simpleJson)).status).toBe(200);
  });

  test('headers that are too long', async () => {
    const { port } = await startDoor({ limits: { maxHeaderBytes: 2000 } });
    const text = await rawHttp(
      port,
      `GET /v2 HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(3000)}\r\n\r\n`,
    );
    expect(text).toContain('431');
  });

  test('slow loris: headers and bodies that trickle are cut off', async () => {
    const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400 };
    const { port, door } = await startDoor({ limits });
    expect(await rawHttp(port, 'GET /v2 HTTP/1.1\r\nHo')).toContain('408');
    const body = `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`;
    await rawHttp(port, body);
    expect(door.inFlight).toBe(0);
  });

  test('a request that breaks off leaves nothing behind', async () => {
    const { port, door, service } = await startDoor();
    const socket = await import('node:net').then(({ connect }) => connect(port, '127.0.0.1'));
    socket.write(`POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"in`);
    await new Promise((resolve) => setTimeout(resolve, 30));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect([door.inFlight, service.requests.length]).toEqual([0, 0]);
  });

  test('options that are none', async () => {
    const make = (options: object) => () => createHttpServer(new FakeService(), options);
    await expectError(make({ limits: { maxBodyBytes: 0 } }), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(make({ limits: { maxBody: 1 } }), 'ERR_TRT_INVALID_ARGUMENT', 'maxBodyBytes');
    await expectError(make({ basePath: 'x/../y' }), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(make({ forwardHeaders: '(' }), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(make({ acess: {} }), 'ERR_TRT_INVALID_ARGUMENT', 'access');
    await expectError(make({ access: { open: ['x'] } }), 'ERR_TRT_INVALID_ARGUMENT');
  });
});

describe('TLS', () => {
  test('encrypts, and lets in only clients with a certificate when it is mutual', async () => {
    const { readFileSync } = await import('node:fs');
    const files = certificates();
    const get = (port: number, more: object = {}) =>
      new Promise<number>((resolve, reject) => {
        const options = {
          port,
          host: '127.0.0.1',
          servername: 'localhost',
          path: '/v2',
          ca: readFileSync(files.ca),
          agent: false as const,
        };
        httpsRequest({ ...options, ...more }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', reject)
          .end();
      });
    const tls = { certFile: files.cert, keyFile: files.key };
    const plain = await startDoor({ tls });
    expect(await get(plain.port)).toBe(200);
    await expect(get(plain.port, { maxVersion: 'TLSv1.1' })).rejects.toThrow();
    const mutual = await startDoor({
      tls: { ...tls, clientCaFile: files.ca, minVersion: 'TLSv1.3' },
    });
    await expect(get(mutual.port)).rejects.toThrow();
    await expect(get(mutual.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    const client = { cert: readFileSync(files.clientCert), key: readFileSync(files.clientKey) };
    expect(await get(mutual.port, client)).toBe(200);
    await expectError(
      () => createHttpServer(new FakeService(), { tls: { ...tls, keyFile: files.clientKey } }),
      'ERR_TRT_INVALID_ARGUMENT',
      files.cert,
    );
    await expectError(
      () => createHttpServer(new FakeService(), { tls: { ...tls, certFile: '/none' } }),
      'ERR_TRT_FILE',
    );
  });
});

describe('what is said at the start', () => {
  test('an open server is warned about', () => {
    const lines = describeSecurity({ address: '0.0.0.0' });
    expect(lines.join('\n')).toContain('TLS: off');
    expect(lines.join('\n')).toContain('Bearer tokens: off');
    expect(lines.at(-1)).toContain('WARNING');
  });

  test('a closed one is not', () => {
    const lines = describeSecurity({
      address: '0.0.0.0',
      tls: { certFile: 'c', keyFile: 'k', clientCaFile: 'clients.pem' },
      access: {
        tokens: ['x'],
        disabled: ['shared-memory'],
        restricted: [{ apis: ['model-repository', 'logging', 'trace'], header: 'h', value: 'v' }],
      },
    });
    const text = lines.join('\n');
    expect(text).toContain('clients need a certificate of clients.pem');
    expect(text).toContain('every part is restricted or off');
    expect(text).toContain('Shared memory: off');
    expect(text).not.toContain('WARNING');
    expect(text).not.toContain('x;');
    expect(describeSecurity({}).join('\n')).not.toContain('WARNING');
  });
});
