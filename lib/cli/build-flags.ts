// The flags of `trt-node build`: trtexec's names, so that its command lines carry over.

import { builderConfigFlags } from './build-flags-config.js';
import { otherBuildFlags } from './build-flags-other.js';
import { commonFlags, platformFlags } from './command.js';
import type { Flag } from './flags.js';

export const buildFlags: readonly Flag[] = [
  ...otherBuildFlags, // first: a flag that the command has comes after it, and holds
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
  { name: 'best', help: 'Allow float16 and int8 kernels, and bfloat16 where the GPU has it' },
  { name: 'stronglyTyped', help: 'Take the types exactly as the model has them' },
  { name: 'noTF32', help: 'No TF32 for float32 matrix products' },
  { name: 'refit', help: 'Keep the weights exchangeable' },
  {
    name: 'versionCompatible',
    aliases: ['vc'],
    help: 'Make a plan that later versions of the same major run too',
  },
  { name: 'excludeLeanRuntime', help: 'Leave the lean runtime out of such a plan' },
  {
    name: 'memPoolSize',
    value: 'POOL:MiB,…',
    repeated: true,
    help: 'Limits of workspace, dlaSRAM, dlaLocalDRAM, dlaGlobalDRAM, tacticSharedMem (B, K, M, G after the number: other units)',
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
  ...builderConfigFlags,
  ...platformFlags,
  ...commonFlags,
];
