// Finds and loads the native addon of this package: TRT_NODE_BINDING, build/Release, or prebuilds/.

import { createRequire } from 'node:module';
import path from 'node:path';
import { LoadError, createError } from './errors.js';
import type { NativeAddon } from './native.js';

const load = createRequire(__filename);
const packageRoot = path.join(__dirname, '..');

interface LoadedAddon {
  addon: NativeAddon;
  /** The .node file. */
  path: string;
}

let loaded: LoadedAddon | undefined;

/** glibc's version, '' on a musl system. */
export function glibcVersion(): string {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime ?? '';
}

function findAddon(): string {
  const explicit = process.env.TRT_NODE_BINDING;
  if (explicit) return path.resolve(explicit);
  const nodeGypBuild = load('node-gyp-build') as { path(folder: string): string };
  return nodeGypBuild.path(packageRoot);
}

function addonHint(file: string | undefined): string {
  if (process.env.TRT_NODE_BINDING) {
    return "TRT_NODE_BINDING must be the path of trt_node.node; unset it to use the package's own.";
  }
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    return `trt-node runs on Linux on x64 and arm64, this is ${process.platform} on ${process.arch}.`;
  }
  if (glibcVersion() === '') {
    return 'trt-node needs glibc (Debian, Ubuntu, RHEL, …); TensorRT does not exist for musl (Alpine).';
  }
  return file === undefined
    ? 'Build it with `npx trt-node-build` (a C++20 compiler and cmake are needed); if node_modules came from another machine, delete it and install again.'
    : `Build it for this machine with \`npx trt-node-build\` (glibc ${glibcVersion()}, Node.js ${process.versions.node}).`;
}

/**
 * Loads the addon at the first call; nothing native happens when the package is only imported.
 *
 * @throws ERR_TRT_ADDON with the loader's own words.
 */
export function loadAddon(): LoadedAddon {
  if (loaded !== undefined) return loaded;
  let file: string | undefined;
  try {
    file = findAddon();
    const addon = load(file) as NativeAddon;
    addon.initialize({ createError });
    loaded = { addon, path: file };
    return loaded;
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new LoadError(
      'ERR_TRT_ADDON',
      `cannot load the native addon${file === undefined ? '' : ` ${file}`}: ${why}`,
      addonHint(file),
      { cause },
    );
  }
}
