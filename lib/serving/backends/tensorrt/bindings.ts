// Bindings: which tensor of the config, or of the batcher, each input and output of a plan is.

import { ServingError } from '../../../errors.js';
import type { InputRow, IoTable, OutputRow } from '../../../session/io-table.js';
import type { BatchInput, ModelConfig } from '../../config/model-config.js';
import { type Datatype, datatypeOfDType } from '../../datatype.js';
import type { InferTensor } from '../../infer-tensor.js';
import type { PendingRequest } from '../../request.js';

/** An input of the plan. */
export interface InputBinding {
  readonly row: InputRow;
  /** Index among the config's inputs; -1: a request does not bring it itself. */
  readonly given: number;
  /** What the batcher computes for it; `source`: index among the config's inputs. */
  readonly batchInput: { readonly kind: BatchInput['kind']; readonly source: number } | undefined;
  readonly ragged: boolean;
  /** The config's dimensions, and the plan's instead of them. */
  readonly dims: readonly number[];
  readonly reshape: readonly number[] | undefined;
  /** A shape tensor whose first value is the batch size, which requests do not bring. */
  readonly leadsWithBatch: boolean;
}

/** An output of the plan that the config has. */
export interface OutputBinding {
  readonly row: OutputRow;
  readonly datatype: Datatype;
  /** Index among the config's outputs; -1: a state that only sequences ask for. */
  readonly given: number;
  readonly dims: readonly number[];
  readonly reshape: readonly number[] | undefined;
  /** The same for all requests of a batch. */
  readonly shapeTensor: boolean;
  readonly leadsWithBatch: boolean;
  /** Of batch_output: index of the config's input whose shapes it has; -1: none. */
  readonly scatter: number;
}

/** @internal */
export interface Bindings {
  readonly batching: boolean;
  readonly inputs: readonly InputBinding[];
  readonly outputs: readonly OutputBinding[];
  /** By the plan's output: its binding, if it has one. */
  readonly outputOf: readonly (OutputBinding | undefined)[];
  readonly outputCount: number;
  /** Whether the shapes of a batch depend on nothing but its size. */
  readonly fixed: boolean;
  readonly ragged: boolean;
}

/** The tensor that a request brings for an input of the plan. */
export function tensorOf(binding: InputBinding, request: PendingRequest): InferTensor | undefined {
  if (binding.given >= 0) return request.inputs[binding.given];
  return request.extraInputs?.get(binding.row.name);
}

function volumeOf(dims: readonly number[]): number {
  return dims.reduce((product, extent) => product * extent, 1);
}

function inputBinding(config: ModelConfig, row: InputRow, batching: boolean): InputBinding {
  const given = config.input.findIndex(({ name }) => name === row.name);
  const input = config.input[given];
  const batchInput = config.batch_input.find(({ target_name }) => target_name.includes(row.name));
  const dims = input?.dims ?? [];
  const leadsWithBatch =
    batching && row.onHost && row.shape.length === 1 && row.shape[0] === volumeOf(dims) + 1;
  return {
    row,
    given,
    batchInput: batchInput && {
      kind: batchInput.kind,
      source: config.input.findIndex(({ name }) => name === batchInput.source_input[0]),
    },
    ragged: input?.allow_ragged_batch === true,
    dims,
    reshape: input?.reshape?.shape,
    leadsWithBatch,
  };
}

function outputBinding(
  config: ModelConfig,
  row: OutputRow,
  batching: boolean,
): OutputBinding | undefined {
  const given = config.output.findIndex(({ name }) => name === row.name);
  const output = config.output[given];
  const state = config.sequence_batching?.state.some(({ output_name }) => output_name === row.name);
  const datatype = datatypeOfDType(row.info.dtype);
  if ((output === undefined && state !== true) || datatype === undefined) return undefined;
  const scattered = config.batch_output.find(({ target_name }) => target_name.includes(row.name));
  const dims = output?.dims ?? [];
  const shapeTensor = row.onHost || output?.is_shape_tensor === true;
  return {
    row,
    datatype,
    given,
    dims,
    reshape: output?.reshape?.shape,
    shapeTensor,
    leadsWithBatch:
      batching &&
      shapeTensor &&
      row.tensor.shape.length === 1 &&
      row.tensor.shape[0] === volumeOf(dims) + 1,
    scatter:
      scattered === undefined
        ? -1
        : config.input.findIndex(({ name }) => name === scattered.source_input[0]),
  };
}

/** @throws ERR_TRT_MODEL_CONFIG when an input of the plan would get no values */
export function bindingsOf(config: ModelConfig, table: IoTable): Bindings {
  const batching = config.max_batch_size > 0;
  const sequence = config.sequence_batching;
  const sequenceInputs = new Set([
    ...(sequence?.control_input ?? []).map(({ name }) => name),
    ...(sequence?.state ?? []).map(({ input_name }) => input_name),
  ]);
  const inputs = table.inputs.map((row) => inputBinding(config, row, batching));
  for (const { row, given, batchInput } of inputs) {
    if (given >= 0 || batchInput !== undefined || sequenceInputs.has(row.name)) continue;
    throw new ServingError(
      'ERR_TRT_MODEL_CONFIG',
      `unable to load model '${config.name}': the plan has input '${row.name}', but the configuration does not`,
      'Add it to `input`, or to `batch_input` or `sequence_batching`.',
    );
  }
  const outputOf = table.outputs.map((row) => outputBinding(config, row, batching));
  return {
    batching,
    inputs,
    outputs: outputOf.filter((binding) => binding !== undefined),
    outputOf,
    outputCount: config.output.length,
    fixed: inputs.every(
      ({ given, ragged, dims, row }) =>
        given >= 0 && !ragged && !row.onHost && dims.every((extent) => extent >= 0),
    ),
    ragged: inputs.some(({ ragged, batchInput }) => ragged || batchInput !== undefined),
  };
}

/** `item` of shape `from` as `to`: wildcards stand for each other in order. */
export function reshaped(
  from: readonly number[],
  to: readonly number[],
  item: readonly number[],
): number[] {
  const dynamic = item.filter((_, axis) => (from[axis] ?? 0) < 0);
  let next = 0;
  return to.map((extent) => (extent < 0 ? (dynamic[next++] ?? 0) : extent));
}
