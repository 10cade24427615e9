// Compressed bodies over HTTP, as L0_data_compression checks them.

import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { responseEncoding } from '../../../lib/serving/http/compression.js';
import { rawHttp, simpleBinary, simpleJson, startDoor } from '../../helpers/http-door.js';

const path = '/v2/models/simple/infer';

/** fetch inflates by itself: the raw answer. */
async function rawAnswer(port: number, accept: string): Promise<{ head: string; body: Buffer }> {
  const { body, headers } = simpleBinary({ parameters: { binary_data_output: true } });
  const lines = Object.entries({ ...headers, 'Accept-Encoding': accept })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const text = await rawHttp(
    port,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}Content-Length: ${body.length}\r\n\r\n`,
    body,
  );
  const end = text.indexOf('\r\n\r\n');
  return { head: text.slice(0, end), body: Buffer.from(text.slice(end + 4), 'latin1') };
}

describe('requests', () => {
  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)('%s, JSON and binary', async (encoding, pack) => {
    const { post } = await startDoor();
    const json = pack(JSON.stringify(simpleJson));
    expect((await post(path, json, { 'Content-Encoding': encoding })).status).toBe(200);
    const { body, headers } = simpleBinary();
    const reply = await post(path, pack(body), { ...headers, 'Content-Encoding': encoding });
    expect(reply.status).toBe(200);
    // The header's length is that of the inflated JSON.
    const wrong = { ...headers, 'Inference-Header-Content-Length': String(body.length + 1) };
    const refused = await post(path, pack(body), { ...wrong, 'Content-Encoding': encoding });
    expect(refused.error).toContain(`should be in range (0, ${body.length})`);
  });

  test('what is no gzip, half of one, or another encoding is refused', async () => {
    const { post } = await startDoor();
    const packed = gzipSync(JSON.stringify(simpleJson));
    for (const body of ['hello', packed.subarray(0, -9), '']) {
      const reply = await post(path, body, { 'Content-Encoding': 'gzip' });
      expect([reply.status, reply.error]).toEqual([
        400,
        expect.stringContaining('failed to decompress'),
      ]);
    }
    const other = await post(path, packed, { 'Content-Encoding': 'br' });
    expect([other.status, other.error]).toEqual([501, 'Unsupported compression type']);
  });

  test('a bomb goes no further than the limit', async () => {
    const { post } = await startDoor({ limits: { maxBodyBytes: 100_000 } });
    const bomb = gzipSync(Buffer.alloc(30_000_000, 0x20));
    expect(bomb.length).toBeLessThan(100_000);
    const reply = await post(path, bomb, { 'Content-Encoding': 'gzip' });
    expect([reply.status, reply.error]).toEqual([
      400,
      'Request JSON size exceeds the maximum allowed value of 100000 bytes. Use --http-max-input-size to increase the limit.',
    ]);
  });
});

describe('answers', () => {
  test.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ] as const)('%s when the client wants it', async (encoding, unpack) => {
    const { port } = await startDoor();
    const { head, body } = await rawAnswer(port, encoding);
    expect(head).toContain(`Content-Encoding: ${encoding}`);
    const length = Number(/Inference-Header-Content-Length: (\d+)/.exec(head)![1]);
    const whole = unpack(body);
    expect(JSON.parse(whole.subarray(0, length).toString())).toHaveProperty('outputs');
    expect(whole.length - length).toBe(128);
  });

  test('the preferred encoding is taken', () => {
    expect(responseEncoding(undefined)).toBeUndefined();
    expect(responseEncoding('gzip;q=0.5, deflate')).toBe('deflate');
    expect(responseEncoding('br, gzip;q=0.1')).toBe('gzip');
    expect(responseEncoding('gzip;q=0')).toBeUndefined();
    expect(responseEncoding('identity, gzip;q=0.9')).toBeUndefined();
    expect(responseEncoding('gzip;q=x, ;;, *')).toBeUndefined();
  });
});
