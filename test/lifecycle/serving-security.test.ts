// The flags of `trt-node serve` that keep others out, in a process of its own: mutual TLS and tokens over HTTP, gRPC and metrics; and what it does not start with.

import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { certificates } from '../helpers/certificates.js';
import { cli } from '../helpers/cli.js';
import { GrpcTestClient } from '../helpers/grpc-client.js';
import { mlpRepository, serveChild } from '../helpers/serve-child.js';
import { tempFolder } from '../helpers/temp.js';

/** The status of an answer, or the code of the error that came instead. */
function get(url: string, options: https.RequestOptions = {}): Promise<number | string> {
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve) => {
    const call = request(url, { ...options, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    call.end();
  });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('mutual TLS and tokens: only known clients with a token are served', async () => {
  const folder = await mlpRepository();
  const files = certificates();
  const tokens = path.join(tempFolder(), 'tokens');
  writeFileSync(tokens, 'first-token\nsecond-token\n');
  const server = await serveChild([
    `--model-repository=${folder}`,
    `--http-server-cert=${files.cert}`,
    `--http-server-key=${files.key}`,
    `--http-root-cert=${files.ca}`,
    '--grpc-use-ssl-mutual=true',
    `--grpc-server-cert=${files.cert}`,
    `--grpc-server-key=${files.key}`,
    `--grpc-root-cert=${files.ca}`,
    `--token-file=${tokens}`,
    '--disable-api=shared-memory',
  ]);
  const at = `https://localhost:${server.http}`;
  const [ca, cert, key] = [files.ca, files.clientCert, files.clientKey].map((file) =>
    readFileSync(file),
  );
  const known = { ca, cert, key };
  const ask = (where: string, token?: string): Promise<number | string> =>
    get(at + where, token === undefined ? known : { ...known, headers: bearer(token) });
  // Without a certificate there is no connection.
  expect(await get(`${at}/v2/health/ready`, { ca })).toEqual(expect.any(String));
  expect(await get(`http://localhost:${server.http}/v2/health/ready`)).toEqual(expect.any(String));
  expect(await ask('/v2/health/ready')).toBe(200);
  expect(await ask('/v2')).toBe(401);
  expect(await ask('/v2', 'third-token')).toBe(401);
  expect(await ask('/v2', 'second-token')).toBe(200);
  expect(await ask('/v2/systemsharedmemory/status', 'first-token')).toBe(403);
  expect(await ask('/')).toBe(200);
  expect(await ask('/status.json')).toBe(401);
  expect(await ask('/status.json', 'first-token')).toBe(200);
  const metrics = `http://localhost:${server.metrics}/metrics`;
  expect(await get(metrics)).toBe(401);
  expect(await get(metrics, { headers: bearer('first-token') })).toBe(200);

  const client = (...with_: (Buffer | null | undefined)[]): GrpcTestClient => {
    const made = new GrpcTestClient(server.grpc, credentials.createSsl(ca, ...with_));
    onTestFinished(() => {
      made.close();
    });
    return made;
  };
  const deadline = Date.now() + 10_000;
  await expect(client().unary('ServerReady', {}, { deadline })).rejects.toMatchObject({
    code: status.UNAVAILABLE,
  });
  const friend = client(key, cert);
  expect(await friend.unary('ServerReady', {})).toMatchObject({ ready: true });
  const call = (metadata: Record<string, string>) =>
    friend.unary('ModelConfig', { name: 'mlp' }, {}, metadata);
  await expect(call({})).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  expect(await call(bearer('second-token'))).toMatchObject({ config: { name: 'mlp' } });

  const log = server.log();
  expect(log).toContain('TLS: on, TLSv1.2 or later; clients need a certificate');
  expect(log).toContain('Bearer tokens: on; without one: health.');
  expect(log).toContain('Shared memory: off.');
  expect(log).toMatch(/Security: metrics: address \S+: .*never encrypted/);
  expect(log).not.toContain('first-token');
  server.process.kill('SIGTERM');
  expect(await server.exited).toBe(0);
});

test('what cannot work is told before models are loaded', async () => {
  const folder = await mlpRepository();
  const files = certificates();
  const empty = path.join(tempFolder(), 'tokens');
  writeFileSync(empty, '\n');
  const busy = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => busy.once('listening', resolve));
  onTestFinished(() => {
    busy.close();
  });
  const { port } = busy.address() as AddressInfo;
  const ports = ['--http-port=0', '--grpc-port=0', '--metrics-port=0', '--http-address=127.0.0.1'];
  const start = (...flags: string[]) =>
    cli(['serve', '--runtime=reference', `--model-repository=${folder}`, ...ports, ...flags]);
  const missing = path.join(folder, 'missing.pem');
  const refused = [
    [await start(`--http-server-cert=${missing}`, `--http-server-key=${files.key}`), 'missing.pem'],
    [
      await start(`--http-server-cert=${files.cert}`, `--http-server-key=${files.clientKey}`),
      'its own private key',
    ],
    [
      await start(
        '--grpc-use-ssl=true',
        `--grpc-server-cert=${missing}`,
        `--grpc-server-key=${files.key}`,
      ),
      'missing.pem',
    ],
    [await start(`--token-file=${empty}`), 'token'],
    [await start(`--token-file=${missing}`), 'missing.pem'],
  ] as const;
  for (const [{ status: code, stderr, stdout }, words] of refused) {
    expect(code).toBe(1);
    expect(stderr).toContain(words);
    expect(stdout + stderr).not.toContain('loading: mlp');
  }
  const taken = await cli(
    `serve --runtime=reference --model-repository=${folder} --http-address=127.0.0.1 --http-port=${port} --grpc-port=0 --metrics-port=0`,
  );
  expect(taken.status).toBe(1);
  expect(taken.stderr).toContain(`failed to start HTTPService at 127.0.0.1:${port}: it is in use`);
  expect(taken.stderr).not.toContain('loading: mlp');
});
