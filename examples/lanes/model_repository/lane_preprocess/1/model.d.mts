/**
 * The detector's input [3, 360, 640] of a frame of RGB pixels, at least 2 x 2. Bilinear between two neighbours each way: made for frames up to twice
 * as large, which is what cameras give.
 */
export declare function preprocess(
  pixels: Uint8Array,
  frameWidth: number,
  frameHeight: number,
): Float32Array;
