// Faults of the device, by the reference runtime's injection, seen through a repository and its HTTP server.

import { connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { ModelRepository, createGrpcServer, createServer } from 'trt-node';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, reference } from '../helpers/reference.js';
import { repositoryFolder } from '../helpers/serving-repository.js';

const x = ramp(64);

async function open(config = ''): Promise<ModelRepository> {
  const folder = await repositoryFolder({
    mlp: { fixture: 'mlp', config: `max_batch_size: 8\n${config}` },
  });
  const repository = await ModelRepository.open(folder, reference);
  onTestFinished(() => repository.close());
  return repository;
}

/** The status of a GET. */
async function serving(repository: ModelRepository): Promise<(path: string) => Promise<number>> {
  const door = await createServer(repository, {});
  const { port } = await door.listen(0);
  onTestFinished(() => door.close({ graceMs: 1000 }));
  return async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
}

/** Asks ServerReady over gRPC. */
async function grpcReady(repository: ModelRepository): Promise<boolean> {
  const door = createGrpcServer(repository, {});
  const { port } = await door.listen(0, '127.0.0.1');
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/inference.GRPCInferenceService/ServerReady',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(Buffer.alloc(5)); // a message of no bytes
  const answer = await buffer(stream);
  session.close();
  await door.close({ graceMs: 1000 });
  // ServerReadyResponse: field 1 is `ready`; false is left out.
  return answer.subarray(5).equals(Buffer.from([8, 1]));
}

test('a failing launch fails the requests of its batch, and no others', async () => {
  const repository = await open(
    'dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 200000 }\ninstance_group [ { count: 1 kind: KIND_GPU } ]\n',
  );
  const batch = (size: number): Promise<PromiseSettledResult<unknown>[]> =>
    Promise.allSettled(Array.from({ length: size }, () => repository.infer('mlp', { x })));
  const states = (results: PromiseSettledResult<unknown>[]): Set<string> =>
    new Set(results.map(({ status }) => status));
  expect(states(await batch(4))).toEqual(new Set(['fulfilled']));
  injectFaults('enqueue');
  // A size that has no CUDA graph yet: those that have one are launched without enqueueV3.
  const failed = await batch(3);
  expect(states(failed)).toEqual(new Set(['rejected']));
  for (const one of failed) {
    expect((one as PromiseRejectedResult).reason).toMatchObject({
      code: expect.stringMatching(/^ERR_TRT_/) as string,
    });
  }
  injectFaults('');
  expect(states(await batch(3))).toEqual(new Set(['fulfilled']));
  expect(states(await batch(4))).toEqual(new Set(['fulfilled']));
  expect(repository.ready()).toEqual({ ready: true, reasons: [] });
  const { statistics } = repository.model('mlp');
  expect(statistics.failures.BACKEND).toBe(3);
  expect(statistics.success.count).toBe(11);
});

test('a lost device turns readiness off, says why, and leaves the server alive', async () => {
  const repository = await open();
  const get = await serving(repository);
  await repository.infer('mlp', { x });
  expect(await get('/v2/health/ready')).toBe(200);
  expect(await grpcReady(repository)).toBe(true);
  injectFaults('lost');
  await expect(repository.infer('mlp', { x })).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_TRT_/) as string,
  });
  const { ready, reasons } = repository.ready();
  expect(ready).toBe(false);
  expect(reasons.join()).toMatch(/mlp|device/i);
  expect(await get('/v2/health/ready')).toBe(400);
  expect(await get('/v2/models/mlp/ready')).toBe(400);
  expect(await grpcReady(repository)).toBe(false);
  expect(await get('/v2/health/live')).toBe(200);
});

test('a sticky CUDA error does so too', async () => {
  const repository = await open();
  const get = await serving(repository);
  await repository.infer('mlp', { x });
  injectFaults('sticky=700');
  await expect(repository.infer('mlp', { x })).rejects.toThrow();
  expect(await get('/v2/health/ready')).toBe(400);
  expect(repository.ready().reasons.join()).toMatch(/illegal|sticky|700|ILLEGAL_ADDRESS/);
});

test('a lack of device memory refuses the load, and what is loaded goes on', async () => {
  const repository = await open();
  injectFaults('alloc');
  await expect(repository.load('mlp')).rejects.toThrow();
  injectFaults('');
  const outputs = await repository.infer('mlp', { x });
  expect(outputs.y?.shape).toEqual([1, 32]);
});
