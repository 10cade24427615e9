// trtexec's flags that `trt-node build` has not: those that say nothing of a plan are ignored with a warning, the others are refused with what to do.

import type { Flag } from './flags.js';

const explicit = 'TensorRT knows only explicit batch dimensions now';
const forBench = 'it concerns measuring, which `trt-node bench` does';
const forLoading = 'it concerns loading a plan, not building one';
const obsolete = 'no TensorRT from 8.5 on has it';

function ignored(why: string, ...names: string[]): Flag[] {
  return names.map((name) => ({ name, ignored: why }));
}

function ignoredValues(why: string, ...names: string[]): Flag[] {
  return names.map((name) => ({ name, value: 'VALUE', repeated: true, ignored: why }));
}

function refused(hint: string, ...names: string[]): Flag[] {
  return names.map((name) => ({ name, unsupported: hint }));
}

export const otherBuildFlags: readonly Flag[] = [
  ...ignored(explicit, 'explicitBatch'),
  ...ignored('build only builds', 'buildOnly', 'skipInference'),
  ...ignored(
    forBench,
    'useCudaGraph',
    'noCudaGraph',
    'useSpinWait',
    'noSpinWait',
    'noDataTransfers',
    'includeDataTransfers',
    'useManagedMemory',
    'exposeDMA',
    'threads',
    'separateProfileRun',
    'timeDeserialize',
    'timeRefit',
    'dumpProfile',
    'dumpOutput',
    'dumpRawBindingsToFile',
    'dumpLayerInfo',
    'dumpOptimizationProfile',
  ),
  ...ignoredValues(
    forBench,
    'iterations',
    'warmUp',
    'duration',
    'sleepTime',
    'idleTime',
    'avgRuns',
    'percentile',
    'infStreams',
    'streams',
    'persistentCacheRatio',
    'useProfile',
    'loadInputs',
    'exportTimes',
    'exportOutput',
    'exportProfile',
    'exportLayerInfo',
    'nvtxVerbosity',
  ),
  ...ignored(forLoading, 'asyncFileReader', 'engineHostCodeAllowed'),
  ...ignoredValues(
    forLoading,
    'allocationStrategy',
    'weightStreamingBudget',
    'leanDLLPath',
    'tempdir',
    'tempfileControls',
  ),
  ...ignored(`${obsolete}; --precisionConstraints=obey is what came after it`, 'strictTypes'),
  ...ignored(`${obsolete}; TensorRT chooses by itself`, 'heuristic'),
  ...ignoredValues(obsolete, 'minTiming', 'buildTimingCache'),
  ...refused('Use trt-node bench PLAN or trt-node run PLAN.', 'loadEngine'),
  ...refused('Use trt-node inspect PLAN.', 'getPlanVersionOnly'),
  ...refused('Build the plan, then use trt-node refit.', 'refitFromOnnx', 'dumpRefit'),
  ...refused(
    'Build with --markDebug, then save them when the plan runs.',
    'saveDebugTensors',
    'saveAllDebugTensors',
  ),
  ...refused(
    'Safety-certified plans need the safety builder and runtime of DRIVE OS, which trt-node does not open: build them with trtexec; --restricted checks a network.',
    'safe',
    'consistency',
    'dumpKernelText',
    'safetyPlugins',
    'remoteAutoTuningConfig',
  ),
  ...refused(
    'Leave it out: the ONNX parser uses TensorRT’s own layers and types for these.',
    'pluginInstanceNorm',
    'pi',
    'uint8AsymmetricQuantizationDLA',
    'decomposableAttentions',
  ),
  ...refused('Build where the plan shall run: the builder times kernels on the GPU.', 'cpuOnly'),
  ...refused(
    'Build the plan, then compare: trt-node run PLAN --compare=onnxruntime.',
    'loadRefOutputs',
    'refPair',
    'accuracyAlgorithm',
    'accuracyThreshold',
    'atol',
    'rtol',
  ),
  ...refused(
    'Let trtexec 11.1 search, and give the route that it finds with --setBuildRoute=ROUTE.',
    'tuneBuildRoutes',
    'tuneBuildRouteFile',
    'tuningSearch',
    'tuningCacheFile',
    'tuningResultFile',
    'tuningTimeOut',
    'saveAllEngines',
    'dryRun',
    'continue',
    'helpBuildRoute',
  ),
  ...refused('Give the batch as the first dimension of the shape flags.', 'batch', 'maxBatch'),
  ...refused(
    'TensorRT reads ONNX models only: export the model as ONNX and give it with --onnx.',
    'model',
    'deploy',
    'uff',
    'uffInput',
    'uffNHWC',
    'output',
  ),
];
