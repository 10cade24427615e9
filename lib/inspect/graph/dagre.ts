// @dagrejs/dagre, the layered layout, as far as it is used here.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Dagre's graph. */
export interface DagreGraph {
  setGraph(label: Readonly<Record<string, number | string>>): void;
  setNode(name: string, label: { width: number; height: number }): void;
  setEdge(from: string, to: string, label: Readonly<Record<string, number>>): void;
  node(name: string): Point & { width: number; height: number };
  edge(from: string, to: string): { points: readonly Point[] } | undefined;
}

/** Dagre. */
export interface Dagre {
  readonly graphlib: { readonly Graph: new () => DagreGraph };
  layout(graph: DagreGraph): void;
}

/** Opens it: dist has it as one file (scripts/copy-assets.mjs), the sources' tree as a package. */
export function loadDagre(): Dagre {
  const require = createRequire(__filename);
  const bundled = path.join(__dirname, 'assets/dagre.js');
  return require(existsSync(bundled) ? bundled : '@dagrejs/dagre') as Dagre;
}
