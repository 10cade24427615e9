// The flags of `trt-node bench`: trtexec's names. Those of trtexec that it has not are refused by name; those of building are told to be build's.

import { buildFlags } from './build-flags.js';
import { commonFlags, platformFlags } from './command.js';
import { engineFlags } from './engine-flags.js';
import type { Flag } from './flags.js';
import { planVersionFlag } from './preflight.js';

const built = 'the plan is built already; `trt-node build` takes it';
const ownRun = 'layers are always profiled in a run of their own';
const explicit = 'TensorRT knows only explicit batch dimensions now';

function refused(hint: string, ...names: string[]): Flag[] {
  return names.map((name) => ({ name, unsupported: hint }));
}

const ownFlags: readonly Flag[] = [
  { name: 'loadEngine', value: 'PLAN', help: "The plan, trtexec's way" },
  {
    name: 'shapes',
    value: 'SHAPES',
    help: "Shapes of the inputs (name:1x3x224x224,…); values of shape tensors; default: the profile's optimum",
  },
  {
    name: 'loadInputs',
    aliases: ['input'],
    value: 'NAME:FILE,…',
    repeated: true,
    help: 'Inputs from raw bytes or .npy files; the others are random',
  },
  { name: 'seed', value: 'N', help: 'Of the random inputs (default 0)' },
  {
    name: 'useProfile',
    value: 'N',
    help: 'Optimization profile (default: the best for the shapes)',
  },
  {
    name: 'phases',
    value: 'device,js',
    help: 'What to measure: the device as trtexec, and what a JavaScript caller sees (default both)',
  },
  { name: 'iterations', value: 'N', help: 'At least so many queries of each stream (default 10)' },
  { name: 'warmUp', value: 'MS', help: 'Milliseconds that do not count (default 200)' },
  {
    name: 'duration',
    value: 'S',
    help: 'At least so many seconds after the warm-up (default 3; -1: until Ctrl-C)',
  },
  { name: 'sleepTime', value: 'MS', help: 'Delay the start of the device (default 0)' },
  { name: 'idleTime', value: 'MS', help: 'Pause between queries (default 0)' },
  {
    name: 'infStreams',
    aliases: ['streams'],
    value: 'N',
    help: 'Inferences in flight (default 1)',
  },
  { name: 'threads', help: 'A thread for each stream' },
  { name: 'exposeDMA', help: 'Do not hide copies behind computing' },
  { name: 'useCudaGraph', help: 'Launch as a CUDA graph' },
  { name: 'noCudaGraph', help: "Do not (trtexec 11's name)" },
  { name: 'useSpinWait', help: 'Wait for the device by spinning' },
  { name: 'noSpinWait', help: "Do not (trtexec 11's name)" },
  { name: 'noDataTransfers', help: 'Leave the copies out' },
  { name: 'includeDataTransfers', help: "Do not (trtexec 11's name)" },
  {
    name: 'compat',
    value: '10|11',
    help: 'Defaults of trtexec 10 (no graph, no spinning, copies; the default) or 11 (graph, spinning, no copies)',
  },
  {
    name: 'persistentCacheRatio',
    value: '0..1',
    help: 'Share of the persisting L2 cache for activations',
  },
  { name: 'percentile', value: 'P,…', help: 'Percentiles (default 90,95,99)' },
  {
    name: 'avgRuns',
    value: 'N',
    help: 'Print the average of every N queries (default 10; given: all of them)',
  },
  { name: 'dumpProfile', help: 'Print the times of the layers' },
  { name: 'dumpOutput', help: 'Print the outputs of the last query' },
  { name: 'dumpLayerInfo', help: "Print what TensorRT's inspector tells of the layers" },
  { name: 'exportTimes', value: 'FILE', help: 'Write the times of every query as JSON' },
  { name: 'exportProfile', value: 'FILE', help: 'Write the times of the layers as JSON' },
  {
    name: 'exportChromeTrace',
    value: 'FILE',
    help: 'Write layers and queries as a trace for chrome://tracing or ui.perfetto.dev',
  },
  { name: 'exportOutput', value: 'FILE', help: 'Write the outputs of the last query as JSON' },
  { name: 'exportLayerInfo', value: 'FILE', help: 'Write what the inspector tells as JSON' },
  { name: 'html', value: 'FILE', help: 'Write a report with charts, in one file without network' },
  ...engineFlags,
  { name: 'timeRefit', help: 'Print how long the refitting of --refitFromOnnx took' },
  {
    name: 'engineHostCodeAllowed',
    help: 'Allow executable host code in the plan (version-compatible plans that you trust)',
  },
  { name: 'verbose', help: "Print all of TensorRT's log on stderr" },
  { name: 'separateProfileRun', ignored: ownRun },
  { name: 'explicitBatch', ignored: explicit },
  ...refused(
    'Build the plan first: trt-node build --onnx=MODEL --saveEngine=PLAN, then trt-node bench PLAN.',
    'onnx',
    'saveEngine',
    'buildOnly',
    'skipInference',
  ),
  ...refused(
    'Name the library instead: --library=libnvinfer_lean.so.10.',
    'useRuntime',
    'leanDLLPath',
  ),
  planVersionFlag,
  ...refused('Use trt-node inspect PLAN.', 'dumpOptimizationProfile'),
  ...refused('Use trt-node run PLAN --saveOutputs=DIR.', 'dumpRawBindingsToFile'),
  ...refused('Use trt-node refit PLAN --dumpRefit.', 'dumpRefit'),
  ...refused(
    'Use trt-node run PLAN with the same flag: copying them would be measured here.',
    'saveAllDebugTensors',
    'saveDebugTensors',
  ),
  ...refused(
    'Leave it out: bench measures with ordinary device memory, which the driver does not move.',
    'useManagedMemory',
    'monitorMemory',
  ),
  ...refused('Give the batch as the first dimension in --shapes.', 'batch', 'maxBatch'),
  ...refused(
    'Leave it out, or use trtexec for it.',
    'asyncFileReader',
    'buildDLAStandalone',
    'loadRefOutputs',
    'nvtxVerbosity',
    'safe',
    'tempdir',
    'tempfileControls',
    'timeDeserialize',
    'useDLACore',
  ),
  ...platformFlags,
  ...commonFlags,
];

const own = new Set(ownFlags.flatMap(({ name, aliases = [] }) => [name, ...aliases]));

/** With all that `build` takes, so that a command line for trtexec's both halves carries over: it is ignored, with a warning. */
export const benchFlags: readonly Flag[] = [
  ...buildFlags
    .filter(({ name, unsupported }) => unsupported === undefined && !own.has(name))
    .map((flag): Flag => ({
      ...flag,
      aliases: (flag.aliases ?? []).filter((alias) => !own.has(alias)),
      ignored: built,
    })),
  ...ownFlags,
];
