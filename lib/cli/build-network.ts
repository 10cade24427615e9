// From trtexec's flags to what is said of inputs, outputs, layers and tensors: --inputIOFormats, --layerPrecisions, --markDebug and their kin.

import type { IOFormat, NetworkOptions, TensorFormat } from '../build/network-options.js';
import type { DType } from '../dtype.js';
import type { OnnxInfo, OnnxTensor } from '../inspect/onnx.js';
import { type ParsedFlags, UsageError, flagValue, flagValues, hasFlag } from './flags.js';
import { parsePairs } from './shapes.js';

/** trtexec's words for types. */
const types = new Map<string, DType>([
  ['fp32', 'float32'],
  ['fp16', 'float16'],
  ['bf16', 'bfloat16'],
  ['int32', 'int32'],
  ['int64', 'int64'],
  ['int8', 'int8'],
  ['uint8', 'uint8'],
  ['bool', 'bool'],
  ['fp8', 'fp8'],
  ['int4', 'int4'],
]);
const formats = new Map<string, TensorFormat>([
  ['chw', 'linear'],
  ['chw2', 'chw2'],
  ['hwc8', 'hwc8'],
  ['chw4', 'chw4'],
  ['chw16', 'chw16'],
  ['chw32', 'chw32'],
  ['dhwc8', 'dhwc8'],
  ['cdhw32', 'cdhw32'],
  ['hwc', 'hwc'],
  ['dla_linear', 'dlaLinear'],
  ['dla_hwc4', 'dlaHwc4'],
  ['hwc16', 'hwc16'],
  ['dhwc', 'dhwc'],
]);
const devices = new Map([
  ['gpu', 'gpu'],
  ['dla', 'dla'],
] as const);

function word<T>(text: string, flag: string, words: ReadonlyMap<string, T>): T {
  const found = words.get(text.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(
    `--${flag}: expected one of ${[...words.keys()].join(', ')}, got ${JSON.stringify(text)}`,
    'Use one of these words.',
  );
}

/** fp16:chw32+chw,fp32:chw: one for all tensors, or one for each in their order. */
function ioFormats(
  parsed: ParsedFlags,
  flag: string,
  tensors: readonly OnnxTensor[] | undefined,
): Record<string, IOFormat> | undefined {
  const text = flagValue(parsed, flag);
  if (text === undefined) return undefined;
  const list = text.split(',').map((entry): IOFormat => {
    const [type = '', allowed = '', ...rest] = entry.split(':');
    if (type === '' || allowed === '' || rest.length > 0) {
      throw new UsageError(
        `--${flag}: expected type:format, got ${JSON.stringify(entry)}`,
        `Write for example --${flag}=fp16:chw, or fp16:chw16+chw for a choice.`,
      );
    }
    return {
      dtype: word(type, flag, types),
      formats: allowed.split('+').map((format) => word(format, flag, formats)),
    };
  });
  const [first = {}] = list;
  if (list.length === 1) return { '*': first };
  if (tensors?.length !== list.length) {
    throw new UsageError(
      `--${flag}: ${list.length} formats were given, the model has ${tensors?.length ?? 'an unknown number of'} tensors: ${tensors?.map(({ name }) => name).join(', ') ?? ''}`,
      'Give one format for all, or one for each in this order.',
    );
  }
  return Object.fromEntries(tensors.map(({ name }, index) => [name, list[index] ?? first]));
}

function layers<T>(
  parsed: ParsedFlags,
  flag: string,
  example: string,
  read: (text: string) => T,
): Record<string, T> | undefined {
  const given = flagValues(parsed, flag).join(',');
  if (given === '') return undefined;
  const pairs = parsePairs(given, flag, example.replace(/,.*/, ''), example);
  return Object.fromEntries([...pairs].map(([name, text]) => [name, read(text)]));
}

/** What the flags say of the network. `model` gives formats their names. @throws UsageError */
export function networkOptions(
  parsed: ParsedFlags,
  model: OnnxInfo | undefined,
  warnings: string[],
): NetworkOptions {
  const options: NetworkOptions = {
    inputFormats: ioFormats(parsed, 'inputIOFormats', model?.inputs),
    outputFormats: ioFormats(parsed, 'outputIOFormats', model?.outputs),
    layerDeviceTypes: layers(parsed, 'layerDeviceTypes', 'conv1:GPU', (text) =>
      word(text, 'layerDeviceTypes', devices),
    ),
    layerMetadata: layers(parsed, 'layerMetadata', 'conv1:text', (text) => text),
    debugTensors: flagValues(parsed, 'markDebug').flatMap((names) => names.split(',')),
    unfusedDebugTensors: hasFlag(parsed, 'markUnfusedTensorsAsDebugTensors'),
  };
  const layerPrecisions = layers(parsed, 'layerPrecisions', 'conv1:fp16', (text) =>
    word(text, 'layerPrecisions', types),
  );
  const layerOutputTypes = layers(parsed, 'layerOutputTypes', 'conv1:fp16', (text) =>
    text.split('+').map((type) => word(type, 'layerOutputTypes', types)),
  );
  const constraints = flagValue(parsed, 'precisionConstraints') ?? 'none';
  if (constraints !== 'none') return { ...options, layerPrecisions, layerOutputTypes };
  for (const [flag, given] of Object.entries({ layerPrecisions, layerOutputTypes })) {
    if (given === undefined) continue;
    warnings.push(`--${flag} is ignored: it needs --precisionConstraints=prefer or obey`);
  }
  return options;
}
