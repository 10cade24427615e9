// Layers as TensorRT's inspector tells them, in one form: its JSON differs between 8, 10 and 11, and with the verbosity of the build.

/** A tensor that a layer reads or writes. What the inspector does not tell is undefined. */
export interface LayerTensor {
  readonly name: string;
  /** -1: dynamic. */
  readonly shape: readonly number[] | undefined;
  /** TensorRT's name of the type, as in `Tensor.dtype`. */
  readonly dtype: string | undefined;
  /** Memory layout in TensorRT's words: "Row major linear FP32". */
  readonly format: string | undefined;
  /** `Device` or `Host`. */
  readonly location: string | undefined;
}

/** A layer of an engine. How much is known depends on the profiling verbosity of the build. */
export interface LayerInfo {
  /** TensorRT's number of it, from 0, over all profiles. */
  readonly index: number;
  /** The optimization profile that it belongs to. */
  readonly profile: number;
  /** '' where the plan was built with profiling verbosity 'none'. */
  readonly name: string;
  /** TensorRT's layer type. Undefined unless the plan was built with profiling verbosity 'detailed'; then the next ones are empty, too. */
  readonly type: string | undefined;
  readonly inputs: readonly LayerTensor[];
  readonly outputs: readonly LayerTensor[];
  /** Types of the outputs, each once, joined with "+": what a layer computes in is not told. */
  readonly precision: string | undefined;
  /** Name of the kernel. */
  readonly tacticName: string | undefined;
  /** Number of the kernel, in hexadecimal. */
  readonly tacticValue: string | undefined;
  /** Stream of those that the engine uses, 0 being the caller's. */
  readonly streamId: number | undefined;
  /** Nodes of the ONNX model that the layer came from. */
  readonly onnxNodes: readonly string[];
  /** Whether inputs and outputs are known, so that layers can be connected. */
  readonly detailed: boolean;
  /** All other fields of the inspector's JSON: parameters of the layer, such as Kernel, Stride, Weights. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** What the inspector told: an object, or the name alone. */
  readonly raw: unknown;
}

/** How often something occurs. */
export type Counts = Readonly<Record<string, number>>;

type Fields = Readonly<Record<string, unknown>>;

const ownFields = new Set([
  'Name',
  'LayerType',
  'Inputs',
  'Outputs',
  'TacticName',
  'TacticValue',
  'StreamId',
  'Metadata',
]);

/** TensorRT's words for types within "Format/Datatype", in lower case. */
const datatypes = new Map([
  ['float', 'float32'],
  ['fp32', 'float32'],
  ['float32', 'float32'],
  ['half', 'float16'],
  ['fp16', 'float16'],
  ['float16', 'float16'],
  ['bf16', 'bfloat16'],
  ['bfloat16', 'bfloat16'],
  ['fp8', 'fp8'],
  ['e4m3', 'fp8'],
  ['fp4', 'fp4'],
  ['e2m1', 'fp4'],
  ['e8m0', 'e8m0'],
  ['int8', 'int8'],
  ['uint8', 'uint8'],
  ['int4', 'int4'],
  ['int32', 'int32'],
  ['int64', 'int64'],
  ['bool', 'bool'],
]);

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The type within a format's words: "Channel major FP16 format where channel % 8 == 0", "Half". */
export function datatypeOf(words: string): string | undefined {
  for (const word of words.split(/[^A-Za-z0-9]+/)) {
    const dtype = datatypes.get(word.toLowerCase());
    if (dtype !== undefined) return dtype;
  }
  return undefined;
}

function layerTensor(value: unknown): LayerTensor {
  if (!isFields(value)) {
    const name = text(value) ?? '';
    return { name, shape: undefined, dtype: undefined, format: undefined, location: undefined };
  }
  // TensorRT 8 and 10 have one field, 11 has two.
  const both = text(value['Format/Datatype']);
  const format = both ?? text(value.Format);
  const typeWords = both ?? text(value.Datatype) ?? text(value.DataType);
  const dimensions = value.Dimensions;
  const known =
    Array.isArray(dimensions) && dimensions.every((extent) => typeof extent === 'number');
  return {
    name: text(value.Name) ?? '',
    shape: known ? dimensions : undefined,
    dtype: typeWords === undefined ? undefined : datatypeOf(typeWords),
    format,
    location: text(value.Location),
  };
}

function layerTensors(value: unknown): LayerTensor[] {
  return Array.isArray(value) ? value.map(layerTensor) : [];
}

/** The ONNX nodes in a layer's Metadata: "[ONNX Layer: a]", several of them parted by a control character. */
function onnxNodesOf(metadata: string | undefined): string[] {
  if (metadata === undefined) return [];
  const names = metadata
    // eslint-disable-next-line no-control-regex -- these two are what TensorRT writes
    .split(/[\x1e\x1f]|(?<=\])\s*(?=\[ONNX Layer: )/)
    .map((part) => /^\s*\[ONNX Layer: ([\s\S]*)\]\s*$/.exec(part)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)];
}

/** The profile that TensorRT writes behind the names of all profiles but the first. */
const profileSuffix = / \[profile (\d{1,6})\]$/;

/** A name without the profile that TensorRT writes behind it. */
export function withoutProfile(name: string): string {
  return name.replace(profileSuffix, '');
}

/** The types of the outputs, each once. */
function precisionOf(outputs: readonly LayerTensor[]): string | undefined {
  const dtypes = new Set(outputs.map((tensor) => tensor.dtype).filter((dtype) => dtype));
  return dtypes.size === 0 ? undefined : [...dtypes].join('+');
}

/**
 * One layer.
 *
 * @param information - What `layerInformation(index, 'json')` told. Anything goes: whatever is missing or strange is undefined.
 * @param index - Its number.
 * @param profile - Its profile, as far as its number tells; the name may know better.
 */
export function parseLayer(information: string, index: number, profile: number): LayerInfo {
  let raw: unknown;
  try {
    // Control characters within strings, which JSON forbids, are TensorRT's separators in Metadata.
    raw = JSON.parse(
      // eslint-disable-next-line no-control-regex -- see above
      information.replace(/[\x1e\x1f]/g, (character) =>
        character === '\x1e' ? '\\u001e' : '\\u001f',
      ),
    );
  } catch {
    raw = information.trim();
  }
  const fields = isFields(raw) ? raw : {};
  const name = text(raw) ?? text(fields.Name) ?? '';
  const named = profileSuffix.exec(name)?.[1];
  const [inputs, outputs] = [layerTensors(fields.Inputs), layerTensors(fields.Outputs)];
  const { TacticValue: tactic, StreamId: stream } = fields;
  return {
    index,
    profile: named === undefined ? profile : Number(named),
    name,
    type: text(fields.LayerType),
    inputs,
    outputs,
    precision: precisionOf(outputs),
    tacticName: text(fields.TacticName),
    tacticValue: typeof tactic === 'number' ? `0x${tactic.toString(16)}` : text(tactic),
    streamId: typeof stream === 'number' ? stream : undefined,
    onnxNodes: onnxNodesOf(text(fields.Metadata)),
    detailed: Array.isArray(fields.Inputs) || Array.isArray(fields.Outputs),
    attributes: Object.fromEntries(Object.entries(fields).filter(([key]) => !ownFields.has(key))),
    raw,
  };
}

/** All layers of an engine, by what the inspector tells of each. Numbers go through the profiles one after the other. */
export function parseLayers(
  information: (index: number) => string,
  numLayers: number,
  numProfiles: number,
): LayerInfo[] {
  const perProfile = numLayers % numProfiles === 0 ? numLayers / numProfiles : numLayers;
  return Array.from({ length: numLayers }, (_, index) =>
    parseLayer(information(index), index, Math.floor(index / perProfile)),
  );
}

/** How often each value occurs, the most frequent first. */
export function countBy(values: readonly (string | undefined)[]): Counts {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return Object.fromEntries(
    [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)),
  );
}
