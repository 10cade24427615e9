// How `trt-node serve` ends: SIGTERM under load loses no accepted request, a second signal ends at once, a lost device turns readiness off.

import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { type ServiceClientConstructor, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';
import { mlpRepository, serveChild } from '../helpers/serve-child.js';

const body = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 64], data: Array<number>(64).fill(0.5) }],
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One request; rejects with Node's error where there is no connection. */
function send(port: number, url: string, agent?: Agent, content?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', path: url, method: content ? 'POST' : 'GET', agent };
    const outgoing = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(content);
  });
}

const infer = (port: number, agent?: Agent): Promise<Answer> =>
  send(port, '/v2/models/mlp/infer', agent, body);

/** ModelInfer with a message that was encoded by hand: a name, and inputs as raw bytes. */
function grpcClient(port: number): { infer: () => Promise<Buffer>; close: () => void } {
  const identity = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: '/inference.GRPCInferenceService/ModelInfer',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
  const made = loadPackageDefinition({ Inference: { ModelInfer: method } });
  const Client = made.Inference as ServiceClientConstructor;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const field = (number: number, bytes: Buffer): Buffer => {
    const length =
      bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
    return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
  };
  const tensor = Buffer.concat([
    field(1, Buffer.from('x')),
    field(2, Buffer.from('FP32')),
    field(3, Buffer.from([1, 64])),
  ]);
  const raw = Buffer.from(new Float32Array(64).fill(0.5).buffer);
  const message = Buffer.concat([field(1, Buffer.from('mlp')), field(5, tensor), field(7, raw)]);
  return {
    infer: () =>
      new Promise((resolve, reject) => {
        const call = client.ModelInfer as (
          bytes: Buffer,
          done: (error: Error | null, answer: Buffer) => void,
        ) => void;
        call.call(client, message, (error, answer) => {
          if (error === null) resolve(answer);
          else reject(error);
        });
      }),
    close: () => {
      client.close();
    },
  };
}

test('SIGTERM under load loses no accepted request', async () => {
  const folder = await mlpRepository();
  const env = { TRT_NODE_REFERENCE_FAULTS: 'delay=20' };
  const server = await serveChild([`--model-repository=${folder}`], env);
  const agent = new Agent({ keepAlive: true });
  const client = grpcClient(server.grpc);
  let answered = 0;
  const refused: string[] = [];
  const loop = async (one: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        const answer = (await one()) as Answer | Buffer;
        if (!Buffer.isBuffer(answer) && answer.status !== 200) {
          refused.push(`status ${answer.status}`);
          return;
        }
        answered++;
      } catch (error) {
        refused.push(String((error as NodeJS.ErrnoException).code));
        return;
      }
    }
  };
  const loops = [
    ...Array.from({ length: 16 }, () => loop(() => infer(server.http, agent))),
    ...Array.from({ length: 8 }, () => loop(() => client.infer())),
  ];
  await expect.poll(() => answered, { timeout: 20_000 }).toBeGreaterThan(100);
  expect(refused).toEqual([]);
  server.process.kill('SIGTERM');
  expect(await server.exited).toBe(0);
  await Promise.all(loops);
  client.close();
  agent.destroy();
  // 503 and gRPC's UNAVAILABLE (14) were refused before they were accepted; as were connections that were refused or reset.
  const allowed = ['ECONNREFUSED', 'ECONNRESET', 'status 503', '14'];
  expect(refused.filter((why) => !allowed.includes(why))).toEqual([]);
  // What the server says that it answered has come to the clients, to the last request.
  expect(server.log()).toContain(
    `Stopped: ${answered} inference requests were answered, 0 failed.`,
  );
});

test('while it drains it is not ready, and answers what it has', async () => {
  const folder = await mlpRepository();
  const env = { TRT_NODE_REFERENCE_FAULTS: 'delay=1500' };
  const server = await serveChild([`--model-repository=${folder}`], env);
  const agent = new Agent({ keepAlive: true });
  expect((await send(server.http, '/v2/health/ready')).status).toBe(200);
  const pending = infer(server.http, agent);
  await expect
    .poll(async () => (await send(server.http, '/status.json')).text)
    .toContain('"pending":1');
  server.process.kill('SIGTERM');
  await expect
    .poll(() =>
      send(server.http, '/v2/health/ready').then(
        () => 'open',
        (error: unknown) => (error as Error).message,
      ),
    )
    .toContain('ECONNREFUSED');
  expect((await pending).status).toBe(200);
  agent.destroy();
  expect(await server.exited).toBe(0);
});

test('a second signal ends at once, with a message and status 1', async () => {
  const folder = await mlpRepository();
  const env = { TRT_NODE_REFERENCE_FAULTS: 'delay=2000' };
  const server = await serveChild([`--model-repository=${folder}`], env);
  const lost = infer(server.http).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
  await expect
    .poll(async () => (await send(server.http, '/status.json')).text)
    .toContain('"pending":1');
  server.process.kill('SIGTERM');
  await expect.poll(() => server.log()).toContain('waiting for in-flight');
  server.process.kill('SIGTERM');
  expect(await server.exited).toBe(1);
  expect(server.log()).toContain('SIGTERM again: ending with 1 requests in flight');
  expect(await lost).toBe('ECONNRESET');
});

test.each([
  ['stays, and is not ready, with the reason', []],
  ['ends with status 1 where --exit-on-device-lost asks for it', ['--exit-on-device-lost=true']],
])('a lost device: the server %s', async (_name, flags) => {
  const folder = await mlpRepository();
  const env = { TRT_NODE_REFERENCE_FAULTS: 'launch=719@60' };
  const server = await serveChild([`--model-repository=${folder}`, ...flags], env);
  for (let index = 0; index < 300; index++) {
    const answer = await infer(server.http).catch(() => undefined);
    if (answer?.status !== 200) break;
  }
  if (flags.length > 0) {
    expect(await server.exited).toBe(1);
    expect(server.log()).toContain('Not ready:');
    return;
  }
  await expect.poll(async () => (await send(server.http, '/v2/health/ready')).status).not.toBe(200);
  const status = JSON.parse((await send(server.http, '/status.json')).text) as {
    readiness: { ready: boolean; reasons: string[]; deviceLost: boolean };
  };
  expect(status.readiness).toMatchObject({ ready: false, deviceLost: true });
  expect(status.readiness.reasons.join()).toContain("model 'mlp'");
  server.process.kill('SIGTERM');
  expect(await server.exited).toBe(0);
});

test('a port that is in use is found out before models are loaded, and named', async () => {
  const folder = await mlpRepository();
  const first = await serveChild([`--model-repository=${folder}`]);
  const flags = [`--model-repository=${folder}`, `--http-port=${first.http}`];
  const taken = await runChild('dist/cli/main.js', {
    args: [
      'serve',
      '--runtime=reference',
      '--http-address=127.0.0.1',
      ...flags,
      '--grpc-port=0',
      '--metrics-port=0',
    ],
  });
  expect(taken.code).toBe(1);
  expect(taken.stderr).toContain(
    `failed to start HTTPService at 127.0.0.1:${first.http}: it is in use`,
  );
  expect(taken.stderr).not.toContain('loading');
});

test('a request that takes longer than --exit-timeout-secs is cancelled, with status 1', async () => {
  const folder = await mlpRepository();
  mkdirSync(path.join(folder, 'never', '1'), { recursive: true });
  writeFileSync(
    path.join(folder, 'never', 'config.pbtxt'),
    'backend: "js" parameters { key: "execution" value { string_value: "process" } } input { name: "x" data_type: TYPE_FP32 dims: [ 64 ] } output { name: "y" data_type: TYPE_FP32 dims: [ 64 ] }',
  );
  writeFileSync(
    path.join(folder, 'never', '1', 'model.js'),
    'exports.execute = () => new Promise(() => {});',
  );
  const server = await serveChild([`--model-repository=${folder}`, '--exit-timeout-secs=1']);
  const content = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [64], data: Array<number>(64).fill(0) }],
  });
  const answer = send(server.http, '/v2/models/never/infer', undefined, content).catch(
    (error: unknown) => error,
  );
  await expect
    .poll(async () => (await send(server.http, '/v2/models/stats')).text, { timeout: 10_000 })
    .toContain('"never"');
  await expect
    .poll(async () => JSON.parse((await send(server.http, '/status.json')).text) as unknown)
    .toMatchObject({ models: [{ name: 'mlp' }, { name: 'never', served: { pending: 1 } }] });
  server.process.kill('SIGTERM');
  expect(await server.exited).toBe(1);
  expect(server.log()).toContain('Exit timeout expired');
  const given = await answer;
  if (!(given instanceof Error)) expect((given as Answer).status).not.toBe(200);
});
