// Supplied tensors: those of the model that no request gives or gets, as the batcher makes or keeps them.

import type { DataType, ModelConfig, ModelSequenceBatchingControl } from './model-config.js';

/** @internal */
export interface SuppliedTensor {
  readonly side: 'input' | 'output';
  readonly name: string;
  /** TYPE_INVALID: it is not said. */
  readonly dataType: DataType;
}

/** Targets of batch inputs, controls of sequences, and states. @internal */
export function suppliedTensors(config: ModelConfig): SuppliedTensor[] {
  const batch = config.batch_input.flatMap((input) =>
    input.target_name.map((name) => ({ side: 'input' as const, name, dataType: input.data_type })),
  );
  const controls = (config.sequence_batching?.control_input ?? []).map(({ name, control }) => ({
    side: 'input' as const,
    name,
    dataType: controlType(control[0]),
  }));
  const states = (config.sequence_batching?.state ?? []).flatMap((state) => [
    { side: 'input' as const, name: state.input_name, dataType: state.data_type },
    { side: 'output' as const, name: state.output_name, dataType: state.data_type },
  ]);
  return [...batch, ...controls, ...states];
}

/** Type of a control's tensor: by the list of values that is given, or as said (CORRID). */
function controlType(control: ModelSequenceBatchingControl | undefined): DataType {
  if (control === undefined) return 'TYPE_INVALID';
  if (control.int32_false_true.length > 0) return 'TYPE_INT32';
  if (control.fp32_false_true.length > 0) return 'TYPE_FP32';
  return control.bool_false_true.length > 0 ? 'TYPE_BOOL' : control.data_type;
}
