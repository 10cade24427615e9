// Parameters of requests and tensors as gRPC has them: what each may be, in Triton's words.

import { ServingError } from '../../errors.js';
import type { InferOptions, Parameters } from '../request.js';
import type { SharedMemoryRange, SharedMemoryRegistry } from '../shared-memory/registry.js';
import type { InferParameter, InferParameterMap } from './infer-decode.js';

/** @internal */
export function refused(reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_REQUEST', reason, hint);
}

function wrongType(name: string, expected: string): ServingError {
  return refused(
    `invalid value type for '${name}' parameter, expected ${expected}.`,
    'Set the choice of InferParameter that is named.',
  );
}

function flag(name: string, parameter: InferParameter): boolean {
  if (parameter?.type !== 'bool') throw wrongType(name, 'bool_param');
  return parameter.value;
}

/** A 64-bit value as a number where that is exact. */
function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function priority(parameter: InferParameter): number {
  if (parameter?.type !== 'int64' && parameter?.type !== 'uint64') {
    throw wrongType('priority', 'int64_param or uint64_param');
  }
  if (parameter.value < 0n) {
    throw refused("invalid value for 'priority', expected value >= 0.", '1 is the highest.');
  }
  return Number(parameter.value);
}

/** Microseconds as milliseconds; 0 is none. */
function timeout(parameter: InferParameter): number | undefined {
  if (parameter?.type !== 'int64') throw wrongType('timeout', 'int64_param');
  if (parameter.value < 0n) {
    throw refused("invalid value for 'timeout', expected value >= 0.", 'Give microseconds.');
  }
  return parameter.value === 0n ? undefined : Number(parameter.value) / 1000;
}

function sequence(parameter: InferParameter): string | number | bigint {
  if (parameter?.type === 'int64') return narrow(parameter.value);
  if (parameter?.type === 'string') return parameter.value;
  throw wrongType('sequence_id', 'int64_param or string_param');
}

function custom(name: string, parameter: InferParameter): Parameters[string] {
  switch (parameter?.type) {
    case 'bool':
    case 'string':
    case 'double':
      return parameter.value;
    case 'int64':
      return narrow(parameter.value);
    default:
      throw wrongType(name, 'int64_param, bool_param, or string_param');
  }
}

const emptyFinalResponse = 'triton_enable_empty_final_response';

/** What a request's parameters say. @internal */
export interface RequestParameters {
  readonly options: InferOptions;
  /** Of streams: the last response says so in a parameter. */
  readonly emptyFinalResponse: boolean;
}

/** @throws ServingError INVALID_ARG in Triton's words @internal */
export function readRequestParameters(map: InferParameterMap): RequestParameters {
  const options: InferOptions = {};
  let empty = false;
  let own: Record<string, Parameters[string]> | undefined;
  for (const [name, parameter] of map) {
    switch (name) {
      case 'sequence_id':
        options.sequenceId = sequence(parameter);
        break;
      case 'sequence_start':
        options.sequenceStart = flag(name, parameter);
        break;
      case 'sequence_end':
        options.sequenceEnd = flag(name, parameter);
        break;
      case 'priority':
        options.priority = priority(parameter);
        break;
      case 'timeout':
        options.timeoutMs = timeout(parameter);
        break;
      case emptyFinalResponse:
        empty = flag(name, parameter);
        break;
      default:
        checkOwn(name);
        own ??= {};
        own[name] = custom(name, parameter);
    }
  }
  if (own !== undefined) options.parameters = own;
  return { options, emptyFinalResponse: empty };
}

function checkOwn(name: string): void {
  if (name.startsWith('triton_')) {
    throw refused(
      `parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: ${emptyFinalResponse}`,
      'Use another name.',
    );
  }
  if (name === '__proto__') throw refused("a parameter cannot be named '__proto__'", 'Rename it.');
}

/** `classification` of a requested output; undefined: the output itself. @throws ServingError @internal */
export function readClassification(map: InferParameterMap): number | undefined {
  if (!map.has('classification')) return undefined;
  const parameter = map.get('classification');
  if (parameter?.type !== 'int64') throw wrongType('classification', 'int64_param');
  if (parameter.value <= 0n) {
    throw refused(
      "invalid value for 'classification' parameter, expected >= 1",
      'Give the number of classes.',
    );
  }
  return Number(parameter.value);
}

function size(name: string, tensor: string, parameter: InferParameter): number {
  if (parameter?.type !== 'int64' && parameter?.type !== 'uint64') {
    throw refused(
      `invalid value type for '${name}' parameter for tensor '${tensor}', expected int64_param.`,
      'Set int64_param.',
    );
  }
  if (parameter.value < 0n) {
    throw refused(
      `invalid value for '${name}' parameter for tensor '${tensor}', expected value >= 0.`,
      'Give bytes.',
    );
  }
  return Number(parameter.value);
}

/** The part of a shared memory region that a tensor's parameters name; undefined: none. @throws ServingError in Triton's words @internal */
export function readSharedMemory(
  map: InferParameterMap,
  tensor: string,
  registry: SharedMemoryRegistry | undefined,
): SharedMemoryRange | undefined {
  if (!map.has('shared_memory_region')) {
    const orphan = ['shared_memory_offset', 'shared_memory_byte_size'].find((name) =>
      map.has(name),
    );
    if (orphan === undefined) return undefined;
    throw refused(
      `'${orphan}' can not be specified without 'shared_memory_region' parameter for tensor '${tensor}'`,
      'Name the region.',
    );
  }
  const region = map.get('shared_memory_region');
  if (region?.type !== 'string') {
    throw refused(
      `invalid value type for 'shared_memory_region' parameter for tensor '${tensor}', expected string_param.`,
      'Set string_param.',
    );
  }
  const offset = map.has('shared_memory_offset')
    ? size('shared_memory_offset', tensor, map.get('shared_memory_offset'))
    : 0;
  const bytes = map.has('shared_memory_byte_size')
    ? size('shared_memory_byte_size', tensor, map.get('shared_memory_byte_size'))
    : 0;
  if (bytes === 0) {
    throw refused(
      `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '${tensor}'`,
      'Give its bytes.',
    );
  }
  if (registry === undefined) {
    throw refused(
      `Unable to find shared memory region: '${region.value}'`,
      'Shared memory is switched off on this server: send the tensors with the requests.',
    );
  }
  return registry.reserve(region.value, offset, bytes);
}
