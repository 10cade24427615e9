// `trt-node build`: command lines of trtexec as their authors wrote them, and every flag of trtexec: done, ignored with a reason, or refused by name.

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { configOptions } from '../../lib/cli/build-config.js';
import { buildFlags } from '../../lib/cli/build-flags.js';
import { networkOptions } from '../../lib/cli/build-network.js';
import { UsageError, parseFlags } from '../../lib/cli/flags.js';
import { parseOnnx } from '../../lib/inspect/onnx.js';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { type ModelTensor, onnxModel } from '../helpers/onnx-model.js';
import { tempFolder } from '../helpers/temp.js';

const ids = (name: string): ModelTensor => ({ name, dtype: 'int32', shape: ['batch', 'length'] });

/** As the export of a BERT classifier: two int32 inputs, a float32 output. */
const bert = onnxModel(
  [ids('input_ids'), ids('segment_ids')],
  [
    { op: 'Add', inputs: ['input_ids', 'segment_ids'], outputs: ['sum'], name: 'add' },
    { op: 'Cast', inputs: ['sum'], outputs: ['output'], name: 'cast', attributes: { to: 1 } },
  ],
  [{ name: 'output', dtype: 'float32', shape: ['batch', 'length'] }],
);

function image(input: string, output: string, batch: number | string): Buffer {
  const shape = [batch, 3, 224, 224];
  return onnxModel(
    [{ name: input, dtype: 'float32', shape }],
    [{ op: 'Relu', inputs: [input], outputs: [output], name: 'relu' }],
    [{ name: output, dtype: 'float32', shape }],
  );
}

describe('command lines of field reports', () => {
  const home = process.cwd();
  beforeEach(() => {
    process.chdir(tempFolder());
    vi.stubEnv('TRT_NODE_RUNTIME', 'reference');
    writeFileSync('bert_cls.onnx', bert);
    writeFileSync('ResNet50.onnx', image('gpu_0/data_0', 'gpu_0/softmax_1', 1));
    writeFileSync('model.onnx', image('actual_input_1', 'output1', 'batch'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    process.chdir(home);
  });

  // As written, but for "trtexec"; a line that names no files gets those of its report.
  const lines: [string, string, object, string[]][] = [
    [
      'S1',
      '--onnx=bert_cls.onnx --saveEngine=./model.plan --minShapes=input_ids:1x512,segment_ids:1x512 --optShapes=input_ids:1x512,segment_ids:1x512 --maxShapes=input_ids:20x512,segment_ids:20x512 --device=0',
      { input_ids: { min: [1, 512], opt: [1, 512], max: [20, 512] } },
      [],
    ],
    [
      'S2',
      '--onnx=ResNet50.onnx --saveEngine=model.plan --explicitBatch --useCudaGraph',
      { 'gpu_0/data_0': { min: [1, 3, 224, 224], max: [1, 3, 224, 224] } },
      ['--explicitBatch is ignored', '--useCudaGraph is ignored'],
    ],
    [
      'S3',
      '--workspace=10000 --minShapes=input_ids:1x1,segment_ids:1x1 --optShapes=input_ids:20x512,segment_ids:20x512 --maxShapes=input_ids:20x512,segment_ids:20x512 --onnx=bert_cls.onnx --saveEngine=model.plan',
      { segment_ids: { min: [1, 1], opt: [20, 512], max: [20, 512] } },
      ['--workspace is obsolete'],
    ],
    [
      'S5',
      '--onnx=model.onnx --explicitBatch --optShapes=actual_input_1:16x3x224x224 --maxShapes=actual_input_1:32x3x224x224 --minShapes=actual_input_1:1x3x224x224 --best --saveEngine=model.plan --workspace=4096',
      { actual_input_1: { min: [1, 3, 224, 224], opt: [16, 3, 224, 224], max: [32, 3, 224, 224] } },
      ['--explicitBatch is ignored', '--workspace is obsolete', 'best goes without int8'],
    ],
  ];
  test.each(lines)('%s', async (_name, line, profiles, notes) => {
    const { status, stderr } = await cli(`build ${line}`);
    expect(status, stderr).toBe(0);
    for (const note of notes) expect(stderr).toContain(note);
    const { data } = await cliJson('inspect model.plan');
    const { tensors } = data.engine as { tensors: { name: string; profiles: unknown[] }[] };
    for (const [name, shape] of Object.entries(profiles)) {
      const tensor = tensors.find((candidate) => candidate.name === name);
      expect(tensor?.profiles).toEqual([expect.objectContaining(shape)]);
    }
  });

  test('what is contradictory or too new fails in two lines, and leaves no plan', async () => {
    const build = '--onnx=model.onnx --saveEngine=m.plan --shapes=actual_input_1:1x3x224x224';
    const cases: [string, number, string, string][] = [
      ['--excludeLeanRuntime', 1, 'without versionCompatible', 'Add versionCompatible'],
      ['--best --stronglyTyped', 1, 'exclude each other', 'Leave out one'],
      ['--tilingOptimizationLevel=2', 1, 'needs TensorRT 10.8', 'Install TensorRT 10.8'],
      ['--useDLACore=0 --allowGPUFallback', 1, 'no DLA', 'Jetson'],
      ['--safe', 2, "--safe is trtexec's", 'DRIVE OS'],
      ['--sparsity=force', 2, '--sparsity=force', 'Prune'],
      ['--useRuntime=lean', 2, 'only the full TensorRT can build', '--library'],
      ['--tacticSources=CUDNN', 2, 'expected + or -', '-CUDNN,+CUBLAS'],
      ['--preview=+a,-b', 2, '--preview', '+aliasedPluginIO1003'],
      ['--inputIOFormats=fp16', 2, 'expected type:format', 'fp16:chw'],
      ['--inputIOFormats=fp16:nchw', 2, 'got "nchw"', 'Use one of these words'],
      [
        '--inputIOFormats=fp32:chw,fp32:chw',
        2,
        '2 formats were given, the model has 1',
        'one format for all',
      ],
      ['--layerPrecisions=conv --precisionConstraints=obey', 2, 'expected conv1:fp16', 'Write'],
      ['--markDebug=nothing', 1, "names 'nothing'", 'names of the ONNX model'],
    ];
    for (const [flags, status, what, hint] of cases) {
      const result = await cli(`build ${build} ${flags}`);
      const errors = result.stderr.split('\n').filter((line) => !/^(warning:|\[W\]) /.test(line));
      expectTwoLines({ ...result, stderr: errors.join('\n') }, status, what, hint);
      expect(existsSync('m.plan'), flags).toBe(false);
    }
  });

  test('many flags at once', async () => {
    const { status, stderr, data } = await cliJson(
      'build --onnx=model.onnx --saveEngine=m.plan --shapes=actual_input_1:1x3x224x224 --fp16 --stripAllWeights --sparsity=enable ' +
        '--tacticSources=-CUDNN,+CUBLAS_LT --memPoolSize=workspace:64,tacticSharedMem:48K,dlaSRAM:1 --avgTiming=2 --maxTactics=4 --preview=+aliasedPluginIO1003 ' +
        '--noCompilationCache --monitorMemory --runtimePlatform=SameAsBuild --inputIOFormats=fp32:chw --outputIOFormats=fp32:chw --layerMetadata=relu:mine ' +
        '--precisionConstraints=prefer --layerPrecisions=*:fp16 --layerOutputTypes=relu:fp32 --layerDeviceTypes=relu:GPU --useRuntime=full --avgRuns=10 --threads ' +
        '--setPluginsToSerialize=libmine.so --ignoreParsedPluginLibs --profilingVerbosity=detailed',
    );
    expect(status, stderr).toBe(0);
    expect(data.bytes).toBe(statSync('m.plan').size);
    expect(stderr).toContain('--threads is ignored: it concerns measuring');
  });
});

describe('flags to options', () => {
  const parsed = (line: string): ReturnType<typeof parseFlags> =>
    parseFlags(line.split(' '), buildFlags);

  test('memory pools, switches and weights', () => {
    const warnings: string[] = [];
    const options = configOptions(
      parsed(
        '--workspace=16 --memPoolSize=dlaSRAM:1,dlaLocalDRAM:2G --memPoolSize=tacticSharedMem:48K,tacticDRAM:5B --tacticSources=-cudnn,+JIT_CONVOLUTIONS ' +
          '--preview=-runtimeActivationResize --stripAllWeights --noBuilderCache --allowGPUFallback --runtimePlatform=WindowsAMD64 --restricted',
      ),
      warnings,
    );
    expect(options).toMatchObject({
      memoryPools: {
        workspace: 16 * 2 ** 20,
        dlaManagedSram: 2 ** 20,
        dlaLocalDram: 2 * 2 ** 30,
        tacticSharedMemory: 48 * 1024,
        tacticDram: 5,
      },
      tacticSources: { cudnn: false, jitConvolutions: true },
      previewFeatures: { runtimeActivationResize: false },
      stripWeights: true,
      disableTimingCache: true,
      gpuFallback: false,
      runtimePlatform: 'windowsAMD64',
      safetyScope: true,
    });
    expect(warnings).toEqual([
      '--allowGPUFallback is ignored: there is no --useDLACore',
      '--workspace is obsolete, and taken as --memPoolSize=workspace:16: write that',
    ]);
    expect(() => configOptions(parsed('--tacticSources=-CUDNN,+CUDNN'), [])).toThrow(UsageError);
  });

  test('formats by the order of the model’s tensors; layers by name', () => {
    const model = parseOnnx(bert);
    const warnings: string[] = [];
    const line =
      "--inputIOFormats=int32:chw,fp16:chw16+hwc8 --outputIOFormats=fp16:dla_hwc4 --layerPrecisions=*:fp32,'a,b':fp16,scope/conv:0:int8 --layerOutputTypes=split:fp16+fp32 --layerDeviceTypes=c*:dla --markDebug=h,y";
    expect(networkOptions(parsed(`${line} --precisionConstraints=obey`), model, warnings)).toEqual({
      inputFormats: {
        input_ids: { dtype: 'int32', formats: ['linear'] },
        segment_ids: { dtype: 'float16', formats: ['chw16', 'hwc8'] },
      },
      outputFormats: { '*': { dtype: 'float16', formats: ['dlaHwc4'] } },
      layerPrecisions: { '*': 'float32', 'a,b': 'float16', 'scope/conv:0': 'int8' },
      layerOutputTypes: { split: ['float16', 'float32'] },
      layerDeviceTypes: { 'c*': 'dla' },
      markDebug: ['h', 'y'],
      markUnfusedTensorsAsDebugTensors: false,
    });
    expect(warnings).toEqual([]);
    const without = networkOptions(parsed(line), model, warnings);
    expect(without.layerPrecisions).toBeUndefined();
    expect(warnings).toEqual([
      '--layerPrecisions is ignored: it needs --precisionConstraints=prefer or obey',
      '--layerOutputTypes is ignored: it needs --precisionConstraints=prefer or obey',
    ]);
  });

  // trtexec 10.6 to 11.1, without those of calibration.
  const trtexec =
    'onnx saveEngine loadEngine minShapes optShapes maxShapes shapes profile inputIOFormats outputIOFormats memPoolSize profilingVerbosity avgTiming refit stripWeights stripAllWeights weightless versionCompatible vc pluginInstanceNorm pi uint8AsymmetricQuantizationDLA useRuntime leanDLLPath excludeLeanRuntime monitorMemory sparsity noTF32 fp16 bf16 int8 fp8 int4 best stronglyTyped directIO precisionConstraints layerPrecisions layerOutputTypes layerDeviceTypes decomposableAttentions safe dumpKernelText buildDLAStandalone allowGPUFallback consistency restricted asyncFileReader getPlanVersionOnly tacticSources noBuilderCache noCompilationCache errorOnTimingCacheMiss timingCacheFile preview builderOptimizationLevel maxTactics hardwareCompatibilityLevel runtimePlatform tempdir tempfileControls maxAuxStreams allowWeightStreaming markDebug markUnfusedTensorsAsDebugTensors tilingOptimizationLevel l2LimitForTiling remoteAutoTuningConfig refitFromOnnx distributiveIndependence device useDLACore staticPlugins dynamicPlugins plugins setPluginsToSerialize ignoreParsedPluginLibs safetyPlugins loadInputs iterations warmUp duration sleepTime idleTime infStreams streams exposeDMA noDataTransfers useManagedMemory useSpinWait threads useCudaGraph timeDeserialize timeRefit separateProfileRun skipInference persistentCacheRatio useProfile allocationStrategy saveDebugTensors saveAllDebugTensors weightStreamingBudget verbose avgRuns percentile dumpRefit dumpOutput dumpRawBindingsToFile dumpProfile dumpLayerInfo dumpOptimizationProfile exportTimes exportOutput exportProfile exportLayerInfo help noCudaGraph noSpinWait includeDataTransfers loadRefOutputs refPair accuracyAlgorithm atol rtol accuracyThreshold tuneBuildRoutes tuneBuildRouteFile tuningSearch tuningCacheFile tuningTimeOut saveAllEngines dryRun continue setBuildRoute cpuOnly workspace explicitBatch buildOnly nvtxVerbosity';
  test('every flag of trtexec is known', () => {
    for (const name of trtexec.split(' ')) {
      for (const word of [`--${name}`, `--${name}=1`]) {
        try {
          parseFlags([word], buildFlags);
        } catch (error) {
          expect((error as Error).message, word).not.toContain('unknown flag');
        }
      }
    }
  });
});
