// ModelDefinition: what a model is before it is loaded: its config, its versions, the models that it needs, and what tells whether any of that changed.

import path from 'node:path';
import { ServingError, asError } from '../../errors.js';
import { modelConfigFromJson } from '../config/json.js';
import type { ModelConfig } from '../config/model-config.js';
import { parseModelConfig } from '../config/text-format.js';
import type { LoadOverrides } from '../service.js';
import { type Listing, listModelFolder, readConfigText } from './listing.js';
import { checkModelName, requestedVersion, staysInside, versionOfFolder } from './names.js';
import { chooseVersions } from './version-policy.js';

/** A model that an ensemble calls. */
export interface ModelStep {
  readonly name: string;
  /** undefined: the newest. */
  readonly version: string | undefined;
}

export interface ModelDefinition {
  readonly name: string;
  /** Real path; undefined where all files come from `files`. */
  readonly folder: string | undefined;
  readonly files: ReadonlyMap<string, Uint8Array> | undefined;
  /** undefined: there is none, and it is to be completed from the model. */
  readonly config: ModelConfig | undefined;
  /** By version, oldest first: equal keys are equal models. A symbol is equal to nothing else. */
  readonly versions: ReadonlyMap<string, string | symbol>;
  readonly steps: readonly ModelStep[];
  /** A load request brought its config or files: no folder has it so. */
  readonly overridden: boolean;
}

/** How folders are read. */
export interface DefinitionOptions {
  /** NAME/configs/THIS.pbtxt instead of NAME/config.pbtxt, where it is there; '' for none. */
  readonly configName: string;
  /** false: a config must be there. */
  readonly autoComplete: boolean;
  /** Whether requests load models. */
  readonly onDemand: boolean;
  readonly warn: (message: string) => void;
}

/** Folders of a model that are no versions, and are not worth a warning. */
const otherFolders = new Set(['warmup', 'initial_state', 'configs']);

function configError(reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_MODEL_CONFIG', reason, hint);
}

/** All paths in a config that are read from the model's folder. */
function* pathsOf(config: ModelConfig): Generator<[field: string, file: string]> {
  yield ['default_model_filename', config.default_model_filename];
  for (const [capability, file] of Object.entries(config.cc_model_filenames)) {
    yield [`cc_model_filenames["${capability}"]`, file];
  }
  for (const output of config.output) {
    yield [`label_filename of output '${output.name}'`, output.label_filename];
  }
  for (const warmup of config.model_warmup) {
    for (const [input, { input_data_file: file }] of Object.entries(warmup.inputs)) {
      yield [`input_data_file of warm-up input '${input}'`, file ?? ''];
    }
  }
  for (const state of config.sequence_batching?.state ?? []) {
    for (const { data_file: file } of state.initial_state) {
      yield [`data_file of state '${state.input_name}'`, file ?? ''];
    }
  }
}

/** What must be right before anything is read by what the config says. @throws ERR_TRT_MODEL_CONFIG */
function checkNames(config: ModelConfig, name: string): void {
  if (config.name !== '' && config.name !== name) {
    throw configError(
      `unexpected directory name '${name}' for model '${config.name}', directory name must equal model name`,
      'Rename the folder, or leave `name` out of the config.',
    );
  }
  for (const [field, file] of pathsOf(config)) {
    if (file === '' || staysInside(file)) continue;
    throw configError(
      `model '${name}': ${field} '${file}' must stay within model directory`,
      "Give a path in the model's folder, without '..'.",
    );
  }
}

function stepsOf(config: ModelConfig | undefined): ModelStep[] {
  return (config?.ensemble_scheduling?.step ?? []).map((step) => ({
    name: step.model_name,
    version: requestedVersion(step.model_version),
  }));
}

/** The config as a part of keys: which versions are chosen does not change them. */
function configKey(config: ModelConfig | undefined): string {
  if (config === undefined) return '';
  return JSON.stringify({ ...config, version_policy: undefined });
}

function noVersion(name: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `at least one version must be available under the version policy of model '${name}'`,
    `Put the model into a folder with the version's number, as in ${name}/1/model.plan.`,
  );
}

function versionsOf(
  name: string,
  config: ModelConfig | undefined,
  folders: Iterable<string>,
  key: (version: string) => string | symbol,
  warn: (message: string) => void,
): Map<string, string | symbol> {
  const existing: string[] = [];
  for (const folder of folders) {
    const version = versionOfFolder(folder);
    if (version !== undefined) existing.push(version);
    else if (/^0[0-9]+$/.test(folder)) {
      warn(
        `ignore version directory '${folder}' of '${name}' which contains leading zeros in its directory name`,
      );
    } else if (!otherFolders.has(folder) && !folder.startsWith('.')) {
      warn(
        `ignore version directory '${folder}' of '${name}' which fails to convert to integral number`,
      );
    }
  }
  const chosen = chooseVersions(config?.version_policy, existing, (version) => {
    warn(
      `version ${version} is specified for model '${name}', but the version directory is not present`,
    );
  });
  if (chosen.length === 0) throw noVersion(name);
  return new Map(chosen.map((version) => [version, key(version)]));
}

/** Which repository has the model; undefined: none. @throws ERR_TRT_MODEL_LOAD when several have it */
export type FindRoot = (name: string) => string | undefined;

/** The config's path in the model's folder. */
function configFile(listing: Listing, configName: string): string | undefined {
  const custom = `configs/${configName}.pbtxt`;
  if (configName !== '' && listing.files.has(custom)) return custom;
  return listing.files.has('config.pbtxt') ? 'config.pbtxt' : undefined;
}

async function readConfig(
  name: string,
  listing: Listing,
  options: DefinitionOptions,
): Promise<{ file: string | undefined; config: ModelConfig | undefined }> {
  const file = configFile(listing, options.configName);
  if (file === undefined) {
    if (options.autoComplete) return { file, config: undefined };
    throw configError(
      `model '${name}' has no config.pbtxt, and completing configs is switched off`,
      'Write one, or switch autoComplete on.',
    );
  }
  const full = path.join(listing.folder, file);
  return { file, config: parseModelConfig(await readConfigText(full), full) };
}

/** The definition that the folder gives, whose listing is at hand. @throws ERR_TRT_MODEL_CONFIG, ERR_TRT_MODEL_LOAD */
export async function definitionOfListing(
  name: string,
  listing: Listing,
  options: DefinitionOptions,
  override?: string,
): Promise<ModelDefinition> {
  checkModelName(name);
  const { file, config } =
    override === undefined
      ? await readConfig(name, listing, options)
      : { file: undefined, config: overrideConfig(override) };
  if (config !== undefined) checkNames(config, name);
  const common: string[] = [configKey(config)];
  const byVersion = new Map<string, string[]>();
  for (const [inside, state] of listing.files) {
    const [top = ''] = inside.split('/', 1);
    if (versionOfFolder(top) === undefined) {
      if (inside !== file && top !== 'configs') common.push(inside, state);
    } else {
      const list = byVersion.get(top) ?? [];
      list.push(inside, state);
      byVersion.set(top, list);
    }
  }
  const shared = JSON.stringify([listing.folder, ...common]);
  const unlike = override === undefined ? undefined : Symbol(name);
  const versions = versionsOf(
    name,
    config,
    listing.folders,
    (version) => unlike ?? shared + JSON.stringify(byVersion.get(version)),
    options.warn,
  );
  const { folder } = listing;
  const overridden = override !== undefined;
  return { name, folder, files: undefined, config, versions, steps: stepsOf(config), overridden };
}

/** The definition that a model has on disk. @throws ERR_TRT_MODEL_CONFIG, ERR_TRT_MODEL_LOAD */
export async function readDefinition(
  name: string,
  root: string,
  options: DefinitionOptions,
): Promise<ModelDefinition> {
  return definitionOfListing(name, await listModelFolder(root, name), options);
}

function overrideConfig(text: string): ModelConfig {
  try {
    return modelConfigFromJson(text, 'config');
  } catch (error) {
    const { message } = asError(error);
    throw configError(
      `Invalid config override: ${message}`,
      'Give a ModelConfig as JSON, as GET v2/models/NAME/config returns it.',
    );
  }
}

/** The definition that a load request brings itself; its files stay in memory. @throws ERR_TRT_REQUEST, ERR_TRT_MODEL_CONFIG */
export function definitionOfFiles(
  name: string,
  overrides: LoadOverrides,
  options: DefinitionOptions,
): ModelDefinition {
  const files = overrides.files ?? new Map<string, Uint8Array>();
  if (overrides.config === undefined) {
    throw new ServingError(
      'ERR_TRT_REQUEST',
      "Load parameter 'config' must be specified for model file override",
      'Give the config as JSON beside the files.',
    );
  }
  const normal = new Map<string, Uint8Array>();
  for (const [file, bytes] of files) {
    const normalized = path.posix.normalize(file);
    if (!staysInside(normalized)) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `Invalid file parameter 'file:${file}' with normalized path '${normalized}' must stay within model directory.`,
        "Name files by their path in the model's folder, as in file:1/model.plan.",
      );
    }
    normal.set(normalized, bytes);
  }
  const config = overrideConfig(overrides.config);
  checkNames(config, name);
  const folders = new Set<string>();
  for (const file of normal.keys()) {
    const [top = '', rest] = file.split('/', 2);
    if (rest !== undefined) folders.add(top);
    else if (versionOfFolder(top) !== undefined) {
      throw new ServingError(
        'ERR_TRT_REQUEST',
        `Invalid file parameter 'file:${file}', a version is a directory`,
        `Name the file in it, as in file:${top}/model.plan.`,
      );
    }
  }
  const unlike = Symbol(name);
  const versions = versionsOf(name, config, folders, () => unlike, options.warn);
  const steps = stepsOf(config);
  return { name, folder: undefined, files: normal, config, versions, steps, overridden: true };
}

/** The definition that a load request asks for with an own config: its files, or the folder's. */
export async function overriddenDefinition(
  name: string,
  overrides: LoadOverrides,
  root: string | undefined,
  options: DefinitionOptions,
): Promise<ModelDefinition> {
  if (overrides.files !== undefined && overrides.files.size > 0) {
    return definitionOfFiles(name, overrides, options);
  }
  if (root === undefined) throw notInRepository(name);
  const listing = await listModelFolder(root, name);
  return definitionOfListing(name, listing, options, overrides.config);
}

/** There is no such model in any folder. */
export function notInRepository(name: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_LOAD',
    `failed to load '${name}', failed to poll from model repository`,
    `There is no folder '${name}' in the repository: check the name.`,
  );
}
