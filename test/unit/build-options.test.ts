// build(): every option of the builder, of inputs and outputs, and of layers; what is wrong with them. (What reaches TensorRT, with which numbers, is in
// native/test/build_options_test.cc.)

import { describe, expect, test } from 'vitest';
import { type BuildOptions, build, inspect } from 'trt-node';
import { bestPrecisions } from '../../lib/build/config-options.js';
import { expectError } from '../helpers/expect-error.js';
import { reference } from '../helpers/reference.js';

const mlp = {
  ...reference,
  onnx: 'test/fixtures/onnx/mlp.onnx',
  profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
};

describe('what is taken', () => {
  const taken: Partial<BuildOptions>[] = [
    { refit: true, stripWeights: true },
    { refitIdentical: true },
    { weightStreaming: true, stronglyTyped: true },
    { versionCompatible: true, excludeLeanRuntime: true },
    { sparsity: 'enable', strictNans: true, directIO: true },
    { disableTimingCache: true, disableCompilationCache: true },
    { safetyScope: true, debugSynchronously: true, monitorMemory: true },
    { memoryPools: { workspace: 1 << 20, tacticSharedMemory: 48 << 10, dlaManagedSram: 1 << 20 } },
    { tacticSources: { cublas: true, jitConvolutions: false } },
    { previewFeatures: { aliasedPluginIO1003: true, profileSharing0806: undefined } },
    { avgTimingIterations: 8, maxTactics: -1, builderOptimizationLevel: 0, maxAuxStreams: 0 },
    { runtimePlatform: 'sameAsBuild' },
    { pluginsToSerialize: ['libplugin.so'], ignoreParsedPluginLibraries: true },
    { inputFormats: { x: { dtype: 'float32', formats: ['linear'] } }, outputFormats: {} },
    { inputFormats: { '*': { formats: ['linear'] } } },
    { layerMetadata: { '*': 'all of it' }, layerDeviceTypes: { '*': 'gpu' } },
    { precisionConstraints: 'prefer', layerPrecisions: { '*': 'float16' } },
    { precisionConstraints: 'obey', layerOutputTypes: { '*': ['float32'] } },
  ];
  test.each(taken)('%j', async (options) => {
    const plan = await build({ ...mlp, ...options });
    expect(await inspect(plan, reference)).toMatchObject({ kind: 'plan', runtime: 'reference' });
  });
});

describe('what is refused', () => {
  const invalid = 'ERR_TRT_INVALID_ARGUMENT';
  const unsupported = 'ERR_TRT_UNSUPPORTED';
  const refused: [Record<string, unknown>, string, ...string[]][] = [
    [{ stripWeight: true }, invalid, "Did you mean 'stripWeights'?"],
    [{ directIO: 1 }, invalid, 'directIO: expected true or false, got 1'],
    [{ sparsity: 'force' }, invalid, 'overwrite', 'Prune the model'],
    [{ sparsity: 'some' }, invalid, "'disable', 'enable'"],
    [{ memoryPools: { workspaces: 1 } }, invalid, "Did you mean 'workspace'?"],
    [{ memoryPools: { workspace: -1 } }, invalid, 'memoryPools.workspace', 'got -1'],
    [{ memoryPools: { workspace: 1 }, workspaceBytes: 1 }, invalid, 'both were given'],
    [{ tacticSources: { cublas: 'on' } }, invalid, 'tacticSources.cublas', 'got "on"'],
    [{ tilingOptimizationLevel: 4 }, invalid, 'from 0 to 3, got 4'],
    [{ runtimePlatform: 'linux' }, invalid, "'windowsAMD64'"],
    [{ pluginsToSerialize: 'a.so' }, invalid, 'pluginsToSerialize: expected an array'],
    [{ inputFormats: ['linear'] }, invalid, 'expected an object by name, got an array'],
    [{ inputFormats: { x: { format: [] } } }, invalid, "Did you mean 'formats'?"],
    [{ inputFormats: { x: null } }, invalid, "inputFormats 'x': expected an options object"],
    [{ inputFormats: { x: { dtype: 'float64' } } }, invalid, "inputFormats 'x': dtype", 'float64'],
    [{ inputFormats: { x: { formats: ['nchw'] } } }, invalid, "'dlaLinear'", 'got "nchw"'],
    [{ layerPrecisions: { 'a*b*': 'float16' } }, invalid, "at most one *, got 'a*b*'"],
    [{ layerDeviceTypes: { a: 'cpu' } }, invalid, "'gpu', 'dla', got \"cpu\""],
    [{ markDebug: 'y' }, invalid, 'markDebug: expected an array'],
    // from here on by the addon
    [{ int8: true }, invalid, 'int8: expected a model with Q/DQ nodes'],
    [{ fp16: true, stronglyTyped: true }, invalid, 'fp16 and stronglyTyped exclude each other'],
    [{ refit: true, refitIdentical: true }, invalid, 'refit and refitIdentical exclude'],
    [{ excludeLeanRuntime: true }, invalid, 'without versionCompatible'],
    [{ weightStreaming: true }, invalid, 'needs a strongly typed network'],
    [{ disableTimingCache: true, timingCacheFile: 'c' }, invalid, 'timing cache file'],
    [{ gpuFallback: true }, invalid, 'gpuFallback was given without dlaCore'],
    [{ dlaCore: 0 }, invalid, 'dlaCore needs fp16 or int8'],
    [{ dlaCore: 0, fp16: true }, invalid, 'this device has no DLA'],
    [{ layerPrecisions: { '*': 'float16' } }, invalid, 'precisionConstraints'],
    [{ layerMetadata: { 'no/*': 't' } }, invalid, "no layer of the network matches 'no/*'"],
    [{ inputFormats: { z: {} } }, 'ERR_TRT_UNKNOWN_TENSOR', "names 'z'", "There is: 'x'"],
    [{ markDebug: ['z'] }, 'ERR_TRT_UNKNOWN_TENSOR', "names 'z'"],
    // the reference runtime presents TensorRT 10.6
    [{ tilingOptimizationLevel: 1 }, unsupported, 'needs TensorRT 10.8 or newer'],
    [{ l2LimitForTiling: 1 << 20 }, unsupported, 'needs TensorRT 10.8 or newer'],
    [{ fp4: true }, unsupported, 'fp4 (BuilderFlag::kFP4)'],
    [{ previewFeatures: { runtimeActivationResize: true } }, unsupported, '10.10 and later'],
    [{ hardwareCompatibilityLevel: 'sameComputeCapability' }, unsupported, '10.6'],
    [{ buildRoute: '-a=b' }, unsupported, 'It is in TensorRT 11'],
    [{ markUnfusedTensorsAsDebugTensors: true }, unsupported, 'needs TensorRT 10.12 or newer'],
  ];
  test.each(refused)('%j', async (options, code, ...parts) => {
    const all = { ...mlp, ...options } as unknown as BuildOptions;
    await expectError(() => build(all), code as 'ERR_TRT_FILE', ...parts);
  });

  test('the type of an input where the types are the model’s', async () => {
    const inputFormats = { x: { dtype: 'float16' } } as const;
    await expectError(
      () => build({ ...mlp, stronglyTyped: true, inputFormats }),
      'ERR_TRT_INVALID_ARGUMENT',
      "The type of input 'x' cannot be float16",
      'float32',
    );
  });
});

describe('best', () => {
  const version = (major: number) => ({ major, minor: 0, patch: 0, build: 0 });
  const device = (...computeCapability: [number, number]) =>
    ({ computeCapability }) as Parameters<typeof bestPrecisions>[2];
  test.each([
    [10, device(9, 0), { fp16: true, bf16: true, int8: true }],
    [10, device(7, 5), { fp16: true, int8: true }],
    [10, device(10, 3), { fp16: true, bf16: true }],
    [8, device(9, 0), { fp16: true, int8: true }],
  ])('TensorRT %d on %j', (major, on, expected) => {
    expect(bestPrecisions(true, version(major), on)).toEqual(expected);
    expect(bestPrecisions(undefined, version(major), on)).toEqual({});
  });

  test('TensorRT 11 has only what the model says', async () => {
    await expectError(
      () => bestPrecisions(true, version(11), device(9, 0)),
      'ERR_TRT_UNSUPPORTED',
      'best cannot be asked for in TensorRT 11.0',
      'AutoCast',
    );
  });

  test('the builder hears of it', async () => {
    const lines: string[] = [];
    await build({ ...mlp, best: true, log: (_severity, line) => lines.push(line) });
    const said = (words: string): boolean => lines.some((line) => line.includes(words));
    expect(said('records the flag FP16')).toBe(true);
    // This model has no scales, and TensorRT refuses int8 without.
    expect(said('records the flag INT8')).toBe(false);
    expect(said('best goes without int8')).toBe(true);
  });
});
