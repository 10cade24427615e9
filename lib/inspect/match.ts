// Which layers of two engines are the same: by name, by the ONNX nodes that they came from, by their order. Fused names differ from build to build.

/** What layers are matched by. */
export interface Matchable {
  readonly name: string;
  readonly type: string | undefined;
  readonly onnxNodes: readonly string[];
}

/** Two that are the same, by their positions in both lists. */
export interface Match {
  readonly a: number;
  readonly b: number;
  readonly by: 'name' | 'onnx' | 'order';
}

/** At least so much of the ONNX nodes of two layers must be common. */
const commonEnough = 0.5;

function indexBy(
  list: readonly Matchable[],
  free: readonly boolean[],
  keys: (item: Matchable) => readonly string[],
): Map<string, number[]> {
  const index = new Map<string, number[]>();
  for (const [position, item] of list.entries()) {
    if (free[position] !== true) continue;
    for (const key of keys(item)) {
      const positions = index.get(key);
      if (positions === undefined) index.set(key, [position]);
      else positions.push(position);
    }
  }
  return index;
}

/** Matches each with at most one; in the order of the first list. */
export function matchLayers(listA: readonly Matchable[], listB: readonly Matchable[]): Match[] {
  const freeA = listA.map(() => true);
  const freeB = listB.map(() => true);
  const matches: Match[] = [];
  const take = (a: number, b: number, by: Match['by']): void => {
    freeA[a] = false;
    freeB[b] = false;
    matches.push({ a, b, by });
  };

  const named = indexBy(listB, freeB, ({ name }) => (name === '' ? [] : [name]));
  for (const [a, { name }] of listA.entries()) {
    const b = named.get(name)?.shift();
    if (b !== undefined) take(a, b, 'name');
  }

  const from = indexBy(listB, freeB, ({ onnxNodes }) => onnxNodes);
  for (const [a, { onnxNodes, type }] of listA.entries()) {
    if (freeA[a] !== true || onnxNodes.length === 0) continue;
    const common = new Map<number, number>();
    for (const node of onnxNodes) {
      for (const b of from.get(node) ?? []) {
        if (freeB[b] === true) common.set(b, (common.get(b) ?? 0) + 1);
      }
    }
    let [best, most] = [-1, 0];
    for (const [b, count] of common) {
      const other = listB[b];
      const share = count / (onnxNodes.length + (other?.onnxNodes.length ?? 0) - count);
      // Of equals the one of the same type: a reformat carries the metadata of the layer that it serves.
      const score = share + (other?.type === type ? 0.01 : 0);
      if (share >= commonEnough && score > most) [best, most] = [b, score];
    }
    if (best >= 0) take(a, best, 'onnx');
  }

  matchByOrder(listA, listB, freeA, freeB, matches, take);
  return matches.sort((one, other) => one.a - other.a);
}

/** What stands between the same two others, in the same order, and is of the same type. */
function matchByOrder(
  listA: readonly Matchable[],
  listB: readonly Matchable[],
  freeA: readonly boolean[],
  freeB: readonly boolean[],
  matches: readonly Match[],
  take: (a: number, b: number, by: 'order') => void,
): void {
  const partner = new Map(matches.map(({ a, b }) => [a, b]));
  let next = 0;
  for (const [a, { type }] of listA.entries()) {
    if (freeA[a] !== true) {
      next = (partner.get(a) ?? next - 1) + 1;
      continue;
    }
    for (let b = next; b < listB.length && freeB[b] === true; b++) {
      if (type === undefined || listB[b]?.type !== type) continue;
      take(a, b, 'order');
      next = b + 1;
      break;
    }
  }
}
