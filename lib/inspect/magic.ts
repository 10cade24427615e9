// What bytes are, told by the first of them: a plan, or an ONNX model.

/** By their first bytes: TensorRT's "ftrt" or "ptrt", ours "TRTNREF1". */
export function isPlan(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(8, bytes.length));
  return (
    start.subarray(0, 4).equals(Buffer.from('ftrt')) ||
    start.subarray(0, 4).equals(Buffer.from('ptrt')) ||
    start.equals(Buffer.from('TRTNREF1'))
  );
}

/** A protobuf ModelProto: ir_version first (a small number), then a field that ModelProto has. As native/tensorrt/plan_header.cc. */
export function looksLikeOnnx(bytes: Uint8Array): boolean {
  const [first, irVersion = 0, second = 0] = bytes;
  const fields = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42];
  return first === 0x08 && irVersion >= 1 && irVersion <= 32 && fields.includes(second);
}
