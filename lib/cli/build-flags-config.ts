// The flags of `trt-node build` that say what the builder may do: memory, tactics, refit, layers, DLA, plugins. The common ones are in build-flags.ts.

import type { Flag } from './flags.js';

export const builderConfigFlags: readonly Flag[] = [
  { name: 'int4', help: 'Allow int4 weights' },
  {
    name: 'precisionConstraints',
    value: 'none|prefer|obey',
    help: 'Whether layers keep to the types given for them',
  },
  {
    name: 'layerPrecisions',
    value: 'LAYER:TYPE,…',
    repeated: true,
    help: 'In which type layers compute: fp32, fp16, bf16, int8, int32; one * in a name',
  },
  {
    name: 'layerOutputTypes',
    value: 'LAYER:TYPE[+TYPE],…',
    repeated: true,
    help: 'Types of the outputs of layers',
  },
  {
    name: 'layerDeviceTypes',
    value: 'LAYER:GPU|DLA,…',
    repeated: true,
    help: 'Where layers run',
  },
  {
    name: 'layerMetadata',
    value: 'LAYER:TEXT,…',
    repeated: true,
    help: 'What the inspector shows for layers, with --profilingVerbosity=detailed',
  },
  {
    name: 'inputIOFormats',
    value: 'TYPE:FORMAT[+FORMAT],…',
    help: 'Types and formats of the inputs in their order, or one for all: fp16:chw32+chw',
  },
  {
    name: 'outputIOFormats',
    value: 'TYPE:FORMAT[+FORMAT],…',
    help: 'The same of the outputs',
  },
  { name: 'directIO', help: 'No reformatting of inputs and outputs' },
  {
    name: 'refitIdentical',
    help: 'Keep the weights exchangeable for identical ones only, at full speed',
  },
  {
    name: 'stripWeights',
    aliases: ['weightless'],
    help: 'Leave the weights out of the plan, to be refitted where it runs',
  },
  { name: 'stripAllWeights', help: 'The same as --refit --stripWeights' },
  {
    name: 'allowWeightStreaming',
    help: 'Let weights stay on the host and be streamed (with --stronglyTyped)',
  },
  { name: 'sparsity', value: 'disable|enable', help: 'Sparse kernels for sparse weights' },
  { name: 'strictNans', help: 'No kernels that treat NaN as something else' },
  {
    name: 'distributiveIndependence',
    help: 'Same results for a sample, whatever else is in the batch',
  },
  {
    name: 'tacticSources',
    value: '±SOURCE,…',
    help: 'Tactic sources on and off: +CUBLAS,-CUDNN,CUBLAS_LT,EDGE_MASK_CONVOLUTIONS,JIT_CONVOLUTIONS',
  },
  {
    name: 'avgTiming',
    value: 'N',
    help: "How often a kernel is timed (default TensorRT's, 1; trtexec's is 8)",
  },
  {
    name: 'maxTactics',
    value: 'N',
    help: 'Most kernels to time for a layer (-1: TensorRT decides)',
  },
  {
    name: 'tilingOptimizationLevel',
    value: '0..3',
    help: 'How long to look for tiling across kernels',
  },
  { name: 'l2LimitForTiling', value: 'BYTES', help: 'Most of the L2 cache for tiling' },
  {
    name: 'preview',
    value: '±FEATURE,…',
    help: 'Preview features on and off: aliasedPluginIO1003, runtimeActivationResize, profileSharing0806',
  },
  { name: 'noBuilderCache', help: 'Time every layer anew' },
  { name: 'noCompilationCache', help: 'Compile every kernel anew' },
  { name: 'errorOnTimingCacheMiss', help: 'Fail where a kernel is not in the timing cache' },
  { name: 'monitorMemory', help: "Log the builder's memory" },
  {
    name: 'runtimePlatform',
    value: 'SameAsBuild|WindowsAMD64',
    help: 'On which system the plan shall run',
  },
  { name: 'useDLACore', value: 'N', help: 'Run what it can on this DLA core' },
  { name: 'allowGPUFallback', help: 'What the DLA cannot run goes to the GPU' },
  { name: 'buildDLAStandalone', help: 'Make a loadable for cuDLA' },
  {
    name: 'setPluginsToSerialize',
    value: 'FILE',
    repeated: true,
    help: 'Plugin library that the plan takes along; may be repeated',
  },
  {
    name: 'ignoreParsedPluginLibs',
    help: 'Leave out of a version-compatible plan the plugin libraries that the parser used',
  },
  { name: 'restricted', help: 'Restrict the network to what safety-certified runtimes take' },
  { name: 'markDebug', value: 'TENSOR,…', repeated: true, help: 'Tensors that can be watched' },
  {
    name: 'markUnfusedTensorsAsDebugTensors',
    help: 'All tensors between layers that are not fused can be watched',
  },
  { name: 'setBuildRoute', value: 'ROUTE', help: 'A build route, as trtexec 11.1 finds them' },
  { name: 'useRuntime', value: 'full' },
];
