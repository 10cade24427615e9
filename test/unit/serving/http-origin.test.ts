// Pages of other sites in an operator's browser (CSRF), and names that are made to point at this machine (DNS rebinding).

import { describe, expect, it } from 'vitest';
import { OriginCheck } from '../../../lib/serving/security/origin.js';
import { rawHttp, simpleJson, startDoor } from '../../helpers/http-door.js';

function post(path: string, headers: Record<string, string>, body = ''): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}

const status = (answer: string) => answer.split(' ')[1];

describe('requests of browsers', () => {
  const paths = [
    '/v2/repository/models/simple/unload',
    '/v2/repository/models/simple/load',
    '/v2/logging',
    '/v2/trace/setting',
    '/v2/systemsharedmemory/unregister',
    '/v2/models/simple/infer',
  ];

  it.each(paths)('%s is refused to pages of other sites', async (path) => {
    const { port } = await startDoor();
    const host = `127.0.0.1:${port}`;
    for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${port + 1}`]) {
      const answer = await rawHttp(port, post(path, { Host: host, Origin: origin }));
      expect(status(answer)).toBe('403');
      expect(answer).toContain('pages of other sites are refused');
    }
  });

  it('a page of the server itself and clients that are no browser are answered', async () => {
    const { port } = await startDoor();
    const host = `127.0.0.1:${port}`;
    const body = JSON.stringify(simpleJson);
    for (const headers of [
      { Host: host },
      { Host: host, Origin: `http://${host}` },
      { Host: `localhost:${port}`, Origin: `http://LOCALHOST:${port}` },
      { Host: `localhost:${port}`, Origin: `https://localhost:${port}` },
    ]) {
      const infer = await rawHttp(port, post('/v2/models/simple/infer', headers, body));
      expect(status(infer)).toBe('200');
      expect(status(await rawHttp(port, post('/v2/logging', headers, '{}')))).toBe('200');
    }
  });

  it('a foreign name that points at this machine is not this server', async () => {
    const { port } = await startDoor();
    const host = `rebound.example:${port}`;
    const headers = { Host: host, Origin: `http://${host}` };
    expect(status(await rawHttp(port, post('/v2/logging', headers, '{}')))).toBe('403');
  });

  it('sites can be allowed', async () => {
    const access = { allowedOrigins: ['https://tools.example'] };
    const { port } = await startDoor({ access });
    const from = (origin: string) =>
      rawHttp(port, post('/v2/logging', { Host: `127.0.0.1:${port}`, Origin: origin }, '{}'));
    expect(status(await from('https://tools.example'))).toBe('200');
    expect(status(await from('http://tools.example'))).toBe('403');
    expect(status(await from('https://tools.example.evil.example'))).toBe('403');
    const open = await startDoor({ access: { allowedOrigins: ['*'] } });
    const headers = { Host: 'a', Origin: 'http://evil.example' };
    expect(status(await rawHttp(open.port, post('/v2/logging', headers, '{}')))).toBe('200');
  });

  it('what is no origin cannot be allowed', async () => {
    for (const origin of ['tools.example', 'https://a/path', 'https://a/', '', 'null']) {
      await expect(startDoor({ access: { allowedOrigins: [origin] } })).rejects.toThrow(
        'expected origins such as',
      );
    }
  });

  it('on an address of the network the name of the server counts', () => {
    const check = new OriginCheck();
    const facts = { origin: 'http://triton.corp:8000', host: 'triton.corp:8000' };
    expect(check.allows({ ...facts, localAddress: '10.0.0.5' })).toBe(true);
    for (const localAddress of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) {
      expect(check.allows({ ...facts, localAddress })).toBe(false);
    }
    expect(
      check.allows({ origin: 'http://[::1]:8000', host: '[::1]:8000', localAddress: '::1' }),
    ).toBe(true);
  });
});
