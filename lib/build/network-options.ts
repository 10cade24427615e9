// What is said of a network's inputs, outputs and single layers: types and memory formats, precisions, devices, metadata, debug tensors.

import { type DType, dtypes } from '../dtype.js';
import { describe, invalidArgument } from '../errors.js';
import type { NativeIoFormat, NativeLayerSetting, NativeNetworkSettings } from '../native-build.js';
import { checkChoice, checkOptions, checkString } from '../validate.js';
import { checkFlag, checkStrings } from './config-options.js';

/** TensorRT's memory formats; the index is TensorRT's number. */
const formats = [
  'linear',
  'chw2',
  'hwc8',
  'chw4',
  'chw16',
  'chw32',
  'dhwc8',
  'cdhw32',
  'hwc',
  'dlaLinear',
  'dlaHwc4',
  'hwc16',
  'dhwc',
] as const;

/** How elements lie in memory. */
export type TensorFormat = (typeof formats)[number];

/** @internal */
export const tensorFormats: readonly TensorFormat[] = formats;

/** Type and formats of an input or output. */
export interface IOFormat {
  /** Default: the model's. Another one only in weakly typed networks (TensorRT 8 and 10). */
  dtype?: DType | undefined;
  /** TensorRT chooses among these; default 'linear'. */
  formats?: readonly TensorFormat[] | undefined;
}

/**
 * What is said of the network. Layers are named as TensorRT's ONNX parser names them: as the node, or with `--verbose` in the log. A `*` in a name stands
 * for any text; of several that match a layer its full name holds, else the last.
 */
export interface NetworkOptions {
  /** By name of the input; '*' stands for all others. */
  inputFormats?: Readonly<Record<string, IOFormat>> | undefined;
  /** By name of the output; '*' stands for all others. */
  outputFormats?: Readonly<Record<string, IOFormat>> | undefined;
  /** In which type layers compute. Needs `precisionConstraints`. TensorRT 8 and 10, weakly typed. */
  layerPrecisions?: Readonly<Record<string, DType>> | undefined;
  /** Types of the outputs of layers: one for all, or one each. Needs `precisionConstraints`. TensorRT 8 and 10, weakly typed. */
  layerOutputTypes?: Readonly<Record<string, DType | readonly DType[]>> | undefined;
  /** Where layers run; default: `dlaCore` if given, else the GPU. */
  layerDeviceTypes?: Readonly<Record<string, 'gpu' | 'dla'>> | undefined;
  /** Text that the engine inspector shows for layers (with `profilingVerbosity: 'detailed'`) instead of the parser's, which is the node's name. */
  layerMetadata?: Readonly<Record<string, string>> | undefined;
  /** Names of tensors that a debug listener can watch. */
  debugTensors?: readonly string[] | undefined;
  /** All tensors between layers that are not fused can be watched. */
  unfusedDebugTensors?: boolean | undefined;
}

/** @internal */
export const networkOptionNames: readonly string[] = [
  'inputFormats',
  'outputFormats',
  'layerPrecisions',
  'layerOutputTypes',
  'layerDeviceTypes',
  'layerMetadata',
  'debugTensors',
  'unfusedDebugTensors',
];

function entriesOf(given: unknown, option: string, example: string): [string, unknown][] {
  if (given === undefined) return [];
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    return Object.entries(given);
  }
  throw invalidArgument(
    `${option}: expected an object by name, got ${describe(given)}`,
    `Give for example ${example}.`,
  );
}

const networkTypes = dtypes.filter((dtype) => dtype !== 'float64');
const checkType = (value: unknown, who: string): DType => checkChoice(value, who, networkTypes);

function ioFormats(given: unknown, option: string): Record<string, NativeIoFormat> {
  const example = "{ x: { dtype: 'float16', formats: ['linear'] } }";
  return Object.fromEntries(
    entriesOf(given, option, example).map(([name, value]) => {
      const who = `${option} '${name}'`;
      checkOptions(value ?? null, ['dtype', 'formats'], who);
      const { dtype, formats: allowed } = value as IOFormat;
      const words = checkStrings(allowed, `${who}: formats`, "Give an array, even of ['linear'].");
      return [
        name,
        {
          dtype: dtype === undefined ? undefined : checkType(dtype, `${who}: dtype`),
          formats: words.map((word) =>
            formats.indexOf(checkChoice(word, `${who}: formats`, formats)),
          ),
        },
      ];
    }),
  );
}

function layerSettings<T>(
  given: unknown,
  option: string,
  example: string,
  read: (value: unknown, who: string) => T,
): NativeLayerSetting<T>[] {
  return entriesOf(given, option, example).map(([pattern, value]) => {
    if (pattern.split('*').length > 2) {
      throw invalidArgument(
        `${option}: expected at most one *, got '${pattern}'`,
        'Split it into several names.',
      );
    }
    return { pattern, value: read(value, `${option} '${pattern}'`) };
  });
}

/** The addon's form of them. @throws ERR_TRT_INVALID_ARGUMENT @internal */
export function nativeNetworkOptions(options: NetworkOptions): NativeNetworkSettings {
  return {
    inputFormats: ioFormats(options.inputFormats, 'inputFormats'),
    outputFormats: ioFormats(options.outputFormats, 'outputFormats'),
    layerPrecisions: layerSettings(
      options.layerPrecisions,
      'layerPrecisions',
      "{ '*': 'float16', last: 'float32' }",
      checkType,
    ),
    layerOutputTypes: layerSettings(
      options.layerOutputTypes,
      'layerOutputTypes',
      "{ last: 'float32' }",
      (value, who) =>
        (Array.isArray(value) ? value : [value]).map((dtype) => checkType(dtype, who)),
    ),
    layerDeviceTypes: layerSettings(
      options.layerDeviceTypes,
      'layerDeviceTypes',
      "{ 'conv*': 'gpu' }",
      (value, who) => (checkChoice(value, who, ['gpu', 'dla']) === 'dla' ? 1 : 0),
    ),
    layerMetadata: layerSettings(
      options.layerMetadata,
      'layerMetadata',
      "{ 'block_1/*': 'block 1' }",
      checkString,
    ),
    debugTensors: checkStrings(
      options.debugTensors,
      'debugTensors',
      'Give an array, even of one name.',
    ),
    unfusedDebugTensors: checkFlag(options.unfusedDebugTensors, 'unfusedDebugTensors', false),
  };
}
