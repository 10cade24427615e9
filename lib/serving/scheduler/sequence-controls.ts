// SequenceControls: the control tensors that a model of sequences gets beside its inputs: START, READY, END, CORRID.

import { ServingError } from '../../errors.js';
import type {
  DataType,
  ModelConfig,
  ModelSequenceBatchingControl,
  ModelSequenceBatchingControlKind,
} from '../config/model-config.js';
import { InferTensor } from '../infer-tensor.js';

/** A correlation id, as clients give it. @internal */
export type CorrelationId = number | bigint | string;

/** What of a request the controls tell. */
export interface ControlFlags {
  readonly start: boolean;
  readonly end: boolean;
  readonly ready: boolean;
  readonly id: CorrelationId;
}

const corridTypes: readonly DataType[] = [
  'TYPE_UINT64',
  'TYPE_INT64',
  'TYPE_UINT32',
  'TYPE_INT32',
  'TYPE_STRING',
];

function wrong(model: string, reason: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_CONFIG',
    `${reason} for ${model}`,
    'Change sequence_batching.control_input in config.pbtxt.',
  );
}

/** A control that is false or true. */
class BooleanControl {
  readonly name: string;
  readonly #tensors: readonly [InferTensor, InferTensor];

  constructor(name: string, control: ModelSequenceBatchingControl, shape: number[], model: string) {
    this.name = name;
    const { kind, int32_false_true: int32, fp32_false_true: fp32 } = control;
    const bool = control.bool_false_true;
    const given = [int32, fp32, bool].filter((values) => values.length > 0);
    if (given.length !== 1 || given[0]?.length !== 2) {
      throw wrong(
        model,
        `sequence batching must specify exactly 2 values of one of 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for ${kind}`,
      );
    }
    const pair = (make: (index: 0 | 1) => InferTensor): [InferTensor, InferTensor] => [
      make(0),
      make(1),
    ];
    if (int32.length === 2) {
      this.#tensors = pair(
        (index) => new InferTensor('INT32', Int32Array.of(int32[index] ?? 0), shape),
      );
    } else if (fp32.length === 2) {
      this.#tensors = pair(
        (index) => new InferTensor('FP32', Float32Array.of(fp32[index] ?? 0), shape),
      );
    } else {
      this.#tensors = pair(
        (index) => new InferTensor('BOOL', Uint8Array.of(Number(bool[index] ?? 0)), shape),
      );
    }
  }

  tensor(value: boolean): InferTensor {
    return this.#tensors[value ? 1 : 0];
  }
}

/** @internal */
export class SequenceControls {
  readonly #model: string;
  readonly #shape: number[];
  readonly #booleans = new Map<ModelSequenceBatchingControlKind, BooleanControl>();
  readonly #corrid: { name: string; type: DataType } | undefined;

  /** @throws ERR_TRT_MODEL_CONFIG */
  constructor(config: ModelConfig) {
    this.#model = config.name;
    this.#shape = config.max_batch_size > 0 ? [1, 1] : [1];
    const kinds = new Set<string>();
    for (const { name, control } of config.sequence_batching?.control_input ?? []) {
      if (name === '')
        throw wrong(config.name, 'sequence batching control tensor must have a name');
      for (const each of control) {
        if (kinds.has(each.kind)) {
          throw wrong(config.name, `sequence batching specifies multiple ${each.kind} tensors`);
        }
        kinds.add(each.kind);
        if (each.kind !== 'CONTROL_SEQUENCE_CORRID') {
          const boolean = new BooleanControl(name, each, this.#shape, config.name);
          this.#booleans.set(each.kind, boolean);
        } else if (corridTypes.includes(each.data_type)) {
          this.#corrid = { name, type: each.data_type };
        } else {
          throw wrong(
            config.name,
            `unexpected data type ${each.data_type}, expected TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32, or TYPE_STRING for CONTROL_SEQUENCE_CORRID`,
          );
        }
      }
    }
  }

  /** Why the model cannot have a sequence called `id`. */
  refuses(id: CorrelationId): ServingError | undefined {
    if (this.#corrid === undefined || this.#corrid.type === 'TYPE_STRING') return undefined;
    if (typeof id !== 'string') return undefined;
    return new ServingError(
      'ERR_TRT_REQUEST',
      `inference request to model '${this.#model}' must specify an integer as correlation ID, as its CORRID control is ${this.#corrid.type}, got '${id}'`,
      'Give an integer as sequence id.',
    );
  }

  /** The tensors for one request, by name. */
  tensors(flags: ControlFlags): [string, InferTensor][] {
    const values: Partial<Record<ModelSequenceBatchingControlKind, boolean>> = {
      CONTROL_SEQUENCE_START: flags.start,
      CONTROL_SEQUENCE_END: flags.end,
      CONTROL_SEQUENCE_READY: flags.ready,
    };
    const tensors: [string, InferTensor][] = [];
    for (const [kind, control] of this.#booleans) {
      tensors.push([control.name, control.tensor(values[kind] ?? false)]);
    }
    if (this.#corrid !== undefined) {
      tensors.push([this.#corrid.name, this.#idTensor(this.#corrid.type, flags.id)]);
    }
    return tensors;
  }

  #idTensor(type: DataType, id: CorrelationId): InferTensor {
    const shape = this.#shape;
    if (type === 'TYPE_STRING') {
      return new InferTensor('BYTES', [Buffer.from(String(id), 'utf8')], shape);
    }
    const value = BigInt(id);
    switch (type) {
      case 'TYPE_INT64':
        return new InferTensor('INT64', BigInt64Array.of(value), shape);
      case 'TYPE_UINT32':
        return new InferTensor('UINT32', Uint32Array.of(Number(BigInt.asUintN(32, value))), shape);
      case 'TYPE_INT32':
        return new InferTensor('INT32', Int32Array.of(Number(BigInt.asIntN(32, value))), shape);
      default:
        return new InferTensor('UINT64', BigUint64Array.of(value), shape);
    }
  }
}
