// Colours of categories and types, in drawings and their legends.

import type { Category } from './graph.js';

/** A category: its name in the legend, the colour of the box, and that of its edge. */
export const categoryStyles: Readonly<
  Record<Category, { readonly label: string; readonly fill: string; readonly line: string }>
> = {
  io: { label: 'Input, output', fill: '#343a40', line: '#212529' },
  convolution: { label: 'Convolution', fill: '#d0ebff', line: '#1c7ed6' },
  matmul: { label: 'Matrix product', fill: '#e5dbff', line: '#7048e8' },
  attention: { label: 'Attention', fill: '#ffdeeb', line: '#d6336c' },
  fused: { label: 'Fused by Myelin', fill: '#c3fae8', line: '#0ca678' },
  pointwise: { label: 'Pointwise', fill: '#d8f5a2', line: '#66a80f' },
  normalization: { label: 'Norm, softmax, reduce', fill: '#ffec99', line: '#e67700' },
  pooling: { label: 'Pooling, resize', fill: '#c5f6fa', line: '#0c8599' },
  shape: { label: 'Shape, slice, concat', fill: '#e9ecef', line: '#868e96' },
  copy: { label: 'Reformat, cast, copy', fill: '#f8f9fa', line: '#adb5bd' },
  quantize: { label: 'Quantize', fill: '#ffd8a8', line: '#e8590c' },
  constant: { label: 'Constant', fill: '#f1f3f5', line: '#ced4da' },
  control: { label: 'Control flow', fill: '#ffc9c9', line: '#e03131' },
  other: { label: 'Other, plugin', fill: '#ffffff', line: '#495057' },
};

const types: Readonly<Record<string, string>> = {
  float32: '#495057',
  float16: '#2f9e44',
  bfloat16: '#1098ad',
  fp8: '#d6336c',
  int8: '#e8590c',
  uint8: '#e8590c',
  int4: '#ae3ec9',
  fp4: '#ae3ec9',
};

/** The colour of a type. */
export function typeColour(dtype: string): string {
  return types[dtype.split('+')[0] ?? ''] ?? '#868e96';
}
