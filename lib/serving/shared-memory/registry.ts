// SharedMemoryRegistry: the regions that clients have registered; inputs are read from them and outputs written to them. HTTP and gRPC share one.

import { ServingError } from '../../errors.js';
import type { PlatformOptions } from '../../platform.js';
import { bytesTensorSize, decodeBytesTensor, encodeBytesTensor } from '../bytes-tensor.js';
import { type Datatype, datatypeTable } from '../datatype.js';
import { InferTensor } from '../infer-tensor.js';
import { CudaRegion } from './cuda-region.js';
import { SystemRegion } from './system-region.js';

/** Which kinds of shared memory clients may register. */
export interface SharedMemoryOptions {
  /** POSIX shared memory (/dev/shm). Default true. */
  system?: boolean | undefined;
  /** Device memory by CUDA IPC. Default true; a registration fails where the device has no CUDA IPC (Jetson). */
  cuda?: boolean | undefined;
  /** Which CUDA opens the handles. */
  platform?: PlatformOptions | undefined;
}

/** A registered part of a POSIX shared memory object. */
export interface SystemSharedMemoryStatus {
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byteSize: number;
}

/** Registered device memory. */
export interface CudaSharedMemoryStatus {
  readonly name: string;
  readonly deviceId: number;
  readonly byteSize: number;
}

/** @internal */
export type SharedMemoryKind = 'system' | 'cuda';

interface Entry {
  readonly region: SystemRegion | CudaRegion;
  /** Requests that read or write it. */
  users: number;
  /** Unregistered meanwhile: closed by the last user. */
  gone: boolean;
}

/** Regions, and with them descriptors, that clients may keep. */
const maxRegions = 1024;

function invalid(reason: string, hint: string): ServingError {
  return new ServingError('ERR_TRT_REQUEST', reason, hint);
}

/** A part of a region that a request has reserved: the region stays until it is released. Release it exactly once. @internal */
export class SharedMemoryRange {
  readonly #entry: Entry;
  readonly #offset: number;
  readonly byteSize: number;
  #released = false;
  #tensor: { close(): void } | undefined;

  constructor(entry: Entry, offset: number, byteSize: number) {
    this.#entry = entry;
    this.#offset = offset;
    this.byteSize = byteSize;
    entry.users++;
  }

  /** Whether outputs for it had better stay on the device. */
  get onDevice(): boolean {
    return this.#entry.region.kind === 'cuda';
  }

  /** The input in it: a copy, or of CUDA memory the elements where they are, until it is released. */
  input(
    datatype: Datatype,
    shape: readonly number[],
    count: number,
    input: string,
    model: string,
  ): InferTensor {
    const { region } = this.#entry;
    if (datatype === 'BYTES') {
      const bytes = region.read(this.#offset, this.byteSize);
      return new InferTensor(datatype, decodeBytesTensor(bytes, count, input, model), shape);
    }
    const { dtype } = datatypeTable[datatype];
    if (region.kind === 'cuda' && dtype !== undefined) {
      const tensor = region.tensor(dtype, shape, this.#offset);
      this.#tensor = tensor;
      return new InferTensor(datatype, tensor, shape);
    }
    return InferTensor.fromBytes(datatype, region.read(this.#offset, this.byteSize), shape);
  }

  /**
   * Writes an output.
   *
   * @returns Bytes written. Rejects with ERR_TRT_REQUEST, in Triton's words, when it does not fit.
   */
  async write(name: string, tensor: InferTensor): Promise<number> {
    const { region } = this.#entry;
    const { device } = tensor;
    const size = device === undefined ? sizeOf(tensor) : device.byteLength;
    if (size > this.byteSize) {
      throw invalid(
        `shared memory size specified with the request for output '${name}' (${this.byteSize} bytes) should be at least ${size} bytes to hold the results`,
        'Register a larger region.',
      );
    }
    if (device !== undefined && region.kind === 'cuda') {
      await region.copyFrom(device, this.#offset);
    } else if (device !== undefined) {
      const { data } = await device.read();
      region.write(this.#offset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    } else {
      const bytes =
        tensor.datatype === 'BYTES'
          ? encodeBytesTensor(tensor.data as readonly Uint8Array[])
          : tensor.bytes;
      region.write(this.#offset, bytes);
    }
    return size;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#tensor?.close();
    const entry = this.#entry;
    entry.users--;
    if (entry.gone && entry.users === 0) entry.region.close();
  }
}

function sizeOf(tensor: InferTensor): number {
  if (tensor.datatype === 'BYTES') return bytesTensorSize(tensor.data as readonly Uint8Array[]);
  return tensor.bytes.byteLength;
}

/** @internal */
export class SharedMemoryRegistry {
  readonly #entries = new Map<string, Entry>();
  readonly #options: SharedMemoryOptions;

  constructor(options: SharedMemoryOptions | false = {}) {
    this.#options = options === false ? { system: false, cuda: false } : options;
  }

  /** Whether clients may register regions of that kind. */
  isEnabled(kind: SharedMemoryKind): boolean {
    return this.#options[kind] !== false;
  }

  /** @throws ERR_TRT_REQUEST, ERR_TRT_ALREADY_EXISTS, ERR_TRT_REQUEST_UNSUPPORTED */
  registerSystem(name: string, key: string, offset: number, byteSize: number): void {
    this.#checkNew('system', name);
    this.#add(new SystemRegion(name, key, offset, byteSize));
  }

  /**
   * @param handle - The 64 bytes of a CUDA IPC handle.
   * @throws as {@link registerSystem}
   */
  registerCuda(name: string, handle: Uint8Array, deviceId: number, byteSize: number): void {
    this.#checkNew('cuda', name);
    if (handle.length !== 64) {
      throw invalid(
        "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t",
        `Give its 64 bytes; these are ${handle.length}.`,
      );
    }
    this.#add(new CudaRegion(name, handle, deviceId, byteSize, this.#options.platform ?? {}));
  }

  #checkNew(kind: SharedMemoryKind, name: string): void {
    if (!this.isEnabled(kind)) {
      throw new ServingError(
        'ERR_TRT_REQUEST_UNSUPPORTED',
        `failed to register ${kind === 'cuda' ? 'CUDA' : 'system'} shared memory region: '${name}', it is switched off on this server`,
        'Send the tensors with the requests.',
      );
    }
    if (name === '') {
      throw invalid(
        `'region name' is necessary to register ${kind} shared memory region`,
        'Name the region in the path.',
      );
    }
    if (this.#entries.has(name)) {
      throw new ServingError(
        'ERR_TRT_ALREADY_EXISTS',
        `shared memory region '${name}' already in manager`,
        'Unregister it first, or use another name.',
      );
    }
    if (this.#entries.size >= maxRegions) {
      throw invalid(
        `failed to register shared memory region '${name}': there are ${maxRegions} regions already`,
        'Unregister those that are not used any more.',
      );
    }
  }

  #add(region: SystemRegion | CudaRegion): void {
    this.#entries.set(region.name, { region, users: 0, gone: false });
  }

  /** Of one region, or of all. @throws ERR_TRT_MODEL_NOT_FOUND (404) for an unknown one */
  systemStatus(name = ''): SystemSharedMemoryStatus[] {
    return this.#regions('system', name).filter((region) => region.kind === 'system');
  }

  /** @throws as {@link systemStatus} */
  cudaStatus(name = ''): CudaSharedMemoryStatus[] {
    return this.#regions('cuda', name).filter((region) => region.kind === 'cuda');
  }

  #regions(kind: SharedMemoryKind, name: string): (SystemRegion | CudaRegion)[] {
    if (name === '') return [...this.#entries.values()].map(({ region }) => region);
    const entry = this.#entries.get(name);
    if (entry === undefined)
      throw notFound(`Unable to find ${kind} shared memory region: '${name}'`);
    if (entry.region.kind !== kind) {
      throw notFound(
        kind === 'system'
          ? `The region named '${name}' is registered as CUDA shared memory, not system shared memory`
          : `The region named '${name}' is registered as system shared memory, not CUDA shared memory`,
      );
    }
    return [entry.region];
  }

  /** One region of that kind, or all; unknown ones are none. Requests that use them come to their end first. */
  unregister(kind: SharedMemoryKind, name = ''): void {
    for (const [each, entry] of this.#entries) {
      if (entry.region.kind !== kind || (name !== '' && each !== name)) continue;
      this.#entries.delete(each);
      entry.gone = true;
      if (entry.users === 0) entry.region.close();
    }
  }

  /** Reserves a part of a region for a request. @throws ERR_TRT_REQUEST, ERR_TRT_MODEL_NOT_FOUND in Triton's words */
  reserve(name: string, offset: number, byteSize: number): SharedMemoryRange {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw notFound(`Unable to find shared memory region: '${name}'`);
    const { region } = entry;
    if (offset >= region.byteSize) {
      throw invalid(
        `Invalid offset for shared memory region: '${name}'`,
        `It has ${region.byteSize} bytes.`,
      );
    }
    if (offset + byteSize > region.byteSize) {
      throw invalid(
        `Invalid offset + byte size for shared memory region: '${name}'`,
        `It has ${region.byteSize} bytes.`,
      );
    }
    return new SharedMemoryRange(entry, offset, byteSize);
  }

  /** Unregisters all. */
  close(): void {
    this.unregister('system');
    this.unregister('cuda');
  }
}

function notFound(reason: string): ServingError {
  return new ServingError(
    'ERR_TRT_MODEL_NOT_FOUND',
    reason,
    'Register it first; the status tells what is registered.',
  );
}
