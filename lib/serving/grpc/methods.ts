// The methods besides inference: their messages by protobufjs, their answers from the service and the shared settings.

import type protobuf from 'protobufjs';
import { ServingError } from '../../errors.js';
import { packageVersion } from '../../package-version.js';
import type { DurationStatistic } from '../model/statistics.js';
import { messageType, modelConfigToMessage } from '../proto/schema.js';
import type { ApiCategory } from '../security/access.js';
import type { ServedVersion } from '../service.js';
import type { SharedMemoryRegistry } from '../shared-memory/registry.js';
import type { DoorContext } from './door-context.js';
import { refused } from './parameters.js';
import { GrpcError, grpcStatus } from './status.js';

/** A message as protobufjs reads it, with defaults where nothing was sent; 64-bit numbers are numbers. */
type Message = Readonly<Record<string, unknown>>;

/** @internal */
export interface UnaryMethod {
  readonly category: ApiCategory;
  /** @returns Rejects with what the call is to fail with. */
  call(request: Buffer): Promise<Uint8Array>;
}

type Handler = (request: Message, context: DoorContext) => unknown;

const text = (request: Message, name: string) => request[name] as string;
const optionalText = (request: Message, name: string) => text(request, name) || undefined;

/** Parts of the protocol that this server has, as its metadata tell. */
const extensions = [
  'classification',
  'sequence',
  'model_repository',
  'model_repository(unload_dependents)',
  'schedule_policy',
  'model_configuration',
  'system_shared_memory',
  'cuda_shared_memory',
  'binary_tensor_data',
  'parameters',
  'statistics',
  'trace',
  'logging',
];

function checkRepository(request: Message): void {
  if (text(request, 'repository_name') === '') return;
  throw new ServingError(
    'ERR_TRT_REQUEST_UNSUPPORTED',
    "'repository_name' specification is not supported",
    'Leave it out.',
  );
}

/** Which member of its oneof a parameter has. */
function choiceOf(parameter: Message | undefined): string | undefined {
  return parameter?.parameter_choice as string | undefined;
}

async function load(request: Message, { service }: DoorContext): Promise<Message> {
  checkRepository(request);
  let config: string | undefined;
  const files = new Map<string, Uint8Array>();
  for (const [name, parameter] of Object.entries(request.parameters as Record<string, Message>)) {
    const isFile = name.startsWith('file:');
    if (name !== 'config' && !isFile) {
      throw refused(`unrecognized load parameter '${name}'.`, "Give 'config' and 'file:…' only.");
    }
    const expected = isFile ? 'bytes_param' : 'string_param';
    if (choiceOf(parameter) !== expected) {
      throw refused(
        `invalid value type for load parameter '${name}', expected ${expected}.`,
        `Set ${expected}.`,
      );
    }
    if (isFile) files.set(name.slice('file:'.length), parameter.bytes_param as Uint8Array);
    else config = parameter.string_param as string;
  }
  const overrides = { config, files: files.size === 0 ? undefined : files };
  const given = config !== undefined || files.size > 0;
  await service.load(text(request, 'model_name'), given ? overrides : undefined);
  return {};
}

async function unload(request: Message, { service }: DoorContext): Promise<Message> {
  checkRepository(request);
  const parameters = request.parameters as Record<string, Message>;
  const parameter = Object.hasOwn(parameters, 'unload_dependents')
    ? parameters.unload_dependents
    : undefined;
  if (parameter !== undefined && choiceOf(parameter) !== 'bool_param') {
    throw refused(
      "invalid value type for 'unload_dependents' parameter, expected bool_param.",
      'Set bool_param.',
    );
  }
  const dependents = parameter?.bool_param === true;
  await service.unload(text(request, 'model_name'), { dependents });
  return {};
}

function duration({ count, ns }: DurationStatistic): Message {
  return { count, ns: Math.round(ns) };
}

function statisticsOf({ name, version, statistics: of }: ServedVersion): Message {
  return {
    name,
    version,
    last_inference: of.lastInference,
    inference_count: of.inferenceCount,
    execution_count: of.executionCount,
    inference_stats: {
      success: duration(of.success),
      fail: duration(of.fail),
      queue: duration(of.queue),
      compute_input: duration(of.computeInput),
      compute_infer: duration(of.computeInfer),
      compute_output: duration(of.computeOutput),
      cache_hit: duration(of.cacheHit),
      cache_miss: duration(of.cacheMiss),
    },
    batch_stats: [...of.batches]
      .sort(([a], [b]) => a - b)
      .map(([batchSize, batch]) => ({
        batch_size: batchSize,
        compute_input: duration(batch.computeInput),
        compute_infer: duration(batch.computeInfer),
        compute_output: duration(batch.computeOutput),
      })),
  };
}

function statistics(request: Message, { service }: DoorContext): Message {
  const served = service.served(optionalText(request, 'name'), optionalText(request, 'version'));
  return { model_stats: served.map(statisticsOf) };
}

function traceSetting(request: Message, { service, settings }: DoorContext): Message {
  const trace = settings?.trace;
  if (trace === undefined) throw unavailable('the server does not support trace');
  const model = text(request, 'model_name');
  if (model !== '' && !service.modelReady(model)) {
    throw refused(`Request for unknown model : ${model}`, 'Ask for the index.');
  }
  const given = request.settings as Record<string, Message>;
  const values = Object.fromEntries(
    Object.entries(given).map(([name, setting]) => [name, setting.value]),
  );
  const now = Object.keys(values).length === 0 ? trace.text(model) : trace.update(model, values);
  return {
    settings: Object.fromEntries(
      Object.entries(now).map(([name, value]) => [
        name,
        { value: Array.isArray(value) ? (value as string[]) : [value as string] },
      ]),
    ),
  };
}

function logSettings(request: Message, { settings }: DoorContext): Message {
  const log = settings?.log;
  if (log === undefined) throw unavailable('the server does not support dynamic logging');
  const given = request.settings as Record<string, Message>;
  const values = Object.fromEntries(
    Object.entries(given).map(([name, setting]) => [name, setting[choiceOf(setting) ?? '']]),
  );
  const now = Object.keys(values).length === 0 ? log.settings : log.update(values);
  const choice = { boolean: 'bool_param', number: 'uint32_param', string: 'string_param' } as const;
  return {
    settings: Object.fromEntries(
      Object.entries(now).map(([name, value]) => [
        name,
        { [choice[typeof value as keyof typeof choice]]: value },
      ]),
    ),
  };
}

function unavailable(words: string): GrpcError {
  return new GrpcError(grpcStatus.UNAVAILABLE, words);
}

function regionsOf({ settings }: DoorContext): SharedMemoryRegistry {
  if (settings === undefined) {
    throw new GrpcError(grpcStatus.UNIMPLEMENTED, 'the server does not support shared memory');
  }
  return settings.sharedMemory;
}

function byName(regions: readonly { readonly name: string }[], of: (region: never) => Message) {
  return { regions: Object.fromEntries(regions.map((each) => [each.name, of(each as never)])) };
}

/** By the method's name: what it belongs to, and what it does. */
const handlers: Readonly<Record<string, readonly [ApiCategory, Handler]>> = {
  ServerLive: ['health', () => ({ live: true })],
  ServerReady: [
    'health',
    (_, context) => ({ ready: !context.closing && context.service.ready().ready }),
  ],
  ModelReady: [
    'health',
    (request, { service }) => ({
      ready: service.modelReady(text(request, 'name'), optionalText(request, 'version')),
    }),
  ],
  ServerMetadata: ['metadata', () => ({ name: 'trt-node', version: packageVersion(), extensions })],
  ModelMetadata: [
    'metadata',
    (request, { service }) =>
      service.metadata(text(request, 'name'), optionalText(request, 'version')),
  ],
  ModelConfig: [
    'model-config',
    (request, { service }) => {
      const version = optionalText(request, 'version');
      const { config } = service.model(text(request, 'name'), version);
      return { config: modelConfigToMessage(config) };
    },
  ],
  ModelStatistics: ['statistics', statistics],
  RepositoryIndex: [
    'model-repository',
    (request, { service }) => {
      checkRepository(request);
      return { models: service.index(request.ready as boolean) };
    },
  ],
  RepositoryModelLoad: ['model-repository', load],
  RepositoryModelUnload: ['model-repository', unload],
  SystemSharedMemoryStatus: [
    'shared-memory',
    (request, context) =>
      byName(
        regionsOf(context).systemStatus(text(request, 'name')),
        (region: { name: string; key: string; offset: number; byteSize: number }) => ({
          name: region.name,
          key: region.key,
          offset: region.offset,
          byte_size: region.byteSize,
        }),
      ),
  ],
  SystemSharedMemoryRegister: [
    'shared-memory',
    (request, context) => {
      const registry = regionsOf(context);
      const offset = request.offset as number;
      const bytes = request.byte_size as number;
      registry.registerSystem(text(request, 'name'), text(request, 'key'), offset, bytes);
      return {};
    },
  ],
  SystemSharedMemoryUnregister: [
    'shared-memory',
    (request, context) => {
      regionsOf(context).unregister('system', text(request, 'name'));
      return {};
    },
  ],
  CudaSharedMemoryStatus: [
    'shared-memory',
    (request, context) =>
      byName(
        regionsOf(context).cudaStatus(text(request, 'name')),
        (region: { name: string; deviceId: number; byteSize: number }) => ({
          name: region.name,
          device_id: region.deviceId,
          byte_size: region.byteSize,
        }),
      ),
  ],
  CudaSharedMemoryRegister: [
    'shared-memory',
    (request, context) => {
      const registry = regionsOf(context);
      const handle = request.raw_handle as Uint8Array;
      const device = request.device_id as number;
      registry.registerCuda(text(request, 'name'), handle, device, request.byte_size as number);
      return {};
    },
  ],
  CudaSharedMemoryUnregister: [
    'shared-memory',
    (request, context) => {
      regionsOf(context).unregister('cuda', text(request, 'name'));
      return {};
    },
  ],
  TraceSetting: ['trace', traceSetting],
  LogSettings: ['logging', logSettings],
};

/** Decodes a message. @throws GrpcError INTERNAL for what is none @internal */
export function decodeMessage(type: protobuf.Type, bytes: Buffer): Message {
  try {
    return type.toObject(type.decode(bytes), {
      longs: Number,
      enums: String,
      defaults: true,
      oneofs: true,
    });
  } catch (error) {
    throw new GrpcError(
      grpcStatus.INTERNAL,
      `failed to parse the request message: ${(error as Error).message}`,
    );
  }
}

/** By path: '/inference.GRPCInferenceService/ServerLive' and so on. @internal */
export function unaryMethods(context: DoorContext): Map<string, UnaryMethod> {
  const methods = new Map<string, UnaryMethod>();
  for (const [name, [category, handle]] of Object.entries(handlers)) {
    const requestType = messageType(`inference.${name}Request`);
    const responseType = messageType(`inference.${name}Response`);
    methods.set(`/inference.GRPCInferenceService/${name}`, {
      category,
      async call(bytes) {
        const answer = await handle(decodeMessage(requestType, bytes), context);
        return responseType.encode(responseType.fromObject(answer as Message)).finish();
      },
    });
  }
  return methods;
}
