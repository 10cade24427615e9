// The same request for every door: its tensors, and their bytes as HTTP and as gRPC.
import protobuf from 'protobufjs';

/** What is sent to each model of models.mjs; the batch dimension is 1. */
export const requests = {
  mlp: { name: 'x', shape: [1, 64] },
  'mlp-batched': { name: 'x', shape: [1, 64] },
  paced: { name: 'x', shape: [1, 64] },
  resnet50: { name: 'input', shape: [1, 3, 224, 224] },
  'resnet50-batched': { name: 'input', shape: [1, 3, 224, 224] },
};

/** x[i] = ((i · 7919) mod 1000) / 1000 − 0.5: the input of the known answers. */
export function ramp(length) {
  return Float32Array.from({ length }, (_, index) => ((index * 7919) % 1000) / 1000 - 0.5);
}

export function inputOf(model) {
  const { name, shape } = requests[model];
  return { name, shape, data: ramp(shape.reduce((a, b) => a * b)) };
}

const asBytes = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);

/** A whole POST with one binary tensor, ready to be written to a socket. */
export function httpRequest(model, host) {
  const { name, shape, data } = inputOf(model);
  const header = Buffer.from(
    JSON.stringify({
      inputs: [
        { name, shape, datatype: 'FP32', parameters: { binary_data_size: data.byteLength } },
      ],
      parameters: { binary_data_output: true },
    }),
  );
  const head =
    `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: ${host}\r\n` +
    'Content-Type: application/octet-stream\r\n' +
    `Inference-Header-Content-Length: ${header.length}\r\n` +
    `Content-Length: ${header.length + data.byteLength}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), header, asBytes(data)]);
}

/** A ModelInferRequest with raw_input_contents, in gRPC's frame of five bytes. */
export function grpcRequest(model) {
  const { name, shape, data } = inputOf(model);
  const tensor = protobuf.Writer.create();
  tensor.uint32(10).string(name).uint32(18).string('FP32').uint32(26).fork();
  for (const extent of shape) tensor.int64(extent);
  tensor.ldelim();
  const message = protobuf.Writer.create()
    .uint32(10)
    .string(model)
    .uint32(42)
    .bytes(tensor.finish())
    .uint32(58)
    .bytes(asBytes(data))
    .finish();
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}
