// The addon's form of build options: lib/native.ts's NativeBuildOptions, as far as it concerns IBuilderConfig and the network.

/** Builder flags and settings; enumerators by TensorRT's own names (kWORKSPACE). */
export interface NativeConfigSettings {
  int4: boolean;
  fp4: boolean;
  obeyPrecisionConstraints: boolean;
  preferPrecisionConstraints: boolean;
  refitIdentical: boolean;
  stripWeights: boolean;
  weightStreaming: boolean;
  sparseWeights: boolean;
  strictNans: boolean;
  directIO: boolean;
  gpuFallback: boolean;
  disableTimingCache: boolean;
  disableCompilationCache: boolean;
  errorOnTimingCacheMiss: boolean;
  safetyScope: boolean;
  debugSynchronously: boolean;
  monitorMemory: boolean;
  distributiveIndependence: boolean;
  memoryPools: Record<string, number>;
  tacticSources: Record<string, boolean>;
  previewFeatures: Record<string, boolean>;
  /** '': TensorRT's default. */
  runtimePlatform: string;
  avgTimingIterations: number | undefined;
  maxTactics: number | undefined;
  tilingOptimizationLevel: number | undefined;
  l2LimitForTiling: number | undefined;
  pluginsToSerialize: string[];
  ignoreParsedPlugins: boolean;
  dlaCore: number | undefined;
  dlaStandalone: boolean;
  buildRoute: string;
}

export interface NativeIoFormat {
  dtype: string | undefined;
  /** TensorRT's numbers. */
  formats: number[];
}

/** For the layers that `pattern` matches; one * in it stands for any text. */
export interface NativeLayerSetting<T> {
  pattern: string;
  value: T;
}

export interface NativeNetworkSettings {
  inputFormats: Record<string, NativeIoFormat>;
  outputFormats: Record<string, NativeIoFormat>;
  layerPrecisions: NativeLayerSetting<string>[];
  layerOutputTypes: NativeLayerSetting<string[]>[];
  /** 0 GPU, 1 DLA. */
  layerDeviceTypes: NativeLayerSetting<number>[];
  layerMetadata: NativeLayerSetting<string>[];
  debugTensors: string[];
  unfusedDebugTensors: boolean;
}
