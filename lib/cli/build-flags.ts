// The flags of `trt-node build`: trtexec's names, so that its command lines carry over.

import { commonFlags, platformFlags } from './command.js';
import type { Flag } from './flags.js';

const forBench = 'it concerns measuring, which `trt-node bench` does';
const explicit = 'TensorRT knows only explicit batch dimensions now';

export const buildFlags: readonly Flag[] = [
  { name: 'onnx', value: 'FILE', help: 'The model' },
  { name: 'saveEngine', value: 'FILE', help: 'Where to write the plan' },
  { name: 'minShapes', value: 'SHAPES', repeated: true, help: 'Smallest shapes of the profile' },
  { name: 'optShapes', value: 'SHAPES', repeated: true, help: 'Shapes to optimize for' },
  { name: 'maxShapes', value: 'SHAPES', repeated: true, help: 'Largest shapes' },
  {
    name: 'shapes',
    value: 'SHAPES',
    repeated: true,
    help: 'The same as all three with these shapes',
  },
  {
    name: 'profile',
    value: 'N',
    repeated: true,
    help: 'The shape flags that follow belong to profile N',
  },
  { name: 'fp16', help: 'Allow float16 kernels' },
  { name: 'bf16', help: 'Allow bfloat16 kernels' },
  { name: 'int8', help: 'Allow int8 kernels' },
  { name: 'fp8', help: 'Allow fp8 kernels' },
  { name: 'best', help: 'Allow float16, bfloat16 and int8 kernels' },
  { name: 'stronglyTyped', help: 'Take the types exactly as the model has them' },
  { name: 'noTF32', help: 'No TF32 for float32 matrix products' },
  { name: 'refit', help: 'Keep the weights exchangeable' },
  { name: 'stripWeights', help: 'Leave the weights out; trt-node refit puts them in' },
  {
    name: 'allowWeightStreaming',
    help: 'Make weights streamable from host memory (with --stronglyTyped)',
  },
  {
    name: 'versionCompatible',
    aliases: ['vc'],
    help: 'Make a plan that later versions of the same major run too',
  },
  { name: 'excludeLeanRuntime', help: 'Leave the lean runtime out of such a plan' },
  {
    name: 'memPoolSize',
    value: 'workspace:MiB',
    repeated: true,
    help: 'Most device memory for kernels (B, K, M, G after the number: other units)',
  },
  { name: 'workspace', value: 'MiB', help: 'Obsolete form of --memPoolSize=workspace:MiB' },
  {
    name: 'builderOptimizationLevel',
    value: '0..5',
    help: 'Fast build (0) to fast plan (5); default 3',
  },
  { name: 'maxAuxStreams', value: 'N', help: 'Most streams for parallel branches' },
  {
    name: 'profilingVerbosity',
    value: 'layer_names_only|none|detailed',
    help: 'How much the plan tells of its layers',
  },
  {
    name: 'hardwareCompatibilityLevel',
    value: 'none|ampere+|sameComputeCapability',
    help: 'On which other GPUs the plan shall run',
  },
  { name: 'timingCacheFile', value: 'FILE', help: 'Kernel timings, read and extended' },
  { name: 'verbose', help: "Print all of TensorRT's log on stderr" },
  { name: 'explicitBatch', ignored: explicit },
  { name: 'buildOnly', ignored: 'build only builds' },
  { name: 'skipInference', ignored: 'build only builds' },
  ...[
    'useCudaGraph',
    'useSpinWait',
    'noDataTransfers',
    'dumpProfile',
    'dumpOutput',
    'exposeDMA',
    'threads',
    'separateProfileRun',
  ].map((name): Flag => ({ name, ignored: forBench })),
  ...['iterations', 'warmUp', 'duration', 'avgRuns', 'percentile', 'infStreams', 'streams'].map(
    (name): Flag => ({ name, value: 'N', ignored: forBench }),
  ),
  ...platformFlags,
  ...commonFlags,
];
