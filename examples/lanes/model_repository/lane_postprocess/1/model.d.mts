export interface Lane {
  /** Which of the detector's 2784 proposals it is. */
  readonly anchor: number;
  /** 0 to 1. */
  readonly score: number;
  /** In pixels of the frame, from below to above. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** The lanes in `predict_lanes` [2784, 77], the surest first; what lies on a surer one is left out. */
export declare function decodeLanes(
  predicted: Float32Array,
  frameWidth: number,
  frameHeight: number,
): Lane[];
