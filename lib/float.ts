// Conversions between float32 and the 16-bit floats, correctly rounded (to nearest, ties to even).

const scratch = new DataView(new ArrayBuffer(4));

function float32Bits(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function bitsFloat32(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

/** Drops the low `shift` bits of `value`, rounding to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return rest > middle || (rest === middle && (kept & 1) === 1) ? kept + 1 : kept;
}

/**
 * The float16 bits nearest to `value` (which is first rounded to float32). Too large becomes infinity; a NaN stays one.
 */
export function toFloat16Bits(value: number): number {
  const bits = float32Bits(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and more, and infinity
  if (magnitude >= 0x38800000) return sign | roundShift(magnitude - 0x38000000, 13); // 2^-14 and more: normal
  if (magnitude < 0x33000000) return sign; // below half of the smallest subnormal
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  return sign | roundShift(mantissa, 126 - (magnitude >>> 23));
}

/** The value of float16 bits; exact. */
export function fromFloat16Bits(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** The bfloat16 bits nearest to `value` (which is first rounded to float32). Too large becomes infinity; a NaN stays one. */
export function toBfloat16Bits(value: number): number {
  const bits = float32Bits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  const rest = bits & 0xffff;
  const kept = bits >>> 16;
  return rest > 0x8000 || (rest === 0x8000 && (kept & 1) === 1) ? kept + 1 : kept;
}

/** The value of bfloat16 bits; exact. */
export function fromBfloat16Bits(bits: number): number {
  return bitsFloat32((bits << 16) >>> 0);
}

let float16Values: Float32Array | undefined;

/**
 * float32 values as float16 bits, correctly rounded.
 *
 * @param values - Numbers or a Float32Array; not kept.
 * @returns A new array of as many elements.
 */
export function float32ToFloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, toFloat16Bits);
}

/**
 * float16 bits as float32 values; exact.
 *
 * @param bits - A Uint16Array of bit patterns; not kept.
 * @returns A new array of as many elements.
 */
export function float16ToFloat32(bits: ArrayLike<number>): Float32Array {
  float16Values ??= Float32Array.from({ length: 65536 }, (_, index) => fromFloat16Bits(index));
  const values = new Float32Array(bits.length);
  for (let index = 0; index < values.length; index++) {
    values[index] = float16Values[bits[index] ?? 0] ?? 0;
  }
  return values;
}

/**
 * float32 values as bfloat16 bits, correctly rounded.
 *
 * @param values - Numbers or a Float32Array; not kept.
 * @returns A new array of as many elements.
 */
export function float32ToBfloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, toBfloat16Bits);
}

/**
 * bfloat16 bits as float32 values; exact.
 *
 * @param bits - A Uint16Array of bit patterns; not kept.
 * @returns A new array of as many elements.
 */
export function bfloat16ToFloat32(bits: ArrayLike<number>): Float32Array {
  const words = Uint32Array.from(bits, (pattern) => pattern << 16);
  return new Float32Array(words.buffer);
}
