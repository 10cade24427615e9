// What diff() tells of two plans, or two ONNX models.

/** Something that differs. */
export interface Change {
  /** What it is: the name of a property; of a tensor, followed by the property if both have such a tensor. */
  readonly what: string;
  /** What the first has; undefined: it has no such thing. */
  readonly a: unknown;
  /** What the second has. */
  readonly b: unknown;
}

/** How often something occurs in the first and in the second, where that differs. */
export interface CountDiff {
  readonly name: string;
  readonly a: number;
  readonly b: number;
}

/** A layer or node that both have, in different form. */
export interface LayerChange {
  readonly profile: number;
  /** The name in the first, and in the second. */
  readonly a: string;
  readonly b: string;
  /** How the two were found to be the same: by their names, by the ONNX nodes that they came from, by their order between others. */
  readonly matchedBy: 'name' | 'onnx' | 'order';
  /** `name`, `type`, `precision`, `tactic`, `inputs`, `outputs`, `attributes`. */
  readonly changes: readonly Change[];
}

/** A layer or node that only one has. */
export interface LoneLayer {
  readonly profile: number;
  readonly name: string;
  readonly type: string | undefined;
  readonly precision: string | undefined;
}

/** What differs between layers. */
export interface LayerDiff {
  /** How many each has. */
  readonly a: number;
  readonly b: number;
  /** Whether both tell details; if not, layers are compared by their names alone. */
  readonly detailed: boolean;
  /** How many are the same in both. */
  readonly unchanged: number;
  readonly changed: readonly LayerChange[];
  /** Only in the first. */
  readonly removed: readonly LoneLayer[];
  /** Only in the second. */
  readonly added: readonly LoneLayer[];
}

interface Common {
  /** Whether nothing differs of what is told; the size of the files does not count. */
  readonly same: boolean;
  /** Inputs and outputs. */
  readonly tensors: readonly Change[];
  readonly layers: LayerDiff;
  /** Layer types, or operators, of which there are more in one. */
  readonly types: readonly CountDiff[];
}

/** What differs between two plans. */
export interface PlanDiff extends Common {
  readonly kind: 'plan';
  /** Who built them, with which version, for which GPU, and the sizes of the files. */
  readonly header: readonly Change[];
  readonly engine: readonly Change[];
  readonly memory: readonly Change[];
  /** Shapes of profiles, by tensor. */
  readonly profiles: readonly Change[];
  /** Types of outputs of layers, of which there are more in one. */
  readonly precisions: readonly CountDiff[];
}

/** What differs between two ONNX models. */
export interface OnnxDiff extends Common {
  readonly kind: 'onnx';
  /** Name, versions, producer, metadata. */
  readonly model: readonly Change[];
  /** Weights: their types, shapes and places, not their values. */
  readonly weights: readonly Change[];
}
