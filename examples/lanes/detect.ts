// LaneDetector: a camera's frame in, lanes as polylines out.
import sharp from 'sharp';
import { Runtime, Session, type Tensor } from 'trt-node';
import { type Lane, decodeLanes } from './model_repository/lane_postprocess/1/model.mjs';

/** A frame as a camera gives it: a JPEG picture, or rows of RGB pixels. */
export interface Frame {
  readonly format: 'jpeg' | 'rgb';
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface Detection {
  readonly lanes: readonly Lane[];
  /** Where the time went, in milliseconds. */
  readonly times: { readonly resize: number; readonly engine: number; readonly decode: number };
}

const inputWidth = 640;
const inputHeight = 360;

/** Decodes and scales to 640 x 360 RGB bytes, on a thread of sharp's: the event loop is free meanwhile. */
async function resize({ format, data, width, height }: Frame): Promise<Uint8Array> {
  const picture =
    format === 'jpeg' ? sharp(data) : sharp(data, { raw: { width, height, channels: 3 } });
  return picture
    .resize(inputWidth, inputHeight, { fit: 'fill', kernel: 'linear' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer();
}

/** RGB bytes to planes of 0 to 1. */
function toPlanes(rgb: Uint8Array, planes: Float32Array): void {
  const size = inputWidth * inputHeight;
  for (let i = 0, from = 0; i < size; i++, from += 3) {
    planes[i] = rgb[from]! / 255;
    planes[size + i] = rgb[from + 1]! / 255;
    planes[2 * size + i] = rgb[from + 2]! / 255;
  }
}

/** Memory of one inference: the device reads and writes it directly, without a copy on Jetson (`mapped`). */
interface Memory {
  readonly input: Tensor<'float32'>;
  readonly lanes: Tensor<'float32'>;
}

export class LaneDetector implements AsyncDisposable {
  readonly #session: Session;
  readonly #runtime: Runtime;
  readonly #free: Memory[] = [];

  private constructor(session: Session, runtime: Runtime) {
    this.#session = session;
    this.#runtime = runtime;
  }

  /** @param plan - Of `input [1, 3, 360, 640]` and `predict_lanes [1, 2784, 77]`, both FP32. */
  static async load(plan: string, instances = 1): Promise<LaneDetector> {
    const session = await Session.load(plan, { instances });
    return new LaneDetector(session, new Runtime());
  }

  /** Memory that no other inference uses; there are as many pieces as there have been inferences at the same time. */
  #take(): Memory {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const pinned = (shape: readonly number[]): Tensor<'float32'> => {
      const bytes = 4 * shape.reduce((product, length) => product * length, 1);
      return this.#runtime.createPinnedBuffer(bytes, { mapped: true }).tensor('float32', shape);
    };
    return { input: pinned([1, 3, inputHeight, inputWidth]), lanes: pinned([1, 2784, 77]) };
  }

  async detect(frame: Frame): Promise<Detection> {
    const started = performance.now();
    const rgb = await resize(frame);
    const memory = this.#take();
    try {
      toPlanes(rgb, memory.input.data);
      const resized = performance.now();
      const outputs = { predict_lanes: memory.lanes };
      await this.#session.run({ input: memory.input }, { outputs });
      const inferred = performance.now();
      const lanes = decodeLanes(memory.lanes.data, frame.width, frame.height);
      const decode = performance.now() - inferred;
      return {
        lanes,
        times: { resize: resized - started, engine: inferred - resized, decode },
      };
    } finally {
      this.#free.push(memory);
    }
  }

  /** When no frame is being worked on. */
  async close(): Promise<void> {
    await this.#session.close();
    this.#runtime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
