// Doors before a real repository: what traces, metrics and answers say of its models, and clients that go away while their requests wait.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ModelRepository } from '../../../lib/serving/repository/model-repository.js';
import { type ServeOptions, serve } from '../../../lib/serving/serve.js';
import type { InferenceServer } from '../../../lib/serving/server.js';
import type { ServerSettingsOptions } from '../../../lib/serving/settings.js';
import type { ServedVersion } from '../../../lib/serving/service.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { until } from '../../helpers/http-door.js';
import { type FolderModel, repositoryFolder, slowModel } from '../../helpers/serving-repository.js';
import { tempFolder } from '../../helpers/temp.js';

const mlp: FolderModel = { fixture: 'mlp', config: 'max_batch_size: 32\ndynamic_batching { }\n' };

/** S4's super resolution has an output of such a name. */
const numbered: FolderModel = {
  config: `backend: "js"
input [ { name: "x" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "z" data_type: TYPE_INT32 dims: [ 1 ] },
  { name: "914" data_type: TYPE_INT32 dims: [ 1 ] },
  { name: "7" data_type: TYPE_INT32 dims: [ 1 ] } ]
`,
  files: {
    '1/model.cjs': `exports.execute = (requests) =>
  requests.map(({ inputs }) => ({ outputs: { z: inputs.x, 914: inputs.x, 7: inputs.x } }));
`,
  },
};

async function start(
  models: Readonly<Record<string, FolderModel>>,
  options: ServeOptions = {},
  trace: Pick<ServerSettingsOptions, 'trace'> = {},
): Promise<{ server: InferenceServer<ModelRepository>; url: string; client: GrpcTestClient }> {
  const server = await serve(await repositoryFolder(models), {
    repository: { runtime: 'reference' },
    http: { port: 0 },
    grpc: { port: 0 },
    metrics: false,
    ...options,
    settings: { log: { log_error: false, log_warning: false, log_info: false }, ...trace },
  });
  const client = new GrpcTestClient(server.ports.grpc ?? 0);
  onTestFinished(async () => {
    client.close();
    await server.close({ graceMs: 0 });
  });
  return { server, url: `http://127.0.0.1:${server.ports.http}`, client };
}

async function infer(url: string, model: string, body: object): Promise<Response> {
  const answer = await fetch(`${url}/v2/models/${model}/infer`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return answer;
}

const int32 = (name: string, value: number) => ({
  name,
  datatype: 'INT32',
  shape: [1, 1],
  data: [value],
});

/** The first input of a model, with zeros. */
function zeros({ config }: ServedVersion) {
  const [input] = config.input;
  const shape = [1, ...(input?.dims ?? [])];
  const count = shape.reduce((product, extent) => product * extent, 1);
  return { name: input?.name ?? '', datatype: 'FP32', shape, data: new Array(count).fill(0.5) };
}

describe('traces of served models', () => {
  it('hold the steps of the queue and of computing, in order, through both doors', async () => {
    const file = path.join(tempFolder(), 'trace.json');
    const trace = { file, levels: ['TIMESTAMPS' as const], rate: 1 };
    const { server, url, client } = await start({ mlp }, {}, { trace });
    const { data, ...tensor } = zeros(server.repository.model('mlp'));
    await infer(url, 'mlp', { inputs: [{ ...tensor, data }] });
    await client.unary('ModelInfer', {
      model_name: 'mlp',
      inputs: [tensor],
      raw_input_contents: [Buffer.alloc(4 * data.length)],
    });
    const entries = JSON.parse(readFileSync(file, 'utf8')) as {
      id: number;
      timestamps?: { name: string; ns: number }[];
    }[];
    const steps = [
      'REQUEST_START',
      'QUEUE_START',
      'COMPUTE_START',
      'COMPUTE_INPUT_END',
      'COMPUTE_OUTPUT_START',
      'COMPUTE_END',
      'REQUEST_END',
    ];
    for (const id of [1, 2]) {
      const stamps = entries
        .filter((entry) => entry.id === id)
        .flatMap(({ timestamps = [] }) => timestamps)
        .filter(({ name }) => steps.includes(name));
      expect(stamps.map(({ name }) => name)).toEqual(steps);
      const times = stamps.map(({ ns }) => ns);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });
});

describe('names of outputs that are numbers', () => {
  it('do not change the order: of the config, or of the request', async () => {
    const { url, client } = await start({ numbered });
    const inputs = [{ ...int32('x', 5), shape: [1] }];
    const overHttp = async (outputs?: string[]) => {
      const asked = outputs?.map((name) => ({ name }));
      const answer = await infer(url, 'numbered', { inputs, outputs: asked });
      const text = await answer.text();
      return [...text.matchAll(/"name":"(\w+)"/g)].map(([, name]) => name);
    };
    const overGrpc = async (outputs: string[] = []) => {
      const answer = await client.unary('ModelInfer', {
        model_name: 'numbered',
        inputs: [{ name: 'x', datatype: 'INT32', shape: [1] }],
        raw_input_contents: [Buffer.from(Int32Array.of(5).buffer)],
        outputs: outputs.map((name) => ({ name })),
      });
      return (answer.outputs as { name: string }[]).map(({ name }) => name);
    };
    for (const ask of [overHttp, overGrpc]) {
      expect(await ask()).toEqual(['z', '914', '7']);
      expect(await ask(['914', 'z'])).toEqual(['914', 'z']);
      expect(await ask(['z', '7'])).toEqual(['z', '7']);
    }
  });
});

describe('metrics of served models', () => {
  it('tell how long loading took, and nothing of GPUs that the reference runtime does not use', async () => {
    const readGpus = () => Promise.resolve([{ uuid: 'GPU-1', memoryUsedBytes: 5 }]);
    const { server } = await start({ mlp }, { metrics: { port: 0, readGpus } });
    const answer = await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`);
    const text = await answer.text();
    const [, seconds] = /^nv_model_load_duration_secs\{[^}]*model="mlp"[^}]*\} (\S+)$/m.exec(text)!;
    expect(Number(seconds)).toBeGreaterThan(0);
    expect(text).not.toMatch(/^nv_(?:gpu|energy)\w+\{/m);
  });
});

describe('clients that go away', () => {
  /** A request runs, another waits behind it. */
  async function busy(): Promise<{
    url: string;
    port: number;
    client: GrpcTestClient;
    version: ServedVersion;
    first: Promise<Response>;
  }> {
    const { server, url, client } = await start({ slow: slowModel });
    const version = server.repository.model('slow');
    const first = infer(url, 'slow', { inputs: [int32('MS', 400)] });
    await until(() => version.pending === 1);
    return { url, port: server.ports.http ?? 0, client, version, first };
  }

  /** The request that waited has left the queue, and never ran. */
  async function expectCancelled(version: ServedVersion, first: Promise<Response>): Promise<void> {
    await until(() => version.pending === 1);
    await first;
    const { statistics } = version;
    expect(statistics.failures.CANCELED).toBe(1);
    expect(statistics.executionCount).toBe(1);
    expect(version.pending).toBe(0);
  }

  it('HTTP: a socket that closes takes its request out of the queue', async () => {
    const { port, version, first } = await busy();
    const body = JSON.stringify({ inputs: [int32('MS', 1)] });
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST /v2/models/slow/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until(() => version.pending === 2);
    socket.destroy();
    await expectCancelled(version, first);
  });

  const message = {
    model_name: 'slow',
    inputs: [{ name: 'MS', datatype: 'INT32', shape: [1, 1] }],
    raw_input_contents: [Buffer.from(Int32Array.of(1).buffer)],
  };

  it('gRPC: a call that is cancelled', async () => {
    const { client, version, first } = await busy();
    const call = client.unary('ModelInfer', message);
    const ended = expect(call).rejects.toMatchObject({ code: 1 });
    await until(() => version.pending === 2);
    call.cancel();
    await ended;
    await expectCancelled(version, first);
  });

  it('gRPC: a call whose deadline passes', async () => {
    const { client, version, first } = await busy();
    const call = client.unary('ModelInfer', message, { deadline: Date.now() + 150 });
    await expect(call).rejects.toMatchObject({ code: 4 });
    await expectCancelled(version, first);
  });

  it('gRPC: a connection that breaks off with a stream', async () => {
    const { client, version, first } = await busy();
    const stream = client.stream();
    stream.on('error', () => undefined);
    stream.write(message);
    await until(() => version.pending === 2);
    stream.cancel();
    await expectCancelled(version, first);
  });
});
