// Writes .safetensors files, right ones and wrong ones, for tests.

/** The bytes of a file with this header and data. */
export function safetensorsBytes(header: unknown, data: Uint8Array): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** A file of float32 tensors. */
export function float32Safetensors(
  tensors: Readonly<Record<string, { shape: readonly number[]; data: Float32Array }>>,
): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'test' } };
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  return safetensorsBytes(header, Buffer.concat(parts));
}
