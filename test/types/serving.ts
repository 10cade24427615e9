// Compiled, never run: serving as a consumer's compiler sees it, the author of a js model included.
import { createServer as createHttpServer } from 'node:http';
import { expectTypeOf } from 'expect-type';
import type { HttpDoor } from 'trt-node';
import {
  type GrpcDoor,
  InferTensor,
  type InferenceServer,
  type InferenceService,
  type JsContext,
  type JsModel,
  type JsRequest,
  type JsResponse,
  type ModelConfig,
  ModelRepository,
  type ModelStatistics,
  type NumericArray,
  type ServingCode,
  ServingError,
  type ServingStatus,
  Tensor,
  createGrpcServer,
  createMetrics,
  createServer,
  describeSecurity,
  isTensorRTError,
  parseModelConfig,
  parseRestrictedApi,
  serve,
} from 'trt-node';

export async function inProcess(signal: AbortSignal, x: Float32Array): Promise<void> {
  const repo = await ModelRepository.open(['models', 'more'], {
    controlMode: 'explicit',
    loadModels: ['mlp'],
    loadThreads: 2,
    memoryBudgetBytes: 2 ** 30,
    unloadWhenFull: 'lru',
    cache: { sizeBytes: 2 ** 20 },
    onChange: ({ name, state }) => [name, state],
  });
  expectTypeOf(repo).toExtend<InferenceService>();
  const { y } = await repo.infer(
    'mlp',
    { x, words: ['a', Buffer.from('b')], t: new Tensor('float32', x, [1, 64]) },
    { priority: 1, timeoutMs: 50, signal, sequenceId: 7n, sequenceStart: true, views: true },
  );
  expectTypeOf(y?.shape).toEqualTypeOf<readonly number[] | undefined>();
  const again = await repo.infer('mlp', { x: new InferTensor('FP16', new Uint16Array(2), [1, 2]) });
  expectTypeOf(again).toEqualTypeOf<Readonly<Record<string, InferTensor>>>();
  const response = await repo.request({ modelName: 'mlp', version: 3, id: 'a', inputs: { x } });
  expectTypeOf(response.outputs).toEqualTypeOf<Readonly<Record<string, InferTensor>>>();
  await repo.load('mlp', { config: '{}', files: new Map([['1/model.plan', new Uint8Array()]]) });
  await repo.unload('mlp', { dependents: true });
  expectTypeOf(repo.model('mlp').statistics).toEqualTypeOf<ModelStatistics>();
  expectTypeOf(repo.model('mlp').config).toEqualTypeOf<ModelConfig>();
  expectTypeOf(parseModelConfig('', 'config.pbtxt').max_batch_size).toEqualTypeOf<number>();
  // @ts-expect-error no such mode
  await ModelRepository.open('models', { controlMode: 'sometimes' });
  // @ts-expect-error no such option
  await repo.infer('mlp', { x }, { timeout: 5 });
  // @ts-expect-error a repository is opened
  new ModelRepository(['models'], {});
  await repo.close();
}

export function errors(error: unknown): ServingStatus | undefined {
  if (error instanceof ServingError) {
    expectTypeOf(error.code).toEqualTypeOf<ServingCode>();
    return error.status;
  }
  if (isTensorRTError(error) && error.code === 'ERR_TRT_QUEUE_FULL') {
    expectTypeOf(error.status).toEqualTypeOf<ServingStatus>();
  }
  return undefined;
}

export async function doors(repo: ModelRepository, own: InferenceService): Promise<void> {
  const door = await createServer(repo, {
    basePath: '/triton',
    access: { tokens: ['t'], restricted: [parseRestrictedApi('trace:k=v')] },
  });
  expectTypeOf(door).toEqualTypeOf<HttpDoor>();
  createHttpServer(door.handler);
  const grpc = createGrpcServer(own, { limits: { maxConcurrentRequests: 10 } });
  expectTypeOf(grpc).toExtend<GrpcDoor>();
  const metrics = createMetrics(repo, { gpu: false, doors: { http: door, grpc } });
  expectTypeOf(await metrics.text()).toEqualTypeOf<string>();
  expectTypeOf(describeSecurity({ address: '::' })).toExtend<readonly string[]>();
  const opened = await serve('models', { http: { port: 0 }, grpc: false, repository: {} });
  expectTypeOf(opened).toEqualTypeOf<InferenceServer<ModelRepository>>();
  expectTypeOf(opened.ports.http).toEqualTypeOf<number | undefined>();
  const server = await serve(own, { address: '0.0.0.0' });
  expectTypeOf(server.repository).toEqualTypeOf<InferenceService>();
  await server.close({ graceMs: 1000 });
  // @ts-expect-error a port is a number
  await serve('models', { http: { port: '8000' } });
}

/** A model of `backend: "js"`. */
export const model: JsModel = {
  initialize({ name, config, log }: JsContext): void {
    log('info', `${name}: ${config.max_batch_size}`);
  },
  execute(requests: readonly JsRequest[]): (JsResponse | Error)[] {
    return requests.map(({ inputs, batchSize }) => {
      const x = inputs.x;
      if (x === undefined) return new Error('x is missing');
      expectTypeOf(x.data).toEqualTypeOf<NumericArray | readonly Uint8Array[]>();
      return { outputs: { y: x, z: new Float32Array(batchSize), words: ['a'] } };
    });
  },
};

// @ts-expect-error a response has outputs
export const wrong: JsModel = { execute: (requests) => requests.map(() => ({ y: 1 })) };
