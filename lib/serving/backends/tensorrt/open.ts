// Opens plans: deserializes, tells what they are, and makes the instances that the config asks for.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ServingError } from '../../../errors.js';
import type { Machine } from '../../../inspect/preflight-checks.js';
import { planHead, withPreflight } from '../../../inspect/preflight-error.js';
import { machineOf } from '../../../inspect/preflight.js';
import type { NativePlatform } from '../../../native.js';
import { openPlatformWithDevice } from '../../../platform.js';
import { GatheredSession } from '../../../session/gathered.js';
import { ioTable } from '../../../session/io-table.js';
import { type OpenedEngine, closeEngine, openEngines } from '../../../session/load.js';
import type { ModelConfig } from '../../config/model-config.js';
import type {
  LoadContext,
  ModelFacts,
  OpenModel,
  OpenedModel,
  VersionSource,
} from '../../model/loading.js';
import { chooseModelFile } from '../../model/model-file.js';
import { Arranger, paddedSizes } from './arrange.js';
import { TensorRTBackend } from './backend.js';
import { bindingsOf } from './bindings.js';
import { planFacts } from './facts.js';
import {
  devicesOf,
  instanceGroups,
  runtimeSettings,
  sessionOptions,
  wantsTiming,
} from './settings.js';
import { warmUp } from './warm-up.js';

/** The plan's path, or its bytes, and its size. */
async function planOf(
  source: VersionSource,
  machine: Machine,
): Promise<{ plan: string | Uint8Array; bytes: number }> {
  const { config, version, name } = source;
  const file = `${version}/${await chooseModelFile(source, config, 'model.plan', machine)}`;
  if (source.folder === undefined) {
    const bytes = source.files?.get(file);
    if (bytes !== undefined) return { plan: bytes, bytes: bytes.length };
  } else {
    const full = path.join(source.folder, file);
    const found = await stat(full).catch(() => undefined);
    if (found?.isFile() === true) return { plan: full, bytes: found.size };
  }
  throw new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `unable to find '${file}' for model '${name}'`,
    'Put the plan there, or name it by default_model_filename.',
  );
}

/** @internal */
export const openTensorRT: OpenModel = async (source, context) => {
  const devices = devicesOf(source.config, context.devices);
  const { engineHostCodeAllowed, pluginLibraries } = runtimeSettings(context);
  const options = { ...context.platform, pluginLibraries, engineHostCodeAllowed };
  const opener = openPlatformWithDevice(options, Math.max(...devices));
  const [first = 0] = devices;
  const machine = machineOf(opener.platform, first, engineHostCodeAllowed);
  const found = await planOf(source, machine);
  const open = async (on: readonly number[]): Promise<OpenedEngine[]> => {
    const head = planHead(found.plan);
    try {
      return await openEngines(opener.platform, on, found.plan, options, source.signal);
    } catch (error) {
      throw await withPreflight(error, head, opener.platform, on[0] ?? 0, engineHostCodeAllowed);
    }
  };
  const engines = await open([first]);
  return new OpenedPlan(source, context, opener.platform, engines, found.bytes, open);
};

class OpenedPlan implements OpenedModel {
  readonly facts: ModelFacts;
  readonly #source: VersionSource;
  readonly #context: LoadContext;
  readonly #platform: NativePlatform;
  readonly #planBytes: number;
  readonly #open: (devices: readonly number[]) => Promise<OpenedEngine[]>;
  /** Until a session has them. */
  #engines: OpenedEngine[];
  #session: GatheredSession | undefined;

  constructor(
    source: VersionSource,
    context: LoadContext,
    platform: NativePlatform,
    engines: OpenedEngine[],
    planBytes: number,
    open: (devices: readonly number[]) => Promise<OpenedEngine[]>,
  ) {
    this.#source = source;
    this.#context = context;
    this.#platform = platform;
    this.#engines = engines;
    this.#planBytes = planBytes;
    this.#open = open;
    try {
      this.facts = planFacts(source.name, (engines[0] as OpenedEngine).engine.info);
    } catch (error) {
      engines.forEach(closeEngine);
      throw error;
    }
  }

  async start(config: ModelConfig): Promise<TensorRTBackend> {
    const context = this.#context;
    const [opened] = this.#engines as [OpenedEngine];
    const groups = instanceGroups(config, context.devices, this.facts.numProfiles);
    const devices = [...new Set(groups.flatMap(({ slots }) => slots.map(({ device }) => device)))];
    const options = sessionOptions(config, groups, wantsTiming(config, context));
    const others = devices.filter((device) => device !== opened.device);
    if (others.length > 0) this.#engines.push(...(await this.#open(others)));
    if (!devices.includes(opened.device)) closeEngine(this.#engines.shift() as OpenedEngine);
    const { info } = (this.#engines[0] as OpenedEngine).engine;
    const bindings = bindingsOf(config, ioTable(this.#platform, devices, info));
    const slots = groups.flatMap((group) => group.slots);
    const session = await GatheredSession.make(this.#platform, this.#engines, slots, options);
    this.#session = session;
    this.#engines = [];
    const padded = paddedSizes(config.optimization?.cuda?.graph_spec ?? []);
    const arrangers = groups.map(
      ({ name, profiles }) =>
        new Arranger(config.name, name, session.table, bindings, profiles, padded),
    );
    const combinations = await warmUp(session, bindings, groups, arrangers, config);
    const captures = session.stats().reduce((sum, { graphCaptures }) => sum + graphCaptures, 0);
    context.log(
      'verbose',
      `model '${config.name}': warmed ${combinations} combinations of profile and batch size on ${session.slots.length} instance(s), captured ${captures} CUDA graphs`,
    );
    return new TensorRTBackend({
      platform: this.#platform,
      session,
      bindings,
      arrangers,
      statistics: this.#source.statistics,
      planBytes: this.#planBytes,
    });
  }

  async close(): Promise<void> {
    this.#engines.splice(0).forEach(closeEngine);
    await this.#session?.close();
  }
}
