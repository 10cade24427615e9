// What comes from outside and is wrong, byte by byte over raw sockets: Triton's status and words, no crash, nothing read or written outside.

import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ModelRepository, createServer } from 'trt-node';
import { ramp } from '../helpers/known-answers.js';
import { reference } from '../helpers/reference.js';
import { type Answer, ServingProcess, inferBody } from '../helpers/serving-process.js';
import { repositoryFolder } from '../helpers/serving-repository.js';
import { tempFolder } from '../helpers/temp.js';

const infer = '/v2/models/mlp/infer';
const good = inferBody('x', [1, 64], Array.from(ramp(64)));
const mlp = { fixture: 'mlp', config: 'max_batch_size: 8\n' };

/** A server with one model, and the repository's folder beside a canary. */
async function start(...flags: string[]): Promise<ServingProcess> {
  return ServingProcess.start(await repositoryFolder({ mlp }), [
    '--model-control-mode=explicit',
    '--load-model=mlp',
    ...flags,
  ]);
}

/** Writes bytes to a connection, and gives back all that comes until the server closes it, or `ms` have passed. */
function raw(port: number, bytes: string | Uint8Array, ms = 1500): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const end = (): void => {
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(end, ms);
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      end();
    });
  });
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);

function errorOf({ body }: Answer): string {
  return (JSON.parse(body.toString()) as { error: string }).error;
}

async function alive(server: ServingProcess): Promise<void> {
  expect((await server.post(infer, good)).status).toBe(200);
}

test('bodies that are not what they should be: 400 and a sentence, and the server goes on', async () => {
  const server = await start();
  const tensor = (more: object): string =>
    JSON.stringify({ inputs: [{ name: 'x', shape: [1, 64], datatype: 'FP32', ...more }] });
  const data = Array.from(ramp(64));
  const bodies: Record<string, string | Uint8Array> = {
    nothing: '',
    'half of a body': good.slice(0, good.length / 2),
    'not JSON': 'inputs=1',
    'a number': '7',
    null: 'null',
    'an array': '[]',
    'no inputs': '{}',
    'inputs that are no array': '{"inputs":{}}',
    'an input that is no object': '{"inputs":[7]}',
    'an input without a name': '{"inputs":[{"shape":[1,64],"datatype":"FP32","data":[]}]}',
    'a name that is a number': tensor({ name: 7, data }),
    'an unknown input': tensor({ name: 'y', data }),
    'an input twice': `{"inputs":[${tensor({ data }).slice(11, -2)},${tensor({ data }).slice(11, -2)}]}`,
    'no data': tensor({}),
    'an unknown datatype': tensor({ datatype: 'FP33', data }),
    'a datatype that the model has not': tensor({ datatype: 'INT64', data: data.map(() => 1) }),
    'a negative shape': tensor({ shape: [-1, 64], data }),
    'a shape of fractions': tensor({ shape: [1.5, 64], data }),
    'a shape of strings': tensor({ shape: ['1', '64'], data }),
    'an enormous shape': tensor({ shape: [2 ** 31, 2 ** 31], data }),
    'a shape beyond all numbers': `{"inputs":[{"name":"x","shape":[1e400,64],"datatype":"FP32","data":[1]}]}`,
    'an empty shape': tensor({ shape: [], data }),
    'too many dimensions': tensor({ shape: Array(1000).fill(1), data }),
    'the wrong number of dimensions': tensor({ shape: [64], data }),
    'too large a batch': tensor({ shape: [9, 64], data: Array(9 * 64).fill(0) }),
    'too few elements': tensor({ data: data.slice(1) }),
    'too many elements': tensor({ data: [...data, 0] }),
    'elements that are strings': tensor({ data: data.map(String) }),
    'elements that are null': tensor({ data: data.map(() => null) }),
    'deeply nested data': tensor({ data: 0 }).replace(
      '"data":0',
      `"data":${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    ),
    'binary data that is not there': tensor({ parameters: { binary_data_size: 256 } }),
    'a negative binary size': tensor({ parameters: { binary_data_size: -256 } }),
    'a binary size that is a string': tensor({ parameters: { binary_data_size: '256' } }),
    'an unknown output': JSON.stringify({
      ...(JSON.parse(good) as object),
      outputs: [{ name: 'z' }],
    }),
    'a classification of none': JSON.stringify({
      ...(JSON.parse(good) as object),
      outputs: [{ name: 'y', parameters: { classification: -1 } }],
    }),
    'bytes that are not UTF-8': Buffer.concat([
      Buffer.from('{"id":"'),
      Buffer.from([0xff, 0xfe, 0xc0]),
      Buffer.from('"}'),
    ]),
    'a byte order mark alone': Buffer.from([0xef, 0xbb, 0xbf]),
    'a prototype': '{"__proto__":{"inputs":[]},"constructor":{"prototype":1}}',
  };
  for (const [what, body] of Object.entries(bodies)) {
    const answer = await server.post(infer, body, { 'Content-Type': 'application/json' });
    expect(answer.status, `${what}: ${answer.body.toString().slice(0, 200)}`).toBe(400);
    expect(errorOf(answer).length, what).toBeGreaterThan(5);
    expect(errorOf(answer), what).not.toMatch(/at .*\(.*:\d+:\d+\)|undefined|\[object/);
  }
  const far = tensor({
    parameters: { shared_memory_region: 'far', shared_memory_byte_size: 256 },
  });
  expect((await server.post(infer, far)).status).toBe(404);
  await alive(server);
});

test('Inference-Header-Content-Length that is wrong', async () => {
  const server = await start();
  const header = JSON.stringify({
    inputs: [
      { name: 'x', shape: [1, 64], datatype: 'FP32', parameters: { binary_data_size: 256 } },
    ],
  });
  const body = Buffer.concat([Buffer.from(header), Buffer.from(ramp(64).buffer)]);
  const send = (length: string, bytes: Uint8Array = body): Promise<Answer> =>
    server.post(infer, bytes, { 'Inference-Header-Content-Length': length });
  expect((await send(String(header.length))).status).toBe(200);
  for (const length of [
    ...['0', '-1', '1', String(header.length - 1), String(header.length + 1), String(body.length)],
    ...[String(body.length + 1), '99999999999999999999', '0x10', '1e2', '7.5', 'many', ' ', '١'],
  ]) {
    const answer = await send(Buffer.from(length).toString('latin1')).catch(() => undefined);
    expect(answer?.status ?? 400, `length ${length}: ${answer?.body.toString() ?? ''}`).toBe(400);
  }
  // Too little, and too much, behind the header.
  for (const bytes of [body.subarray(0, -1), Buffer.concat([body, Buffer.alloc(1)])]) {
    expect((await send(String(header.length), bytes)).status).toBe(400);
  }
  await alive(server);
});

test('unknown models, versions and paths', async () => {
  const server = await start();
  const unknown: [string, string, number[]][] = [
    ['POST', '/v2/models/nobody/infer', [404]],
    ['GET', '/v2/models/nobody', [404]],
    ['GET', '/v2/models/nobody/config', [404]],
    ['GET', '/v2/models/nobody/stats', [404]],
    ['GET', '/v2/models/nobody/ready', [400, 404]],
    ['POST', '/v2/models/mlp/versions/7/infer', [404]],
    ['POST', '/v2/models/mlp/versions/-1/infer', [400, 404]],
    ['POST', '/v2/models/mlp/versions/99999999999999999999/infer', [400, 404]],
    ['POST', '/v2/models/mlp/versions/latest/infer', [400]],
    ['GET', '/v2/nothing', [404]],
    ['GET', '/v3', [404]],
    ['DELETE', infer, [404, 405]],
    ['GET', infer, [404, 405]],
    ['GET', '/v2/models/__proto__', [404]],
    ['GET', '/v2/models/constructor/config', [404]],
    ['GET', `/v2/models/${'x'.repeat(8000)}`, [400, 404, 414]],
  ];
  for (const [method, target, statuses] of unknown) {
    const answer = await server.send(method, target, method === 'POST' ? good : '');
    expect(statuses, `${method} ${target}: ${answer.status}`).toContain(answer.status);
  }
  await alive(server);
});

describe('names and paths that lead out of the repository', () => {
  let folder: string;
  let outside: string;
  const secret = 'CANARY-7319';

  async function startBesideCanary(): Promise<ServingProcess> {
    const parent = tempFolder();
    folder = path.join(parent, 'models');
    outside = path.join(parent, 'outside');
    mkdirSync(path.join(outside, '1'), { recursive: true });
    writeFileSync(path.join(outside, 'config.pbtxt'), `name: "${secret}"\n${secret} {`);
    writeFileSync(path.join(outside, '1/model.plan'), secret);
    const made = await repositoryFolder({ mlp });
    cpSync(made, folder, { recursive: true });
    return ServingProcess.start(folder, ['--model-control-mode=explicit', '--load-model=mlp']);
  }

  test('in model names', async () => {
    const server = await startBesideCanary();
    const names = [
      ...[
        '..',
        '.',
        '../outside',
        '..%2Foutside',
        '%2e%2e%2foutside',
        '..%5Coutside',
        'mlp%2F..%2F..%2Foutside',
      ],
      ...[
        '%2Fetc',
        '%00',
        'mlp%00',
        'mlp%2F1',
        '%252e%252e%252foutside',
        '~',
        '%ff%fe',
        'mlp%0d%0aX: y',
      ],
    ];
    for (const name of names) {
      for (const request of [
        `POST /v2/repository/models/${name}/load HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        `GET /v2/models/${name}/config HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      ]) {
        const answer = await raw(server.port, request);
        expect(statusOf(answer), request).toBeGreaterThanOrEqual(400);
        expect(answer).not.toContain(secret);
      }
    }
    await alive(server);
  });

  test('in files and configs of load requests', async () => {
    const server = await startBesideCanary();
    const config = JSON.stringify({ name: 'mlp', max_batch_size: 8 });
    const plan = readFileSync(path.join(folder, 'mlp/1/model.plan')).toString('base64');
    const canary = Buffer.from(secret).toString('base64');
    const load = (parameters: object): Promise<Answer> =>
      server.post('/v2/repository/models/brought/load', JSON.stringify({ parameters }));
    const before = readdirSync(path.dirname(folder), { recursive: true }).sort();
    const names = [
      ...[
        '../outside/written',
        '../../outside/written',
        `${outside}/written`,
        '1/../../../outside/written',
      ],
      ...[
        '..',
        '.',
        '',
        '/',
        '1/..',
        '\0',
        'a\0b',
        '..\\outside\\written',
        '1//model.plan',
        './1/model.plan',
      ],
    ];
    for (const name of names) {
      const answer = await load({ config, 'file:1/model.plan': plan, [`file:${name}`]: canary });
      // Nothing that leaves the folder; what stays in it may be taken, and is not written anywhere either.
      if (answer.status === 200) expect(path.posix.normalize(name).startsWith('..')).toBe(false);
      else expect(answer.status, name).toBe(400);
    }
    for (const wrong of [
      { default_model_filename: '../../../outside/1/model.plan' },
      { default_model_filename: `${outside}/1/model.plan` },
      {
        output: [
          {
            name: 'y',
            data_type: 'TYPE_FP32',
            dims: [32],
            label_filename: '../outside/config.pbtxt',
          },
        ],
      },
    ]) {
      const answer = await server.post(
        '/v2/repository/models/mlp/load',
        JSON.stringify({
          parameters: { config: JSON.stringify({ name: 'mlp', max_batch_size: 8, ...wrong }) },
        }),
      );
      expect(answer.status, JSON.stringify(wrong)).toBeGreaterThanOrEqual(400);
      expect(answer.body.toString()).not.toContain(secret);
    }
    for (const parameters of [
      { config: 7 },
      { config: '{' },
      { config: secret },
      { 'file:1/model.plan': plan },
      { config, 'file:1/model.plan': 7 },
      { config, 'file:1/model.plan': '*no base64*' },
      { config, 'file:1/model.plan': canary },
      { unknown: 1 },
    ]) {
      const answer = await load(parameters);
      expect(answer.status, JSON.stringify(parameters).slice(0, 80)).toBeGreaterThanOrEqual(400);
    }
    expect(readdirSync(path.dirname(folder), { recursive: true }).sort()).toEqual(before);
    await alive(server);
  });
});

test('bodies that are larger than allowed are refused before they are read', async () => {
  const server = await start('--http-max-input-size=100000');
  const large = await raw(
    server.port,
    `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n\r\n${'x'.repeat(1000)}`,
  );
  expect([400, 413]).toContain(statusOf(large));
  const chunks = `186a0\r\n${'x'.repeat(100_000)}\r\n`.repeat(4);
  const chunked = await raw(
    server.port,
    `POST ${infer} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  );
  expect([400, 413]).toContain(statusOf(chunked));
  // A body that is small until it is inflated.
  const bomb = gzipSync(Buffer.alloc(50_000_000, '['));
  const inflated = await server.post(infer, bomb, { 'Content-Encoding': 'gzip' });
  expect([400, 413]).toContain(inflated.status);
  for (const [encoding, body] of [
    ['gzip', Buffer.from('no gzip')],
    ['deflate', gzipSync(good)],
    ['br', Buffer.from(good)],
  ] as const) {
    expect(
      (await server.post(infer, body, { 'Content-Encoding': encoding })).status,
    ).toBeGreaterThanOrEqual(400);
  }
  await alive(server);
  expect(await server.residentMiB()).toBeLessThan(1024);
});

test('requests that are not HTTP', async () => {
  const server = await start();
  for (const bytes of [
    'GARBAGE\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]),
    `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n`,
    `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello`,
    `GET /v2 HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    `GET /v2 HTTP/1.1\r\n${'A: b\r\n'.repeat(20_000)}\r\n`,
  ]) {
    const answer = await raw(server.port, bytes);
    expect([0, 400, 404, 413, 431, 505], answer.slice(0, 200)).toContain(statusOf(answer));
  }
  await alive(server);
});

test('connections that dawdle are closed, and hold up nobody', async () => {
  const repository = await ModelRepository.open(await repositoryFolder({ mlp }), reference);
  const door = await createServer(repository, {
    limits: { headersTimeoutMs: 500, requestTimeoutMs: 500 },
  });
  const { port } = await door.listen(0);
  onTestFinished(async () => {
    await door.close({ graceMs: 0 });
    await repository.close();
  });
  const heads = [
    `POST ${infer} HTTP/1.1\r\nHost: x\r\n`,
    `POST ${infer} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n`,
  ];
  const dawdlers = Array.from({ length: 50 }, (_, index) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(heads[index % 2] as string));
    const timer = setInterval(() => socket.writable && socket.write('X'), 100);
    socket.on('error', () => {});
    return new Promise<void>((resolve) => {
      socket.on('close', () => {
        clearInterval(timer);
        resolve();
      });
    });
  });
  for (let turn = 0; turn < 10; turn++) {
    const answer = await fetch(`http://127.0.0.1:${port}${infer}`, { method: 'POST', body: good });
    expect(answer.status).toBe(200);
  }
  // However slowly their bytes come, the time for a request ends.
  await Promise.all(dawdlers);
});
