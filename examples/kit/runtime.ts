// Where an example runs: on TensorRT if it can be used here, else on the CPU reference runtime, and it says so.
import { doctor } from 'trt-node';

export interface Place {
  readonly runtime: 'tensorrt' | 'reference';
  /** TensorRT's version, which the reference runtime presents too. */
  readonly version: string;
  /** What it runs on, for people: 'TensorRT 10.6.0 on NVIDIA H200'. */
  readonly name: string;
}

let known: Place | undefined;

/**
 * Looks once what is here. TRT_NODE_RUNTIME decides where it is set; else it is set here, so that whatever the example starts from now on, other
 * processes included, runs in the same place.
 */
export function chooseRuntime(): Place {
  if (known !== undefined) return known;
  const forced = process.env.TRT_NODE_RUNTIME;
  const report = doctor();
  const runtime =
    forced === 'reference' || (forced !== 'tensorrt' && !report.ok) ? 'reference' : 'tensorrt';
  process.env.TRT_NODE_RUNTIME = runtime;
  known =
    runtime === 'reference'
      ? { runtime, version: report.reference.version ?? '', name: 'the CPU reference runtime' }
      : {
          runtime,
          version: report.tensorrt.version ?? '',
          name: `TensorRT ${report.tensorrt.version ?? ''} on ${report.devices[0]?.name ?? 'the GPU'}`,
        };
  if (forced === undefined && runtime === 'reference') {
    console.log(
      'No GPU with TensorRT here (trt-node doctor says what is missing): the CPU reference runtime computes instead.',
    );
  }
  return known;
}
