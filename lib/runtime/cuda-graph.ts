// CudaGraph: captured work, launched as one.

import type { NativeCudaGraph } from '../native.js';
import { Handle } from './handle.js';
import type { Runtime } from './runtime.js';
import { checkSameDevice } from './same-device.js';
import type { Stream } from './stream.js';

/**
 * Work that was captured on a stream and is launched as one. Made by {@link Stream.endCapture}. It uses the addresses of its capture: whoever launches it
 * keeps those buffers open.
 */
export class CudaGraph extends Handle<NativeCudaGraph> {
  /** Index of the device. */
  readonly device: number;

  /** @internal */
  constructor(native: NativeCudaGraph, runtime: Runtime, device: number) {
    super(native, runtime);
    this.device = device;
  }

  /** Number of nodes: kernels, copies and the like. */
  get numNodes(): number {
    return this.native.numNodes;
  }

  /**
   * Launches it on `stream`; does not wait.
   *
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT for a stream of another device; {@link DeviceError} ERR_TRT_CUDA;
   *   {@link ClosedError} ERR_TRT_CLOSED
   */
  launch(stream: Stream): void {
    checkSameDevice('CudaGraph.launch', 'a stream', stream, this.device);
    this.native.launch(stream.native);
  }
}
