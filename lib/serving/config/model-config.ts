// ModelConfig: what config.pbtxt says, as types. Names and meaning are Triton's own (proto/model_config.proto); enums are their names; 64-bit numbers are numbers.

/* Every field is there in a config that {@link parseModelConfig} or {@link completeConfig} gave; messages and the members of a oneof only where they were set. */

export type DataType =
  | 'TYPE_INVALID'
  | 'TYPE_BOOL'
  | 'TYPE_UINT8'
  | 'TYPE_UINT16'
  | 'TYPE_UINT32'
  | 'TYPE_UINT64'
  | 'TYPE_INT8'
  | 'TYPE_INT16'
  | 'TYPE_INT32'
  | 'TYPE_INT64'
  | 'TYPE_FP16'
  | 'TYPE_FP32'
  | 'TYPE_FP64'
  | 'TYPE_STRING'
  | 'TYPE_BF16';

export interface ModelRateLimiterResource {
  name: string;
  global: boolean;
  count: number;
}

export interface ModelRateLimiter {
  resources: ModelRateLimiterResource[];
  priority: number;
}

export type ModelInstanceGroupKind = 'KIND_AUTO' | 'KIND_GPU' | 'KIND_CPU' | 'KIND_MODEL';

export type ModelInstanceGroupSecondaryDeviceSecondaryDeviceKind = 'KIND_NVDLA';

export interface ModelInstanceGroupSecondaryDevice {
  kind: ModelInstanceGroupSecondaryDeviceSecondaryDeviceKind;
  device_id: number;
}

export interface ModelInstanceGroup {
  name: string;
  kind: ModelInstanceGroupKind;
  count: number;
  rate_limiter?: ModelRateLimiter | undefined;
  gpus: number[];
  secondary_devices: ModelInstanceGroupSecondaryDevice[];
  profile: string[];
  passive: boolean;
  host_policy: string;
}

export interface ModelTensorReshape {
  shape: number[];
}

export type ModelInputFormat = 'FORMAT_NONE' | 'FORMAT_NHWC' | 'FORMAT_NCHW';

export interface ModelInput {
  name: string;
  data_type: DataType;
  format: ModelInputFormat;
  dims: number[];
  reshape?: ModelTensorReshape | undefined;
  is_shape_tensor: boolean;
  allow_ragged_batch: boolean;
  optional: boolean;
  is_non_linear_format_io: boolean;
}

export interface ModelOutput {
  name: string;
  data_type: DataType;
  dims: number[];
  reshape?: ModelTensorReshape | undefined;
  label_filename: string;
  is_shape_tensor: boolean;
  is_non_linear_format_io: boolean;
}

export type BatchInputKind =
  | 'BATCH_ELEMENT_COUNT'
  | 'BATCH_ACCUMULATED_ELEMENT_COUNT'
  | 'BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO'
  | 'BATCH_MAX_ELEMENT_COUNT_AS_SHAPE'
  | 'BATCH_ITEM_SHAPE'
  | 'BATCH_ITEM_SHAPE_FLATTEN';

export interface BatchInput {
  kind: BatchInputKind;
  target_name: string[];
  data_type: DataType;
  source_input: string[];
}

export type BatchOutputKind = 'BATCH_SCATTER_WITH_INPUT_SHAPE';

export interface BatchOutput {
  target_name: string[];
  kind: BatchOutputKind;
  source_input: string[];
}

export interface ModelVersionPolicyLatest {
  num_versions: number;
}

export type ModelVersionPolicyAll = Record<string, never>;

export interface ModelVersionPolicySpecific {
  versions: number[];
}

export interface ModelVersionPolicy {
  latest?: ModelVersionPolicyLatest | undefined;
  all?: ModelVersionPolicyAll | undefined;
  specific?: ModelVersionPolicySpecific | undefined;
}

export type ModelOptimizationPolicyModelPriority =
  'PRIORITY_DEFAULT' | 'PRIORITY_MAX' | 'PRIORITY_MIN';

export interface ModelOptimizationPolicyGraph {
  level: number;
}

export interface ModelOptimizationPolicyCudaGraphSpecShape {
  dim: number[];
}

export interface ModelOptimizationPolicyCudaGraphSpecLowerBound {
  batch_size: number;
  input: Record<string, ModelOptimizationPolicyCudaGraphSpecShape>;
}

export interface ModelOptimizationPolicyCudaGraphSpec {
  batch_size: number;
  input: Record<string, ModelOptimizationPolicyCudaGraphSpecShape>;
  graph_lower_bound?: ModelOptimizationPolicyCudaGraphSpecLowerBound | undefined;
}

export interface ModelOptimizationPolicyCuda {
  graphs: boolean;
  busy_wait_events: boolean;
  graph_spec: ModelOptimizationPolicyCudaGraphSpec[];
  output_copy_stream: boolean;
}

export interface ModelOptimizationPolicyExecutionAcceleratorsAccelerator {
  name: string;
  parameters: Record<string, string>;
}

export interface ModelOptimizationPolicyExecutionAccelerators {
  gpu_execution_accelerator: ModelOptimizationPolicyExecutionAcceleratorsAccelerator[];
  cpu_execution_accelerator: ModelOptimizationPolicyExecutionAcceleratorsAccelerator[];
}

export interface ModelOptimizationPolicyPinnedMemoryBuffer {
  enable: boolean;
}

export interface ModelOptimizationPolicy {
  graph?: ModelOptimizationPolicyGraph | undefined;
  priority: ModelOptimizationPolicyModelPriority;
  cuda?: ModelOptimizationPolicyCuda | undefined;
  execution_accelerators?: ModelOptimizationPolicyExecutionAccelerators | undefined;
  input_pinned_memory?: ModelOptimizationPolicyPinnedMemoryBuffer | undefined;
  output_pinned_memory?: ModelOptimizationPolicyPinnedMemoryBuffer | undefined;
  gather_kernel_buffer_threshold: number;
  eager_batching: boolean;
}

export type ModelQueuePolicyTimeoutAction = 'REJECT' | 'DELAY';

export interface ModelQueuePolicy {
  timeout_action: ModelQueuePolicyTimeoutAction;
  default_timeout_microseconds: number;
  allow_timeout_override: boolean;
  max_queue_size: number;
}

export interface ModelDynamicBatching {
  preferred_batch_size: number[];
  max_queue_delay_microseconds: number;
  preserve_ordering: boolean;
  priority_levels: number;
  default_priority_level: number;
  default_queue_policy?: ModelQueuePolicy | undefined;
  priority_queue_policy: Record<string, ModelQueuePolicy>;
}

export type ModelSequenceBatchingControlKind =
  | 'CONTROL_SEQUENCE_START'
  | 'CONTROL_SEQUENCE_READY'
  | 'CONTROL_SEQUENCE_END'
  | 'CONTROL_SEQUENCE_CORRID';

export interface ModelSequenceBatchingControl {
  kind: ModelSequenceBatchingControlKind;
  int32_false_true: number[];
  fp32_false_true: number[];
  bool_false_true: boolean[];
  data_type: DataType;
}

export interface ModelSequenceBatchingControlInput {
  name: string;
  control: ModelSequenceBatchingControl[];
}

export interface ModelSequenceBatchingInitialState {
  data_type: DataType;
  dims: number[];
  zero_data?: boolean | undefined;
  data_file?: string | undefined;
  name: string;
}

export interface ModelSequenceBatchingState {
  input_name: string;
  output_name: string;
  data_type: DataType;
  dims: number[];
  initial_state: ModelSequenceBatchingInitialState[];
  use_same_buffer_for_input_output: boolean;
  use_growable_memory: boolean;
}

export interface ModelSequenceBatchingStrategyDirect {
  max_queue_delay_microseconds: number;
  minimum_slot_utilization: number;
}

export interface ModelSequenceBatchingStrategyOldest {
  max_candidate_sequences: number;
  preferred_batch_size: number[];
  max_queue_delay_microseconds: number;
  preserve_ordering: boolean;
}

export interface ModelSequenceBatching {
  direct?: ModelSequenceBatchingStrategyDirect | undefined;
  oldest?: ModelSequenceBatchingStrategyOldest | undefined;
  max_sequence_idle_microseconds: number;
  control_input: ModelSequenceBatchingControlInput[];
  state: ModelSequenceBatchingState[];
  iterative_sequence: boolean;
}

export interface ModelEnsemblingStep {
  model_name: string;
  model_version: number;
  input_map: Record<string, string>;
  output_map: Record<string, string>;
  model_namespace: string;
}

export interface ModelEnsembling {
  step: ModelEnsemblingStep[];
  max_inflight_requests: number;
}

export interface ModelParameter {
  string_value: string;
}

export interface ModelWarmupInput {
  data_type: DataType;
  dims: number[];
  zero_data?: boolean | undefined;
  random_data?: boolean | undefined;
  input_data_file?: string | undefined;
}

export interface ModelWarmup {
  name: string;
  batch_size: number;
  inputs: Record<string, ModelWarmupInput>;
  count: number;
}

export interface ModelOperations {
  op_library_filename: string[];
}

export interface ModelTransactionPolicy {
  decoupled: boolean;
}

export interface ModelRepositoryAgentsAgent {
  name: string;
  parameters: Record<string, string>;
}

export interface ModelRepositoryAgents {
  agents: ModelRepositoryAgentsAgent[];
}

export interface ModelResponseCache {
  enable: boolean;
}

export interface ModelMetricsMetricControlMetricIdentifier {
  family: string;
}

export interface ModelMetricsMetricControlHistogramOptions {
  buckets: number[];
}

export interface ModelMetricsMetricControl {
  metric_identifier?: ModelMetricsMetricControlMetricIdentifier | undefined;
  histogram_options?: ModelMetricsMetricControlHistogramOptions | undefined;
}

export interface ModelMetrics {
  metric_control: ModelMetricsMetricControl[];
}

export interface ModelConfig {
  name: string;
  platform: string;
  backend: string;
  runtime: string;
  version_policy?: ModelVersionPolicy | undefined;
  max_batch_size: number;
  input: ModelInput[];
  output: ModelOutput[];
  batch_input: BatchInput[];
  batch_output: BatchOutput[];
  optimization?: ModelOptimizationPolicy | undefined;
  dynamic_batching?: ModelDynamicBatching | undefined;
  sequence_batching?: ModelSequenceBatching | undefined;
  ensemble_scheduling?: ModelEnsembling | undefined;
  instance_group: ModelInstanceGroup[];
  default_model_filename: string;
  cc_model_filenames: Record<string, string>;
  metric_tags: Record<string, string>;
  parameters: Record<string, ModelParameter>;
  model_warmup: ModelWarmup[];
  model_operations?: ModelOperations | undefined;
  model_transaction_policy?: ModelTransactionPolicy | undefined;
  model_repository_agents?: ModelRepositoryAgents | undefined;
  response_cache?: ModelResponseCache | undefined;
  model_metrics?: ModelMetrics | undefined;
}
