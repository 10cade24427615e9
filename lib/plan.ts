// The bytes of a plan, as callers hand them in.

import { describe, invalidArgument } from './errors.js';
import { checkMemory } from './validate.js';

/**
 * A Uint8Array over the bytes that were given, without copying.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_INVALID_BUFFER
 */
export function planBytes(plan: unknown, who: string): Uint8Array {
  if (ArrayBuffer.isView(plan)) {
    checkMemory(plan, `${who}: the plan`);
    return new Uint8Array(plan.buffer, plan.byteOffset, plan.byteLength);
  }
  if (isArrayBuffer(plan)) {
    checkMemory(viewOf(plan), `${who}: the plan`);
    return new Uint8Array(plan);
  }
  throw invalidArgument(
    `${who}: expected a path, Buffer, Uint8Array or ArrayBuffer, got ${describe(plan)}`,
    "Give the plan's path or its bytes.",
  );
}

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  const tag = Object.prototype.toString.call(value);
  return tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]';
}

/** A stand-in view, as none can be made over a detached buffer. */
function viewOf(buffer: ArrayBuffer): ArrayBufferView {
  return {
    buffer,
    byteOffset: 0,
    byteLength: buffer.byteLength,
    [Symbol.toStringTag]: 'ArrayBuffer',
  } as unknown as ArrayBufferView;
}
