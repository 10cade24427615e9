// Sizes of what is drawn, and places.

/** Size of a box, and the gaps between boxes. */
export const boxSize = { width: 236, height: 58 };
export const gap = { x: 28, y: 40 };

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A graph with places. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Left top corner of each box, by the number of its node. */
  readonly boxes: readonly Point[];
  /** For each edge the points that its arrow goes through. */
  readonly arrows: readonly (readonly Point[])[];
}
