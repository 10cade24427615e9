// Routes of the server and of its models, infer left out: metadata, health, config, statistics.

import { modelConfigToJson } from '../config/json.js';
import { packageVersion } from '../../package-version.js';
import type { AccessControl } from '../security/access.js';
import { badRequest } from './json-access.js';
import type { Answer, Call, Route, RouteContext } from './route.js';
import { statisticsJson } from './statistics.js';

const notReady = (error: string): Answer => ({ status: 400, body: JSON.stringify({ error }) });

/** The version in the path; undefined: none. @throws ERR_TRT_REQUEST @internal */
export function versionOf({ parameters }: Call): string | undefined {
  const { version } = parameters;
  if (version === undefined) return undefined;
  if (/^\d{1,19}$/.test(version)) return String(BigInt(version));
  throw badRequest(
    `failed to get model version from specified version string '${version}' (details: stol), version should be an integral value > 0`,
    'Ask the repository index for the versions that there are.',
  );
}

/** @internal */
export function nameOf({ parameters }: Call): string {
  return parameters.model ?? '';
}

function extensions(settings: RouteContext['settings'], access: AccessControl): string[] {
  const on = (kind: 'system' | 'cuda') =>
    access.isEnabled('shared-memory') && settings.sharedMemory.isEnabled(kind);
  return [
    'classification',
    'sequence',
    ...(access.isEnabled('model-repository')
      ? ['model_repository', 'model_repository(unload_dependents)']
      : []),
    'schedule_policy',
    'model_configuration',
    ...(on('system') ? ['system_shared_memory'] : []),
    ...(on('cuda') ? ['cuda_shared_memory'] : []),
    'binary_tensor_data',
    'parameters',
    'statistics',
    'trace',
    'logging',
  ];
}

/** @internal */
export function modelRoutes(
  { service, settings }: RouteContext,
  access: AccessControl,
  serverId: string,
): Route[] {
  const metadata = JSON.stringify({
    name: serverId,
    version: packageVersion(),
    extensions: extensions(settings, access),
  });
  const get = (path: string, category: Route['category'], action: Route['action']): Route => {
    return { methods: ['GET'], path, category, action };
  };
  /** With and without a version. */
  const model = (
    rest: string,
    category: Route['category'],
    action: (name: string, version: string | undefined) => Answer,
  ): Route[] =>
    ['/v2/models/:model', '/v2/models/:model/versions/:version'].map((path) =>
      get(path + rest, category, (call) => action(nameOf(call), versionOf(call))),
    );
  return [
    get('/v2', 'metadata', () => metadata),
    get('/v2/health/live', 'health', () => ''),
    get('/v2/health/ready', 'health', () => {
      const { ready, reasons } = service.ready();
      return ready ? '' : notReady(`the server is not ready: ${reasons.join('; ')}`);
    }),
    get('/v2/models/stats', 'statistics', () => statisticsJson(service.served())),
    ...model('', 'metadata', (name, version) => JSON.stringify(service.metadata(name, version))),
    ...model('/ready', 'health', (name, version) =>
      service.modelReady(name, version) ? '' : notReady('Model version not ready'),
    ),
    ...model('/config', 'model-config', (name, version) =>
      JSON.stringify(modelConfigToJson(service.model(name, version).config)),
    ),
    ...model('/stats', 'statistics', (name, version) =>
      statisticsJson(service.served(name, version)),
    ),
  ];
}
