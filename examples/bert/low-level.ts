// The steps of original.py, line for line, with what trt-node has for each: TensorRT's own classes, in this process.
import { readFile } from 'node:fs/promises';
import { type DeviceBuffer, type PinnedBuffer, Runtime, type Tensor, byteSize } from 'trt-node';

interface Buffers {
  readonly host: PinnedBuffer;
  readonly device: DeviceBuffer;
}

export async function classify(
  plan: string,
  inputIds: Tensor,
  segmentIds: Tensor,
): Promise<{ label: number; logits: Float32Array }> {
  // 1. Deserialize the engine.
  using runtime = new Runtime();
  const engine = runtime.deserializeEngine(await readFile(plan));

  // 2. Create an execution context, and a stream.
  const context = engine.createExecutionContext();
  const stream = runtime.createStream();

  // 3. Select optimization profile 0.
  context.setOptimizationProfile(0, stream);

  // 4. Read the dynamic shape, [-1, -1], and set it to the sentence's.
  const shape = engine
    .tensor('input_ids')
    .shape.map((extent, axis) => (extent === -1 ? (inputIds.shape[axis] ?? 1) : extent));
  context.setInputShape('input_ids', shape);
  context.setInputShape('segment_ids', shape);

  // 5. Allocate host and device buffers.
  const allocate = (name: string): Buffers => {
    const elements = context.tensorShape(name).reduce((volume, extent) => volume * extent, 1);
    const size = byteSize(engine.tensor(name).dtype, elements);
    const host = runtime.createPinnedBuffer(size);
    const device = runtime.createDeviceBuffer(size);
    context.setTensorAddress(name, device);
    return { host, device };
  };
  const ids = allocate('input_ids');
  const segments = allocate('segment_ids');
  const output = allocate('output');

  // 6. Copy in.
  const copyIn = ({ host, device }: Buffers, tensor: Tensor): void => {
    host.write(tensor.data);
    stream.copyHostToDevice(device, host);
  };
  copyIn(ids, inputIds);
  copyIn(segments, segmentIds);

  // 7. Enqueue.
  context.enqueue(stream);

  // 8. Copy out.
  stream.copyDeviceToHost(output.host, output.device);

  // 9. Synchronize.
  await stream.synchronize();

  // 10. Argmax.
  const logits = new Float32Array(2);
  output.host.read(logits);
  const label = logits.indexOf(Math.max(...logits));

  // 11. Free everything: the runtime owns all of it, and `using` closes the runtime.
  return { label, logits };
}
