// Where the timing cache is: a file as it was named, or in a folder one for each GPU and TensorRT.

import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileError } from '../errors.js';
import type { NativeDeviceInfo, NativePlatform } from '../native.js';
import { versionText } from '../runtime/runtime.js';

/** Name of the timing cache for a device and a TensorRT, for example `tensorrt-10.6.0.26-nvidia-h200-sm90.cache`. */
export function timingCacheName(
  platform: Pick<NativePlatform, 'kind' | 'version'>,
  device: Pick<NativeDeviceInfo, 'name' | 'computeCapability'>,
): string {
  const gpu = device.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${platform.kind}-${versionText(platform.version)}-${gpu}-sm${device.computeCapability.join('')}.cache`;
}

/**
 * The file of `timingCacheFile`: a folder (one that exists, or a path that ends in a slash: it is made) holds a file for each GPU and
 * TensorRT, as measurements of others are of no use.
 *
 * @throws ERR_TRT_FILE
 */
export async function resolveTimingCache(
  given: string,
  platform: Pick<NativePlatform, 'kind' | 'version'>,
  device: Pick<NativeDeviceInfo, 'name' | 'computeCapability'> | undefined,
): Promise<string> {
  if (given === '' || device === undefined) return given;
  if (given.endsWith('/')) {
    try {
      await mkdir(given, { recursive: true });
    } catch (error) {
      throw fileError('write', given, error);
    }
  } else {
    const found = await stat(given).catch(() => undefined);
    if (found?.isDirectory() !== true) return given;
  }
  return path.join(given, timingCacheName(platform, device));
}
