// EngineInspector: what TensorRT tells of the layers of an engine.

import type { NativeEngineInspector } from '../native.js';
import { checkChoice, checkInteger } from '../validate.js';
import type { Engine } from './engine.js';
import type { ExecutionContext } from './execution-context.js';
import { Handle } from './handle.js';

const formats = ['oneline', 'json'] as const;

/** TensorRT's two ways of writing layer information. */
export type LayerInformationFormat = (typeof formats)[number];

/** What TensorRT tells of the layers; how much depends on the profiling verbosity of the build. Made by {@link Engine.createInspector}. */
export class EngineInspector extends Handle<NativeEngineInspector> {
  readonly #numLayers: number;

  /** @internal */
  constructor(engine: Engine) {
    super(engine.native.createInspector(), engine);
    this.#numLayers = engine.numLayers;
  }

  /** Shows dynamic shapes as `context` has them set; null: as they were built. @throws {@link ClosedError} ERR_TRT_CLOSED */
  setExecutionContext(context: ExecutionContext | null): void {
    this.native.setExecutionContext(context === null ? null : context.native);
  }

  /**
   * One layer.
   *
   * @param layer - From 0 to the engine's numLayers - 1.
   * @param format - Default 'json'.
   * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT; {@link ClosedError} ERR_TRT_CLOSED
   */
  layerInformation(layer: number, format: LayerInformationFormat = 'json'): string {
    checkInteger(layer, 'layerInformation: layer', 0, this.#numLayers - 1);
    return this.native.layerInformation(layer, formatNumber(format));
  }

  /** All layers. @param format - Default 'json'. @throws as {@link EngineInspector.layerInformation} */
  engineInformation(format: LayerInformationFormat = 'json'): string {
    return this.native.engineInformation(formatNumber(format));
  }
}

function formatNumber(format: LayerInformationFormat): number {
  return formats.indexOf(checkChoice(format, 'format', formats));
}
