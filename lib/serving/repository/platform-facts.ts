// PlatformFacts: what is asked of TensorRT and the devices, opened when it is first needed: repositories without plans need neither.

import type { Machine } from '../../inspect/preflight-checks.js';
import { versionWords } from '../../inspect/preflight-checks.js';
import { machineOf } from '../../inspect/preflight.js';
import { asError } from '../../errors.js';
import type { NativePlatform } from '../../native.js';
import { type PlatformOptions, openPlatform } from '../../platform.js';

export class PlatformFacts {
  readonly #options: PlatformOptions;
  readonly #devices: readonly number[] | undefined;
  #opened: { platform?: NativePlatform; missing: string } | undefined;

  /** @param devices - The user's choice; undefined: all that there are. */
  constructor(options: PlatformOptions, devices: readonly number[] | undefined) {
    this.#options = options;
    this.#devices = devices;
  }

  /** "TensorRT 10.6.0.26" or that of the reference runtime; '' while nothing was opened. */
  get text(): string {
    const platform = this.#opened?.platform;
    if (platform === undefined) return '';
    const version = versionWords(platform.version);
    if (platform.kind === 'tensorrt') return `TensorRT ${version}`;
    return `CPU reference runtime (TensorRT ${version})`;
  }

  /** Devices for models whose config names none. */
  get devices(): readonly number[] {
    if (this.#devices !== undefined) return this.#devices;
    try {
      const found =
        this.#open()
          .platform?.devices()
          .map(({ index }) => index) ?? [];
      return found.length > 0 ? found : [0];
    } catch {
      return [0]; // loading a plan there tells what is missing
    }
  }

  /** For what plans are looked at. Never throws. */
  machine(device: number): Machine {
    const { platform, missing } = this.#open();
    if (platform !== undefined) return machineOf(platform, device, false);
    const nothing = { platform: undefined, device: undefined, memory: undefined };
    return { ...nothing, engineHostCodeAllowed: false, missing };
  }

  #open(): { platform?: NativePlatform; missing: string } {
    if (this.#opened !== undefined) return this.#opened;
    try {
      this.#opened = { platform: openPlatform(this.#options), missing: '' };
    } catch (error) {
      return { missing: asError(error).message };
    }
    return this.#opened;
  }
}
