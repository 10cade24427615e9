// Routes of the settings that the doors share: logging, traces, system and CUDA shared memory.

import { asUnsigned, badRequest, member, objectMember, stringMember } from './json-access.js';
import type { JsonObject } from './json-parser.js';
import type { Call, Route, RouteContext } from './route.js';
import { nameOf } from './model-routes.js';

function logAndTraceRoutes({ service, settings }: RouteContext): Route[] {
  const { log, trace } = settings;
  const traceAction = (call: Call, model: string): string => {
    if (model !== '' && !service.modelReady(model)) {
      throw badRequest(`Request for unknown model : ${model}`, 'Ask the repository index.');
    }
    const text =
      call.message.method === 'POST' ? trace.update(model, call.json()) : trace.text(model);
    return JSON.stringify(text);
  };
  return [
    {
      methods: ['GET', 'POST'],
      path: '/v2/logging',
      category: 'logging',
      action: (call) =>
        JSON.stringify(call.message.method === 'POST' ? log.update(call.json()) : log.settings),
    },
    {
      methods: ['GET', 'POST'],
      path: '/v2/trace/setting',
      category: 'trace',
      action: (call) => traceAction(call, ''),
    },
    {
      methods: ['GET', 'POST'],
      path: '/v2/models/:model/trace/setting',
      category: 'trace',
      action: (call) => traceAction(call, nameOf(call)),
    },
  ];
}

function requiredField(request: JsonObject, name: string): void {
  if (member(request, name) !== undefined) return;
  throw badRequest(
    `Shared memory register request has no '${name}' field`,
    'Send all fields of the shared memory extension.',
  );
}

function registerSystem(call: Call, region: string, { settings }: RouteContext): void {
  const request = call.json();
  requiredField(request, 'key');
  requiredField(request, 'byte_size');
  settings.sharedMemory.registerSystem(
    region,
    stringMember(request, 'key'),
    asUnsigned(member(request, 'offset') ?? 0, 'offset'),
    asUnsigned(member(request, 'byte_size'), 'byte_size'),
  );
}

function registerCuda(call: Call, region: string, { settings }: RouteContext): void {
  const request = call.json();
  for (const name of ['raw_handle', 'byte_size', 'device_id']) requiredField(request, name);
  const handle = stringMember(objectMember(request, 'raw_handle') ?? {}, 'b64');
  settings.sharedMemory.registerCuda(
    region,
    Buffer.from(handle, 'base64'),
    asUnsigned(member(request, 'device_id'), 'device_id'),
    asUnsigned(member(request, 'byte_size'), 'byte_size'),
  );
}

function sharedMemoryRoutes(context: RouteContext): Route[] {
  const { sharedMemory } = context.settings;
  const status = {
    system: (name: string) =>
      sharedMemory.systemStatus(name).map(({ name: region, key, offset, byteSize }) => ({
        name: region,
        key,
        offset,
        byte_size: byteSize,
      })),
    cuda: (name: string) =>
      sharedMemory.cudaStatus(name).map(({ name: region, deviceId, byteSize }) => ({
        name: region,
        device_id: deviceId,
        byte_size: byteSize,
      })),
  } as const;
  const register = { system: registerSystem, cuda: registerCuda } as const;
  return (['system', 'cuda'] as const).flatMap((kind) =>
    [`/v2/${kind}sharedmemory`, `/v2/${kind}sharedmemory/region/:region`].flatMap(
      (base): Route[] => [
        {
          methods: ['GET'],
          path: `${base}/status`,
          category: 'shared-memory',
          action: ({ parameters }) => JSON.stringify(status[kind](parameters.region ?? '')),
        },
        {
          methods: ['POST'],
          path: `${base}/register`,
          category: 'shared-memory',
          action: (call) => {
            const { region = '' } = call.parameters;
            if (region === '') {
              throw badRequest(
                `'region name' is necessary to register ${kind} shared memory region`,
                'Name the region in the path.',
              );
            }
            register[kind](call, region, context);
            return '';
          },
        },
        {
          methods: ['POST'],
          path: `${base}/unregister`,
          category: 'shared-memory',
          action: ({ parameters }) => {
            sharedMemory.unregister(kind, parameters.region);
            return '';
          },
        },
      ],
    ),
  );
}

/** @internal */
export function settingsRoutes(context: RouteContext): Route[] {
  return [...logAndTraceRoutes(context), ...sharedMemoryRoutes(context)];
}
