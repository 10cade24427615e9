// L0_http_fuzz: thousands of broken requests from a seed; never a crash, never a 5xx for what the client did wrong, never a request that is left behind.

import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { parseJson } from '../../../lib/serving/http/json-parser.js';
import { simpleBinary, simpleJson, startDoor, until } from '../../helpers/http-door.js';

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Fuzzer {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  below(most: number): number {
    return Math.floor(this.#next() * most);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** Some bytes changed, taken out, doubled or cut off. */
  bytes(original: Buffer): Buffer {
    let bytes = Buffer.from(original);
    for (let times = 1 + this.below(4); times > 0; times--) {
      const at = this.below(bytes.length + 1);
      const end = Math.min(bytes.length, at + this.below(12));
      switch (this.below(5)) {
        case 0:
          if (at < bytes.length) bytes[at] = this.below(256);
          break;
        case 1:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
          break;
        case 2:
          bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
          break;
        case 3:
          bytes = bytes.subarray(0, at);
          break;
        default:
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.from(this.pick(['{', ']', '"', '\\u', ',', 'NaN', '-', '1e999', '\0', 'null'])),
            bytes.subarray(at),
          ]);
      }
    }
    return bytes;
  }

  /** A value that JSON can have, where another was expected. */
  value(): unknown {
    return this.pick<unknown>([
      null,
      -1,
      0,
      1.5,
      2 ** 60,
      '',
      'INPUT0',
      'INT32',
      '__proto__',
      true,
      [],
      [[]],
      {},
      { b64: 'x' },
      [1, 'a', null],
    ]);
  }

  /** `original` with some members replaced, removed or added. */
  json(original: unknown): unknown {
    if (this.below(40) === 0) return this.value();
    if (Array.isArray(original)) return original.map((each) => this.json(each));
    if (typeof original !== 'object' || original === null) return original;
    const entries = Object.entries(original).filter(() => this.below(40) > 0);
    if (this.below(12) === 0) {
      const name = this.pick([
        'parameters',
        'outputs',
        'data',
        'shape',
        'id',
        'binary_data_size',
        'classification',
        'shared_memory_region',
        'sequence_id',
        'timeout',
        'config',
        'file:../../x',
        'trace_level',
        'log_file',
      ]);
      entries.push([name, this.value()]);
    }
    return Object.fromEntries(entries.map(([name, value]) => [name, this.json(value)]));
  }
}

const full = {
  id: 'x',
  parameters: { sequence_id: 1, priority: 1, timeout: 10, binary_data_output: true, mine: 'x' },
  inputs: simpleJson.inputs,
  outputs: [
    { name: 'OUTPUT0', parameters: { binary_data: true } },
    { name: 'OUTPUT1', parameters: { classification: 2 } },
  ],
};

test(
  'bodies: changed JSON, changed bytes, wrong lengths and encodings',
  { timeout: 60_000 },
  async () => {
    const { post, door, service } = await startDoor();
    const fuzz = new Fuzzer(20261121);
    const answers = new Map<number, number>();
    for (let round = 0; round < 1500; round++) {
      let body: Buffer = Buffer.from(JSON.stringify(fuzz.json(full)));
      let headers: Record<string, string> = {};
      if (fuzz.below(3) === 0) ({ body, headers } = simpleBinary({ outputs: full.outputs }));
      if (fuzz.below(2) === 0) body = fuzz.bytes(body);
      if (fuzz.below(6) === 0) headers['Inference-Header-Content-Length'] = String(fuzz.below(400));
      if (fuzz.below(8) === 0) {
        headers['Content-Encoding'] = fuzz.pick(['gzip', 'deflate', 'identity']);
        if (fuzz.below(2) === 0) body = fuzz.bytes(gzipSync(body));
      }
      if (fuzz.below(8) === 0)
        headers['Content-Type'] = fuzz.pick(['x', '/', 'a/b; c', 'text/plain']);
      if (fuzz.below(8) === 0) headers['Accept-Encoding'] = fuzz.pick(['gzip;q=x', ',', 'deflate']);
      const model = fuzz.pick(['simple', 'identity_bytes', 'identity_fp32', 'classifier']);
      const reply = await post(`/v2/models/${model}/infer`, body, headers);
      answers.set(reply.status, (answers.get(reply.status) ?? 0) + 1);
      if (reply.status !== 200) {
        expect([400, 404, 501], `round ${round}: ${reply.text}`).toContain(reply.status);
        expect(reply.error).not.toBe('');
      }
      expect([door.inFlight, service.pending]).toEqual([0, 0]);
    }
    // It is no test if everything is refused, or nothing.
    expect(answers.get(200)).toBeGreaterThan(50);
    expect(answers.get(400)).toBeGreaterThan(500);
  },
);

test('the other endpoints', { timeout: 60_000 }, async () => {
  const { post, get } = await startDoor();
  const fuzz = new Fuzzer(42);
  const calls: [string, unknown][] = [
    ['/v2/repository/index', { ready: true }],
    ['/v2/repository/models/simple/load', { parameters: { config: '{}', 'file:1/a': 'QQ==' } }],
    ['/v2/repository/models/simple/unload', { parameters: { unload_dependents: true } }],
    ['/v2/logging', { log_info: false, log_verbose_level: 0, log_format: 'default' }],
    ['/v2/trace/setting', { trace_level: ['OFF'], trace_rate: '1', trace_count: '1' }],
    ['/v2/models/simple/trace/setting', { trace_level: ['OFF'], log_frequency: '1' }],
    ['/v2/systemsharedmemory/region/r/register', { key: '/x', offset: 0, byte_size: 8 }],
    ['/v2/systemsharedmemory/unregister', {}],
    [
      '/v2/cudasharedmemory/region/r/register',
      { raw_handle: { b64: 'AAAA' }, device_id: 0, byte_size: 1 },
    ],
  ];
  for (let round = 0; round < 1000; round++) {
    const [path, original] = fuzz.pick(calls);
    let body: Buffer = Buffer.from(JSON.stringify(fuzz.json(original)));
    if (fuzz.below(3) === 0) body = fuzz.bytes(body);
    const reply = await post(path, body);
    expect([200, 400, 404, 501, 503], `${path} ${body.toString()}: ${reply.text}`).toContain(
      reply.status,
    );
  }
  expect((await get('/v2/health/ready')).status).toBe(200);
});

test('what is hardly HTTP', { timeout: 60_000 }, async () => {
  const { port, get, door } = await startDoor();
  const fuzz = new Fuzzer(7);
  const { body } = simpleBinary();
  const good = Buffer.concat([
    Buffer.from(
      `POST /v2/models/simple/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: 10\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);
  const send = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        expect(data.toString('latin1')).not.toMatch(/^HTTP\/1\.1 5(?!01)/);
      });
      socket.on('close', () => {
        resolve();
      });
    });
  for (let round = 0; round < 300; round++) await send(fuzz.bytes(good));
  expect((await get('/v2/health/live')).status).toBe(200);
  // A body may still be inflating whose client has gone.
  await until(() => door.inFlight === 0);
});

test('the exact parser agrees with JSON.parse, wherever both can read', () => {
  const fuzz = new Fuzzer(99);
  // A long integer sends it to the exact parser.
  const exact = (text: string) =>
    (parseJson(Buffer.from(`[12345678901234567890,${text}]`)) as unknown[])[1];
  let read = 0;
  for (let round = 0; round < 3000; round++) {
    let text = JSON.stringify(fuzz.json(full));
    if (fuzz.below(2) === 0) text = fuzz.bytes(Buffer.from(text)).toString();
    let expected: unknown;
    try {
      expected = JSON.parse(text);
    } catch {
      continue;
    }
    // A number that is too large is an error for one, Infinity for the other.
    if (text.includes('e999')) continue;
    read++;
    expect(
      JSON.parse(
        JSON.stringify(exact(text), (_name, value: unknown) =>
          typeof value === 'bigint' ? Number(value) : value,
        ),
      ),
    ).toEqual(expected);
  }
  expect(read).toBeGreaterThan(1000);
});
