// Weight streaming budgets, when contexts get activation memory, and runtime configs.

import { describe, expect, onTestFinished, test } from 'vitest';
import { ActivationMemory, Runtime, Session, Tensor, build } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { knownAnswer } from '../helpers/known-answers.js';
import { reference, referencePlan, referenceSession } from '../helpers/reference.js';

const streamable = 64 * 32 * 4;
let streamed: Promise<Uint8Array> | undefined;

/** mlp with streamable weights. */
function streamedPlan(): Promise<Uint8Array> {
  streamed ??= build({
    ...reference,
    ...knownAnswer('mlp').build,
    onnx: 'test/fixtures/onnx/mlp.onnx',
    stronglyTyped: true,
    weightStreaming: true,
  });
  return streamed;
}

describe('weight streaming', () => {
  test('the engine tells and takes a budget, while it has no context', async () => {
    using runtime = new Runtime(reference);
    const engine = runtime.deserializeEngine(await streamedPlan());
    expect(engine.streamableWeightsBytes).toBe(streamable);
    const { deviceMemoryBytes } = engine;
    expect(engine.weightStreaming).toEqual({
      streamableBytes: streamable,
      budgetBytes: streamable,
      automaticBudgetBytes: streamable / 2,
      scratchMemoryBytes: 0,
    });
    engine.setWeightStreamingBudget(0);
    expect(engine.weightStreamingBudget).toBe(0);
    expect(engine.weightStreaming.scratchMemoryBytes).toBe(streamable);
    // Contexts need the scratch memory too.
    expect(engine.deviceMemoryBytes).toBe(deviceMemoryBytes + streamable);
    expect(engine.deviceMemoryBytesPerProfile[0]).toBeGreaterThan(streamable);
    engine.setWeightStreamingBudget('25%');
    expect(engine.weightStreamingBudget).toBe(streamable / 4);
    engine.setWeightStreamingBudget('auto');
    expect(engine.weightStreamingBudget).toBe(streamable / 2);
    engine.setWeightStreamingBudget('off');
    expect(engine.weightStreamingBudget).toBe(streamable);
    expect(engine.deviceMemoryBytes).toBe(deviceMemoryBytes);
    const context = engine.createExecutionContext();
    await expectError(
      () => {
        engine.setWeightStreamingBudget(0);
      },
      'ERR_TRT_INVALID_ARGUMENT',
      'execution contexts',
    );
    context.close();
    engine.setWeightStreamingBudget(0);
  });

  test.each([0, 'auto', 'off', '50%', 4096] as const)(
    'a session with budget %s',
    async (budget) => {
      const session = await Session.load(await streamedPlan(), {
        ...reference,
        weightStreamingBudget: budget,
        cudaGraph: 'on',
      });
      onTestFinished(() => session.close());
      await knownAnswer('mlp').check(session);
      await knownAnswer('mlp').check(session);
    },
  );

  test('an engine without streamable weights', async () => {
    const plan = await referencePlan('mlp');
    await expectError(
      () => Session.load(plan, { ...reference, weightStreamingBudget: 'auto' }),
      'ERR_TRT_INVALID_ARGUMENT',
      'weightStreaming',
    );
    await referenceSession('mlp', { weightStreamingBudget: 'off' }); // it is off
  });

  test.each([-1, 1.5, 'all', '101%', '-5%', '%', null, {}])('%j is no budget', async (budget) => {
    const plan = await streamedPlan();
    await expectError(
      () => Session.load(plan, { ...reference, weightStreamingBudget: budget as never }),
      'ERR_TRT_INVALID_ARGUMENT',
      'weightStreamingBudget',
    );
  });

  test('needs strong typing', async () => {
    await expectError(
      () =>
        build({
          ...reference,
          ...knownAnswer('mlp').build,
          onnx: 'test/fixtures/onnx/mlp.onnx',
          weightStreaming: true,
        }),
      'ERR_TRT_INVALID_ARGUMENT', // i5-options refuses it before the builder does
      'stronglyTyped',
    );
  });
});

describe('activation memory of contexts', () => {
  test.each(['static', 'onProfileChange', 'lent'] as const)('%s', async (strategy) => {
    const session = await referenceSession('mlp', {
      executionContextAllocationStrategy: strategy,
      instances: 2,
      cudaGraph: 'on',
    });
    const { activationBytes } = session.memory();
    const perContext = session.engine.deviceMemoryBytes;
    const ofProfile = session.engine.deviceMemoryBytesPerProfile[0]!;
    const expected = { static: 2 * perContext, onProfileChange: 2 * ofProfile, lent: ofProfile };
    expect(activationBytes).toBe(expected[strategy]);
    for (let round = 0; round < 3; round++) {
      await Promise.all([0, 1].map(() => knownAnswer('mlp').check(session)));
    }
    if (strategy === 'static') {
      const x = new Tensor('float32', new Float32Array(64 * 64), [64, 64]);
      await session.run({ x }, { profile: 1 }); // one more context
      expect(session.memory().activationBytes).toBeGreaterThanOrEqual(3 * perContext);
    }
    expect(session.stats().cudaGraph.hits).toBeGreaterThan(0);
  });

  test('contradictions and words that are none', async () => {
    using activationMemory = new ActivationMemory(reference);
    await expectError(
      () =>
        referenceSession('mlp', { executionContextAllocationStrategy: 'static', activationMemory }),
      'ERR_TRT_INVALID_ARGUMENT',
      'activationMemory',
    );
    await expectError(
      () => referenceSession('mlp', { executionContextAllocationStrategy: 'userManaged' as never }),
      'ERR_TRT_INVALID_ARGUMENT',
      "'lent'",
    );
  });

  test('a runtime config needs a newer TensorRT than the reference runtime presents', async () => {
    using runtime = new Runtime(reference);
    const engine = runtime.deserializeEngine(await referencePlan('mlp'));
    await expectError(() => engine.createRuntimeConfig(), 'ERR_TRT_UNSUPPORTED', '10.11', '10.6');
  });
});
