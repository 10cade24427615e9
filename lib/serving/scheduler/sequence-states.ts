// SequenceStates: implicit state: outputs of a request that are inputs of the next one of its sequence.

import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { ServingError, asError } from '../../errors.js';
import { volume } from '../../validate.js';
import { copyTensor, zeros } from '../backends/host-tensor.js';
import type {
  ModelConfig,
  ModelSequenceBatchingInitialState,
  ModelSequenceBatchingState,
} from '../config/model-config.js';
import { type Datatype, datatypeOfConfig, datatypeTable } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';

/** State tensors of one sequence, by the names of the model's inputs. @internal */
export type StateValues = ReadonlyMap<string, InferTensor>;

function wrong(reason: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_CONFIG',
    reason,
    'Change sequence_batching.state in config.pbtxt.',
  );
}

/** Byte strings with a length of four bytes before each. */
function readStrings(bytes: Buffer, input: string): Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 <= bytes.length ? at + 4 + bytes.readUInt32LE(at) : Infinity;
    if (end > bytes.length) {
      throw wrong(`the initial state of '${input}' ends within an element`);
    }
    items.push(new Uint8Array(bytes.subarray(at + 4, end)));
    at = end;
  }
  return items;
}

/** The file of an initial state; only in the folder `initial_state` of the model's. */
function readStateFile(folder: string | undefined, file: string, input: string): Buffer {
  try {
    const base = realpathSync(path.join(folder ?? '', 'initial_state'));
    const real = realpathSync(path.join(base, file));
    if (folder !== undefined && real.startsWith(base + path.sep)) return readFileSync(real);
  } catch (thrown) {
    const cause = asError(thrown);
    throw new ServingError(
      'ERR_TRT_MODEL_LOAD',
      `cannot read the initial state '${file}' of '${input}': ${cause.message}`,
      "Put the file into the folder initial_state of the model's folder.",
      { cause },
    );
  }
  throw wrong(`the initial state '${file}' of '${input}' is not in the folder initial_state`);
}

/** Where a sequence begins. */
function initialTensor(
  state: ModelSequenceBatchingState,
  datatype: Datatype,
  batched: boolean,
  folder: string | undefined,
): InferTensor {
  const { input_name: input, initial_state: given } = state;
  const batch = batched ? [1] : [];
  if (given.length > 1) {
    throw wrong(
      `initial_state field for state input '${input}' must contain exactly one or zero element. Found '${given.length}' elements.`,
    );
  }
  const [initial] = given;
  if (initial === undefined) {
    const dims = state.dims.map((extent) => (extent < 0 ? 1 : extent));
    return zeros(datatype, [...batch, ...dims]);
  }
  checkInitial(initial, state);
  const shape = [...batch, ...initial.dims];
  if (initial.data_file === undefined) {
    if (initial.zero_data !== undefined) return zeros(datatype, shape);
    throw wrong(`initial_state setting expects state '${input}' to have state_data set`);
  }
  const bytes = readStateFile(folder, initial.data_file, input);
  const elements = volume(shape);
  if (datatype === 'BYTES') {
    const items = readStrings(bytes, input);
    if (items.length === elements) return new InferTensor(datatype, items, shape);
    throw wrong(
      `initial_state setting expects ${elements} strings, but the data provided from ${initial.data_file} has ${items.length}.`,
    );
  }
  const expected = elements * datatypeTable[datatype].bytes;
  if (bytes.length < expected) {
    throw wrong(
      `initial_state setting expects ${expected} bytes, but the data provided from ${initial.data_file} only has ${bytes.length} bytes.`,
    );
  }
  const data = InferTensor.fromBytes(datatype, new Uint8Array(bytes.subarray(0, expected)), shape);
  return new InferTensor(datatype, data.data, shape);
}

function checkInitial(
  initial: ModelSequenceBatchingInitialState,
  { input_name: input, data_type: type, dims }: ModelSequenceBatchingState,
): void {
  if (initial.data_type !== type) {
    throw wrong(
      `The data type used for 'initial_state' field of state '${input}' does not match the state data type.`,
    );
  }
  if (initial.name === '') {
    throw wrong(`Field 'name' must be set when using initial_state for state input '${input}'.`);
  }
  if (initial.dims.length !== dims.length) {
    throw wrong(
      `Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input '${input}'. ${initial.dims.length} != ${dims.length}`,
    );
  }
  for (const [axis, extent] of initial.dims.entries()) {
    if (extent < 0) {
      throw wrong(
        `'initial_state' field for state input name '${input}' contains variable dimensions.`,
      );
    }
    if (dims[axis] !== -1 && dims[axis] !== extent) {
      throw wrong(
        `'initial_state' dim for input name '${input}' doesn't match 'state' dim description. ${extent} != ${dims[axis] ?? ''}`,
      );
    }
  }
}

/** The states of a model, and where its sequences begin. @internal */
export class SequenceStates {
  /** Names of the outputs that hold the states. */
  readonly outputs: readonly string[] | undefined;
  /** Of a sequence that starts. */
  readonly initial: StateValues;
  /** Output → input. */
  readonly #inputs = new Map<string, string>();

  /**
   * @param folder - Of the model, for initial states from files.
   * @throws ERR_TRT_MODEL_CONFIG; ERR_TRT_MODEL_LOAD for files that cannot be read
   */
  constructor(config: ModelConfig, folder: string | undefined) {
    const initial = new Map<string, InferTensor>();
    for (const state of config.sequence_batching?.state ?? []) {
      const { input_name: input, output_name: output } = state;
      const datatype = datatypeOfConfig(state.data_type);
      if (datatype === undefined) {
        throw wrong(`the state '${input}' has no data type that is known`);
      }
      if (initial.has(input)) {
        throw wrong(`State input name '${input}' specified more than once.`);
      }
      initial.set(input, initialTensor(state, datatype, config.max_batch_size > 0, folder));
      this.#inputs.set(output, input);
    }
    this.initial = initial;
    this.outputs = initial.size === 0 ? undefined : [...this.#inputs.keys()];
  }

  /** What the next request gets, of what the last gave back (copied: it may share memory with others). */
  next(before: StateValues, given: ReadonlyMap<string, InferTensor> | undefined): StateValues {
    if (given === undefined || this.outputs === undefined) return before;
    const values = new Map(before);
    for (const [output, input] of this.#inputs) {
      const tensor = given.get(output);
      if (tensor !== undefined) values.set(input, copyTensor(tensor));
    }
    return values;
  }
}
