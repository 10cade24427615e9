// bench: measures a plan, on the device and as JavaScript sees it.

import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { cudaText, kernelModule } from '../doctor/doctor.js';
import { packageVersion } from '../package-version.js';
import { checkSignal } from '../session/run.js';
import type { Tensor } from '../tensor.js';
import { devicePhase, layerPhase } from './device-phase.js';
import { explain } from './explain.js';
import { jsPhase } from './js-phase.js';
import { benchSettings } from './options.js';
import { type Subject, openSubject } from './subject.js';
import type { BenchOptions, BenchReport, BenchSettings, DeviceReport } from './types.js';

function environment(subject: Subject): BenchReport['environment'] {
  const { platform } = subject;
  const processors = cpus();
  return {
    trtNode: packageVersion(),
    node: process.version,
    runtime: platform.kind,
    version: subject.version,
    libraryPath: platform.libraryPath,
    device: subject.deviceInfo,
    driver: kernelModule(),
    cudaVersion: cudaText(platform.driverVersion),
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? '',
    cpus: processors.length,
  };
}

interface EngineResult {
  readonly subject: Subject;
  readonly device: DeviceReport | undefined;
  readonly outputs: Readonly<Record<string, Tensor>> | undefined;
  readonly layers: BenchReport['layers'];
  readonly layerInfo: string | undefined;
}

/** What the engine's own phases give; the engine is closed afterwards, so that the session's does not lie in memory beside it. */
async function measureEngine(
  plan: unknown,
  options: BenchOptions,
  settings: BenchSettings,
): Promise<EngineResult> {
  const subject = await openSubject(plan, options, settings);
  try {
    const device = settings.phases.includes('device')
      ? await devicePhase(subject, options, settings)
      : undefined;
    const layers =
      options.layerTimes === true ? await layerPhase(subject, options, settings) : undefined;
    return {
      subject,
      device: device?.report,
      outputs: device?.outputs,
      layers,
      layerInfo: options.layerInfo === true ? inspectLayers(subject) : undefined,
    };
  } finally {
    subject.close();
  }
}

function inspectLayers(subject: Subject): string {
  const inspector = subject.engine.createInspector();
  try {
    return inspector.engineInformation(1);
  } finally {
    inspector.close();
  }
}

/**
 * Measures a plan: on the device as trtexec does, by a loop in C++, and then as a JavaScript caller of {@link Session.run} sees it, with the parts of
 * its wait, the event loop's delay and the CPU time. Explains what the figures say.
 *
 * @param plan - Path of the plan, or its bytes.
 * @param options - What to run, how long, and how.
 * @returns Rejects as {@link Session.load} and {@link Session.run} do; with {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for wrong options;
 *   {@link FileError} ERR_TRT_FILE for inputs that cannot be read; {@link AbortedError} ERR_TRT_ABORTED.
 * @example
 * ```ts
 * const { device, js, findings } = await bench('model.plan', { shapes: { x: [8, 64] }, streams: 2 });
 * console.log(device?.compute.median, js?.latency.percentiles['99'], findings);
 * ```
 */
export async function bench(
  plan: string | URL | Uint8Array | ArrayBuffer,
  options: BenchOptions = {},
): Promise<BenchReport> {
  const settings = benchSettings(options);
  checkSignal(options.signal, 'bench');
  const measured = await measureEngine(plan, options, settings);
  const { subject, device, layers, layerInfo } = measured;
  const js = settings.phases.includes('js')
    ? await measureJs(plan, measured, options, settings)
    : undefined;
  const report: Omit<BenchReport, 'findings'> = {
    plan: plan instanceof URL ? fileURLToPath(plan) : typeof plan === 'string' ? plan : undefined,
    engineName: subject.engineName,
    profile: subject.profile,
    numOptimizationProfiles: subject.table.numProfiles,
    inputs: subject.inputs,
    environment: environment(subject),
    settings,
    refit: subject.refit,
    device,
    js: js?.report,
    layers,
    layerInfo,
    outputs: options.outputs === true ? (measured.outputs ?? js?.outputs) : undefined,
  };
  return { ...report, findings: explain(report) };
}

/** Where the device phase was stopped by hand, the js phase takes as long as that did, at most, and can be stopped by `signal` only. */
function measureJs(
  plan: string | URL | Uint8Array | ArrayBuffer,
  { subject, device }: Pick<EngineResult, 'subject' | 'device'>,
  options: BenchOptions,
  settings: BenchSettings,
): ReturnType<typeof jsPhase> {
  const { feeds, profile } = subject;
  const given = { plan, feeds, profile, options, settings };
  if (device === undefined || options.stop?.aborted !== true) return jsPhase(given);
  const most = settings.durationMs < 0 ? Infinity : settings.durationMs;
  return jsPhase({
    ...given,
    options: { ...options, stop: undefined },
    settings: { ...settings, durationMs: Math.min(most, device.wallMs) },
  });
}
