// Routes of the model repository: its index, loading and unloading.

import type { LoadOverrides } from '../service.js';
import { asBoolean, badRequest, member, objectMember } from './json-access.js';
import type { JsonObject, JsonValue } from './json-parser.js';
import { nameOf } from './model-routes.js';
import type { Call, Route, RouteContext } from './route.js';

/** Whitespace and padding are as lenient as Triton's; anything else is an error, where Triton skips it. */
function decodeBase64(text: string, name: string): Uint8Array {
  const clean = text.replace(/\s/g, '');
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(clean)) return Buffer.from(clean, 'base64');
  throw badRequest(
    `parameter '${name}' is not base64`,
    'Send the content of the file as base64, in the standard alphabet.',
  );
}

function textParameter(name: string, value: JsonValue): string {
  if (typeof value === 'string') return value;
  throw badRequest(
    `Unable to parse '${name}': attempt to access JSON non-string as string`,
    'Send "config" as a string that holds JSON, and files as base64.',
  );
}

/** @internal */
export function loadOverrides(parameters: JsonObject | undefined): LoadOverrides | undefined {
  if (parameters === undefined || Object.keys(parameters).length === 0) return undefined;
  let config: string | undefined;
  const files = new Map<string, Uint8Array>();
  for (const [name, value] of Object.entries(parameters)) {
    if (name === 'config') config = textParameter(name, value);
    else if (name.startsWith('file:')) {
      files.set(name.slice('file:'.length), decodeBase64(textParameter(name, value), name));
    } else {
      throw badRequest(
        `unexpected load parameter '${name}'`,
        'The parameters are "config" and "file:PATH".',
      );
    }
  }
  return { config, files: files.size === 0 ? undefined : files };
}

/** A name is a folder's: no path. */
function checkedName(call: Call): string {
  const name = nameOf(call);
  // eslint-disable-next-line no-control-regex
  if (name !== '.' && name !== '..' && !/[/\\\x00-\x1f]/.test(name)) return name;
  throw badRequest(
    `invalid model name ${JSON.stringify(name)}`,
    "Give the name of a folder of the repository, without '/'.",
  );
}

/** @internal */
export function repositoryRoutes({ service }: RouteContext): Route[] {
  const post = (path: string, action: Route['action']): Route => {
    return { methods: ['POST'], path, category: 'model-repository', action };
  };
  const refuseRepository = (): never => {
    throw badRequest("'repository_name' specification is not supported", 'Leave it out.');
  };
  return [
    post('/v2/repository/index', (call) => {
      const ready = member(call.json(), 'ready') ?? false;
      // Triton leaves out what is not known.
      const rows = service.index(asBoolean(ready, 'ready')).map((row) => ({
        name: row.name,
        ...(row.version === '' ? {} : { version: row.version }),
        ...(row.state === '' ? {} : { state: row.state }),
        ...(row.reason === '' ? {} : { reason: row.reason }),
      }));
      return JSON.stringify(rows);
    }),
    post('/v2/repository/models/:model/load', async (call) => {
      const name = checkedName(call);
      await service.load(name, loadOverrides(objectMember(call.json(), 'parameters')));
      return '';
    }),
    post('/v2/repository/models/:model/unload', async (call) => {
      const name = checkedName(call);
      const parameters = objectMember(call.json(), 'parameters') ?? {};
      const dependents = member(parameters, 'unload_dependents') ?? false;
      await service.unload(name, { dependents: asBoolean(dependents, 'unload_dependents') });
      return '';
    }),
    post('/v2/repository/:repository/index', refuseRepository),
    post('/v2/repository/:repository/models/:model/load', refuseRepository),
    post('/v2/repository/:repository/models/:model/unload', refuseRepository),
  ];
}
