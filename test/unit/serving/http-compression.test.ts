// Compressed bodies over HTTP, as L0_data_compression checks them.

import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { answerEncoding, responseEncoding } from '../../../lib/serving/http/compression.js';
import {
  binaryRequest,
  rawHttp,
  simpleBinary,
  simpleJson,
  startDoor,
  until,
} from '../../helpers/http-door.js';

const path = '/v2/models/simple/infer';

/** fetch inflates by itself: the raw answer, binary or JSON, to so many rows. */
async function rawAnswer(
  port: number,
  accept: string,
  { rows = 1, binary = true } = {},
): Promise<{ head: string; body: Buffer }> {
  const inputs = ['INPUT0', 'INPUT1'].map((name) => ({
    name,
    datatype: 'INT32',
    shape: [rows, 16],
    parameters: { binary_data_size: rows * 64 },
  }));
  const numbers = Int32Array.from({ length: rows * 16 }, (_, index) => index);
  const { body, headers } = binaryRequest(
    { inputs, parameters: { binary_data_output: binary } },
    numbers,
    numbers,
  );
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
    const bomb = gzipSync(Buffer.alloc(3_000_000, 0x20));
    expect(bomb.length).toBeLessThan(100_000);
    const reply = await post(path, bomb, { 'Content-Encoding': 'gzip' });
    expect([reply.status, reply.error]).toEqual([
      400,
      'Request JSON size exceeds the maximum allowed value of 100000 bytes. Use --http-max-input-size to increase the limit.',
    ]);
  });
});

describe('all decompressed bodies together', () => {
  const limits = { maxBodyBytes: 100_000, maxInflatedBytes: 150_000 };
  const gzip = { 'Content-Encoding': 'gzip' };
  const slow = '/v2/models/slow/infer';
  const packed = gzipSync(JSON.stringify(simpleJson) + ' '.repeat(90_000));

  test('have a limit, until they are answered; other requests go on', async () => {
    const { post, service } = await startDoor({ limits });
    const held = post(slow, packed, gzip);
    await until(() => service.held === 1);
    const refused = await post(path, packed, gzip);
    expect([refused.status, refused.error]).toEqual([
      503,
      'the decompressed bodies in the server have 150000 bytes together, and there is no room for another',
    ]);
    expect((await post(path, simpleJson)).status).toBe(200);
    expect((await post(path, gzipSync(JSON.stringify(simpleJson)), gzip)).status).toBe(200);
    service.release();
    expect((await held).status).toBe(200);
    expect((await post(path, packed, gzip)).status).toBe(200);
  });

  test('many bombs at the same time, broken ones too, leave all of it free', async () => {
    const { post } = await startDoor({ limits });
    const bomb = gzipSync(Buffer.alloc(3_000_000, 0x20));
    const half = packed.subarray(0, -9);
    const bodies = Array.from({ length: 60 }, (_, index) => (index % 3 === 0 ? half : bomb));
    const replies = await Promise.all(bodies.map((body) => post(path, body, gzip)));
    expect(replies.every(({ status }) => status === 400 || status === 503)).toBe(true);
    const whole = gzipSync(JSON.stringify(simpleJson).padEnd(100_000));
    expect((await post(path, whole, gzip)).status).toBe(200);
  });

  test('cannot be less than one body', async () => {
    const wrong = { limits: { maxBodyBytes: 1000, maxInflatedBytes: 999 } };
    await expect(startDoor(wrong)).rejects.toThrow(/limits\.maxInflatedBytes/);
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

  test('of those who accept several only long texts are packed', async () => {
    const { port } = await startDoor();
    const accept = 'gzip, deflate';
    const binary = await rawAnswer(port, accept, { rows: 8 });
    expect(binary.head).not.toContain('Content-Encoding');
    expect(binary.body.length).toBeGreaterThan(1024);
    const short = await rawAnswer(port, accept, { binary: false });
    expect(short.head).not.toContain('Content-Encoding');
    expect(JSON.parse(short.body.toString())).toHaveProperty('outputs');
    const long = await rawAnswer(port, accept, { rows: 32, binary: false });
    expect(long.head).toContain('Content-Encoding: gzip');
    expect(JSON.parse(gunzipSync(long.body).toString())).toHaveProperty('outputs');
  });

  test('an encoding alone is a wish, with a weight too', () => {
    const long = ' '.repeat(1024);
    expect(answerEncoding('gzip;q=0.5', '', true)).toBe('gzip');
    expect(answerEncoding('br', long, false)).toBeUndefined();
    expect(answerEncoding(undefined, long, false)).toBeUndefined();
    expect(answerEncoding('gzip, deflate, br', long, false)).toBe('gzip');
    expect(answerEncoding('gzip, deflate, br', long, true)).toBeUndefined();
    expect(answerEncoding('gzip, deflate, br', long.slice(1), false)).toBeUndefined();
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
