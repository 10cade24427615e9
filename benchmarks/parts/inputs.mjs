// The inputs that every peer gets: fixed numbers, the same in each language (cpp/world.cc, peers/inputs.py).

const arrays = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
};

export const volume = (shape) => shape.reduce((product, extent) => product * extent, 1);

/**
 * Element i of a floating-point input is ((i * 7919) mod 1000) / 1000 - 0.5, of an integer input (i * 7919) mod 1000, of one whose
 * name has "mask" in it 1, of one with "type" or "segment" in it 0.
 */
export function inputData(name, dtype, elements) {
  const make = arrays[dtype];
  if (make === undefined) throw new Error(`${name}: no benchmark input of type ${dtype}`);
  const data = new make(elements);
  const mask = name.includes('mask');
  const zero = name.includes('type') || name.includes('segment');
  for (let i = 0; i < elements; i++) {
    const step = (i * 7919) % 1000;
    if (dtype === 'float32') {
      data[i] = mask ? 1 : step / 1000 - 0.5;
      continue;
    }
    const integer = mask ? 1 : zero ? 0 : step;
    if (dtype === 'int64') data[i] = BigInt(integer);
    else data[i] = dtype === 'int32' ? integer : integer & 1;
  }
  return data;
}
