// trt-node serve: a model repository over HTTP, gRPC and Prometheus metrics, with tritonserver's flags.

import { packageVersion } from '../package-version.js';
import { requestedRuntime } from '../platform.js';
import { type Endpoint, serviceNames } from '../serving/listeners.js';
import { ModelRepository } from '../serving/repository/model-repository.js';
import { checkDoors, serve } from '../serving/serve.js';
import type { InferenceServer } from '../serving/server.js';
import { ServerSettings } from '../serving/settings.js';
import type { Command, Output } from './command.js';
import type { ParsedFlags } from './flags.js';
import { serveFlags } from './serve-flags.js';
import { type ServePlan, servePlan } from './serve-options.js';
import { untilStopped } from './serve-stop.js';
import { modelTable } from './serve-table.js';

function startupLine(plan: ServePlan): string {
  const { controlMode = 'none', strictReadiness = true, runtime } = plan.repository;
  return `trt-node ${packageVersion()}: repository ${plan.paths.join(', ')}; model control ${controlMode}; strict readiness ${strictReadiness}; exit on error ${plan.exitOnError}; runtime ${requestedRuntime(runtime)}`;
}

function runtimeLine(repository: ModelRepository, plan: ServePlan): string {
  const { runtimeText } = repository;
  if (requestedRuntime(plan.repository.runtime) === 'reference') {
    return `Runtime: ${runtimeText || 'CPU reference runtime'}: for trying out, not for production.`;
  }
  return runtimeText === '' ? 'Runtime: none was needed yet.' : `Runtime: ${runtimeText}`;
}

/** What all models did, for the last line. */
function totals(repository: ModelRepository): string {
  let answered = 0;
  let failed = 0;
  for (const { statistics } of repository.served()) {
    answered += statistics.success.count;
    failed += statistics.fail.count;
  }
  return `${answered} inference requests were answered, ${failed} failed`;
}

function endpointLine({ name, address, port }: Endpoint): string {
  const at = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return `Started ${serviceNames[name]} at ${at}`;
}

/** Models that should be there and are not. */
function failures(repository: ModelRepository): string[] {
  return repository
    .describe()
    .filter(({ state, reason }) => state !== 'READY' && reason !== '')
    .map(({ name, version }) => (version === '' ? name : `${name} version ${version}`));
}

/** The result for programs: once, when the server answers. */
function report(repository: ModelRepository, server: InferenceServer | undefined): unknown {
  return {
    version: packageVersion(),
    pid: process.pid,
    runtime: repository.runtimeText,
    ready: server === undefined ? false : server.repository.ready().ready,
    models: repository.describe(),
    endpoints: server?.endpoints ?? [],
    security: server?.security ?? [],
  };
}

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const plan = servePlan(parsed);
  const settings = new ServerSettings(plan.settings);
  const { log } = settings;
  try {
    await checkDoors(plan.serve);
    log.write('info', startupLine(plan));
    const repository = await ModelRepository.open(plan.paths, {
      ...plan.repository,
      log: (level, message) => {
        log.write(level, message);
      },
    });
    try {
      return await runServer(plan, repository, settings, output);
    } finally {
      const done = totals(repository);
      await repository.close();
      log.write('info', `Stopped: ${done}.`);
    }
  } finally {
    settings.close();
  }
}

async function runServer(
  plan: ServePlan,
  repository: ModelRepository,
  settings: ServerSettings,
  output: Output,
): Promise<number> {
  const { log } = settings;
  output.text(modelTable(repository.describe()));
  log.write('info', runtimeLine(repository, plan));
  const failed = failures(repository);
  if (failed.length > 0 && plan.exitOnError) {
    log.write(
      'error',
      `failed to load all models: ${failed.join(', ')}. Mend them as the table says, or start with --exit-on-error=false.`,
    );
    output.data(report(repository, undefined));
    return 1;
  }
  const server = await serve(repository, {
    ...plan.serve,
    repository: plan.repository,
    settings,
  });
  for (const endpoint of server.endpoints) log.write('info', endpointLine(endpoint));
  for (const line of server.security) {
    const isWarning = line.includes('WARNING: ');
    log.write(isWarning ? 'warning' : 'info', `Security: ${line.replace('WARNING: ', '')}`);
  }
  const { ready, reasons } = repository.ready();
  if (!ready) log.write('warning', `Not ready: ${reasons.join('; ')}`);
  const http = server.endpoints.find(({ name }) => name === 'http');
  if (http !== undefined && plan.serve.statusPage !== false) {
    const scheme =
      plan.serve.http !== false && plan.serve.http?.tls !== undefined ? 'https' : 'http';
    log.write('info', `Status page: ${scheme}://localhost:${http.port}/`);
  }
  output.data(report(repository, server));
  const { exitTimeoutMs, exitOnDeviceLost } = plan;
  return untilStopped({
    server,
    log,
    exitTimeoutMs,
    exitOnDeviceLost,
    exit: (status) => process.exit(status),
  });
}

export const serveCommand: Command = {
  name: 'serve',
  usage: '--model-repository=DIR [flags]',
  summary: 'Serve a repository of models over HTTP, gRPC and metrics, as tritonserver does',
  flags: serveFlags,
  notes:
    'Flags have the names and meaning of tritonserver’s; docs/cli.md says which of them do nothing here. SIGTERM or SIGINT stops: what was accepted is answered first. A second one ends at once.',
  run,
};
