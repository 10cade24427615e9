// Runs an ONNX model with the package onnxruntime-node, on the CPU: what a plan is compared with.

import { type DType, dtypeInfo, float16Array } from '../dtype.js';
import { BuildError, ExecutionError, LoadError, UnsupportedError, asError } from '../errors.js';
import { toFloat16Bits } from '../float.js';
import { numbersOf } from '../run/summary.js';
import { unknownTensor } from '../runtime/engine.js';
import { Tensor, type TensorSource } from '../tensor.js';

/** The little of onnxruntime-node that is used; it is an optional peer, so its types cannot be named in ours. */
interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView | string[];
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Newer versions tell the types of inputs. */
  readonly inputMetadata?: readonly { readonly name: string; readonly type?: string }[];
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}
interface Ort {
  readonly InferenceSession: {
    create(model: string | Uint8Array, options: Record<string, unknown>): Promise<OrtSession>;
  };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
  readonly env: { readonly versions: { readonly common: string; readonly node?: string } };
}

async function load(): Promise<Ort> {
  try {
    const loaded = (await import('onnxruntime-node')) as Ort & { default?: Ort };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new LoadError(
      'ERR_TRT_REFERENCE_UNAVAILABLE',
      `comparing with ONNX Runtime needs the package onnxruntime-node, which cannot be loaded: ${asError(cause).message}`,
      'Run `npm install onnxruntime-node --onnxruntime-node-install=skip` (the CPU library comes with the package).',
      { cause },
    );
  }
}

/** Types that ONNX Runtime's JavaScript has under the same name. */
const known: readonly string[] = [
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
];

/** The elements of `tensor` as another type, as an engine's input may have another than the model's. */
function converted(tensor: Tensor, dtype: DType, name: string): Tensor {
  if (tensor.dtype === dtype) return tensor;
  const numbers = numbersOf(tensor);
  if (numbers === undefined) {
    throw new UnsupportedError(
      'ERR_TRT_UNSUPPORTED',
      `input '${name}': ${tensor.dtype} cannot be given to ONNX Runtime, which wants ${dtype}`,
      'Compare a plan whose inputs have the types of the model.',
    );
  }
  const data = new (dtypeInfo(dtype).array)(numbers.length) as unknown as (number | bigint)[];
  for (let index = 0; index < numbers.length; index++) {
    const value = numbers[index] ?? 0;
    if (dtype === 'int64') data[index] = BigInt(Math.trunc(Number(value)));
    else if (dtype === 'float16') data[index] = toFloat16Bits(Number(value));
    else data[index] = Number(value);
  }
  return new Tensor(dtype, data, tensor.shape);
}

function fromOrt(name: string, tensor: OrtTensor): Tensor {
  const { type, dims, data } = tensor;
  if (!known.includes(type) || !ArrayBuffer.isView(data)) {
    throw new UnsupportedError(
      'ERR_TRT_UNSUPPORTED',
      `output '${name}': ONNX Runtime gives ${type}, which cannot be compared`,
      'Compare a model whose outputs are numbers.',
    );
  }
  return new Tensor(type as DType, data as unknown as TensorSource, dims);
}

/** What ONNX Runtime made of a model. */
export interface OnnxRuntimeResult {
  readonly version: string;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/**
 * One inference on the CPU. Inputs are converted to the types that the model has.
 *
 * @param model - Path of the model (external weights are found beside it).
 * @throws {@link LoadError} ERR_TRT_REFERENCE_UNAVAILABLE without the package; {@link BuildError} ERR_TRT_PARSE for a model that ONNX Runtime
 *   refuses; ERR_TRT_UNKNOWN_TENSOR for inputs that the model does not have or that are missing; {@link UnsupportedError} for types it does not have
 */
export async function runOnnxRuntime(
  model: string,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<OnnxRuntimeResult> {
  const ort = await load();
  let session: OrtSession;
  try {
    session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  } catch (cause) {
    throw new BuildError(
      'ERR_TRT_PARSE',
      `ONNX Runtime refuses '${model}': ${asError(cause).message}`,
      'Check that this is the model that the plan was built from, and that its weights lie beside it.',
      { cause },
    );
  }
  try {
    const inputs: Record<string, OrtTensor> = {};
    for (const name of session.inputNames) {
      const feed = feeds[name];
      if (feed === undefined) throw unknownTensor(name, Object.keys(feeds), 'an input of the plan');
      const type = session.inputMetadata?.find((about) => about.name === name)?.type;
      const tensor = converted(feed, (type ?? feed.dtype) as DType, name);
      inputs[name] = new ort.Tensor(tensor.dtype, elementsFor(tensor), tensor.shape);
    }
    const outputs = await session.run(inputs).catch((cause: unknown) => {
      throw new ExecutionError(
        'ERR_TRT_EXECUTION',
        `ONNX Runtime fails on these inputs: ${asError(cause).message}`,
        'Random integers are 0 or 1: give real inputs where the model needs others.',
        { cause },
      );
    });
    return {
      version: ort.env.versions.node ?? ort.env.versions.common,
      outputs: Object.fromEntries(
        session.outputNames.map((name) => [name, fromOrt(name, outputs[name] as OrtTensor)]),
      ),
    };
  } finally {
    await session.release();
  }
}

/** Where JavaScript has Float16Array, ONNX Runtime takes that for float16; else the bits. */
function elementsFor({ dtype, data }: Tensor): unknown {
  if (dtype !== 'float16' || float16Array === undefined) return data;
  return new float16Array(data.buffer, data.byteOffset, data.length);
}
