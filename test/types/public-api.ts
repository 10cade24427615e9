// Compiled, never run: what a consumer's compiler must accept, and under @ts-expect-error what it must refuse.
import { expectTypeOf } from 'expect-type';
import {
  type AnyTensorRTError,
  type BuildProfile,
  type DType,
  type DeviceTensor,
  type Feeds,
  type InvalidArgumentError,
  type OnnxDiff,
  type OnnxInfo,
  type OutOfMemoryError,
  type PlanDiff,
  type PlanInfo,
  Runtime,
  Session,
  Tensor,
  TensorRTError,
  bench,
  build,
  diff,
  diffPlans,
  drawGraph,
  inspect,
  isTensorRTError,
} from 'trt-node';

declare const session: Session;
declare const x: Float32Array;

export function tensors(): void {
  expectTypeOf(new Tensor('float32', x, [1]).data).toEqualTypeOf<Float32Array>();
  expectTypeOf(new Tensor('int64', [1, 2n]).data).toEqualTypeOf<BigInt64Array>();
  expectTypeOf(new Tensor('float16', new Uint16Array(1)).data).toEqualTypeOf<Uint16Array>();
  expectTypeOf(new Tensor('bool', [true]).data).toEqualTypeOf<Uint8Array>();
  expectTypeOf(new Tensor('float32', Buffer.alloc(4)).dtype).toEqualTypeOf<'float32'>();
  expectTypeOf(new Tensor('uint8', new Uint8ClampedArray(1)).data).toEqualTypeOf<Uint8Array>();
  expectTypeOf<Tensor<'float32'>>().toExtend<Tensor>();
  // @ts-expect-error another typed array
  new Tensor('float32', new Float64Array(1));
  // @ts-expect-error there is no such dtype
  new Tensor('float', x);
  // @ts-expect-error a shape is numbers
  new Tensor('float32', x, ['1']);
  // @ts-expect-error tensors are immutable
  new Tensor('float32', x).shape = [1];
  // @ts-expect-error tensors are immutable
  new Tensor('float32', x).shape[0] = 1;
}

export async function sessions(): Promise<void> {
  await using loaded = await Session.load('model.plan', { instances: 2, runtime: 'reference' });
  expectTypeOf(loaded).toEqualTypeOf<Session>();
  await Session.load(new ArrayBuffer(8));
  await Session.load(new URL('file:///model.plan'), { profile: 'auto' });
  // @ts-expect-error no such option
  await Session.load('model.plan', { instance: 2 });
  // @ts-expect-error no such runtime
  await Session.load('model.plan', { runtime: 'cpu' });
  // @ts-expect-error sessions are loaded
  new Session();

  const all = await session.run({ x });
  expectTypeOf(all).toEqualTypeOf<Record<string, Tensor>>();
  expectTypeOf(await session.run({ x }, { outputs: ['y'] })).toEqualTypeOf<
    Record<string, Tensor>
  >();
  const chosen = await session.run(
    { x: new Tensor('float32', x, [1]), ids: BigInt64Array.of(1n), shape: [1, 2] },
    { outputs: { a: 'device', b: 'host', c: new Float32Array(4), d: true }, deadlineMs: 5 },
  );
  expectTypeOf(chosen.a).toEqualTypeOf<DeviceTensor>();
  expectTypeOf(chosen.b).toEqualTypeOf<Tensor>();
  expectTypeOf(chosen.c).toEqualTypeOf<Tensor>();
  expectTypeOf(chosen.d).toEqualTypeOf<Tensor>();
  // @ts-expect-error not asked for
  expectTypeOf(chosen.e).toBeAny();
  await session.run({ x: chosen.a, y: chosen.b });
  expectTypeOf(await chosen.a.read()).toEqualTypeOf<Tensor>();
  expectTypeOf(session.runSync({ x })).toEqualTypeOf<Record<string, Tensor>>();
  expectTypeOf(
    session.runSync({ x }, { outputs: { y: 'device' } }).y,
  ).toEqualTypeOf<DeviceTensor>();
  // @ts-expect-error nothing could deliver a deadline
  session.runSync({ x }, { deadlineMs: 5 });
  // @ts-expect-error such a target does not exist
  await session.run({ x }, { outputs: { y: 'gpu' } });
  // @ts-expect-error text is no feed
  await session.run({ x: 'text' });
  const feeds: Feeds = { x };
  await session.run(feeds, { signal: AbortSignal.timeout(5), profile: 0 });
  expectTypeOf(session.inputs[0]?.dtype).toEqualTypeOf<DType | undefined>();
  expectTypeOf(session.close()).toEqualTypeOf<Promise<void>>();
}

export async function lowLevel(plan: Uint8Array): Promise<void> {
  using runtime = new Runtime({ device: 0 });
  using engine = runtime.deserializeEngine(plan);
  using context = engine.createExecutionContext('onProfileChange');
  using stream = runtime.createStream({ priority: -1 });
  using buffer = runtime.createDeviceBuffer(16);
  context.setOptimizationProfile(0, stream);
  context.setInputShape('x', [1, 4]);
  context.setTensorAddress('x', buffer);
  context.setTensorAddress('y', 0n);
  context.enqueue(stream);
  await stream.synchronize();
  expectTypeOf(engine.tensor('x').profiles[0]?.min).toEqualTypeOf<readonly number[] | undefined>();
  expectTypeOf(runtime.createDeviceTensor('int32', [2])).toEqualTypeOf<DeviceTensor<'int32'>>();
  expectTypeOf(runtime.createPinnedBuffer(4).tensor('float32', [1])).toEqualTypeOf<
    Tensor<'float32'>
  >();
  // @ts-expect-error a typed array is no device memory
  context.setTensorAddress('x', x);
  // @ts-expect-error the addon's object is not public
  expectTypeOf(runtime.native).toBeAny();
}

export async function functions(): Promise<void> {
  const profile: BuildProfile = {
    x: { min: [1], opt: [2], max: [3] },
    fixed: [1, 2],
    shape: { minValues: [1], optValues: [2], maxValues: [3] },
  };
  const options = { onnx: 'model.onnx', profiles: [profile], fp16: true };
  expectTypeOf(await build(options)).toEqualTypeOf<Uint8Array>();
  // @ts-expect-error the model is missing
  await build({ fp16: true });
  const info = await inspect('model.onnx');
  expectTypeOf(info).toEqualTypeOf<PlanInfo | OnnxInfo>();
  if (info.kind === 'onnx') expectTypeOf(info.opset).toEqualTypeOf<number>();
  else {
    expectTypeOf(info.header.bytes).toEqualTypeOf<number>();
    expectTypeOf(info.engine?.layers?.[0]?.precision).toEqualTypeOf<string | undefined>();
    expectTypeOf(diffPlans(info, info)).toEqualTypeOf<PlanDiff>();
  }
  expectTypeOf(drawGraph(info, { format: 'html' })).toEqualTypeOf<string>();
  // @ts-expect-error no such format
  drawGraph(info, { format: 'png' });
  expectTypeOf((await diff('a.plan', 'b.plan')).diff).toEqualTypeOf<PlanDiff | OnnxDiff>();
}

/** Exhaustive: a code without a case would make this not return on some path. */
export function reaction(error: AnyTensorRTError): string {
  switch (error.code) {
    case 'ERR_TRT_OUT_OF_MEMORY':
      expectTypeOf(error).toEqualTypeOf<OutOfMemoryError>();
      return `${error.requestedBytes ?? 0} bytes`;
    case 'ERR_TRT_DTYPE_MISMATCH':
      expectTypeOf(error).toEqualTypeOf<InvalidArgumentError>();
      return error.hint;
    // @ts-expect-error no such code
    case 'ERR_TRT_NOTHING':
      return '';
    default:
      expectTypeOf(error).toExtend<TensorRTError>();
      return error.reason;
  }
}

export function caught(thrown: unknown): string {
  if (thrown instanceof TensorRTError) {
    expectTypeOf(thrown.log).toEqualTypeOf<readonly string[]>();
  }
  return isTensorRTError(thrown) ? reaction(thrown) : '';
}

export async function benchmarks(): Promise<void> {
  const report = await bench('model.plan', {
    shapes: { x: [8, 64] },
    inputs: { y: new Tensor('float32', x), z: 'z.npy' },
    phases: ['device', 'js'],
    compat: 11,
    progress: ({ phase, queries }) => console.log(phase, queries),
  });
  expectTypeOf(report.device?.compute.median).toEqualTypeOf<number | undefined>();
  expectTypeOf(report.js?.timed?.split.wakeUp.mean).toEqualTypeOf<number | undefined>();
  expectTypeOf(report.findings[0]?.severity).toEqualTypeOf<'info' | 'warning' | undefined>();
  // @ts-expect-error there is no such phase
  await bench('model.plan', { phases: ['gpu'] });
  // @ts-expect-error 9 is no trtexec with other defaults
  await bench('model.plan', { compat: 9 });
}
