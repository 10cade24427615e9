// trtexec's notation of shapes: name:1x3x224x224,other:1x8 and for scalars name: (nothing after the colon).

import { UsageError } from './flags.js';

/** Shapes by input name, in their order. */
export type NamedShapes = Map<string, number[]>;

/** Splits at commas, but not within '…' or "…", which names may be quoted with. */
function splitList(text: string): string[] {
  return (text.match(/(?:'[^']*'|"[^"]*"|[^,])+/g) ?? []).map((word) => word.trim());
}

function unquote(name: string): string {
  const match = /^(['"])(.*)\1$/.exec(name);
  return match?.[2] ?? name;
}

/** Parses the value of --shapes and its kin. @throws UsageError */
export function parseShapes(text: string, flag: string): NamedShapes {
  const shapes: NamedShapes = new Map();
  for (const entry of splitList(text)) {
    const colon = entry.lastIndexOf(':');
    const dimensions = entry.slice(colon + 1);
    const extents = dimensions === '' ? [] : dimensions.split('x').map(Number);
    const wellFormed = /^(-?\d+(x-?\d+)*)?$/.test(dimensions);
    if (colon < 1 || !wellFormed) {
      throw new UsageError(
        `--${flag}: expected name:1x3x224x224, got ${JSON.stringify(entry)}`,
        `Write --${flag}=name:1x3x224x224,other:1x8 (for a scalar --${flag}=name:).`,
      );
    }
    shapes.set(unquote(entry.slice(0, colon)), extents);
  }
  if (shapes.size === 0) {
    throw new UsageError(`--${flag} needs shapes`, `Write --${flag}=name:1x3x224x224.`);
  }
  return shapes;
}

/** Parses name:file,other:file. @throws UsageError */
export function parseFiles(text: string, flag: string): Map<string, string> {
  return parsePairs(text, flag, 'name:file', 'name:data.npy');
}

/** Parses name:value,other:value, where later ones override earlier ones. @throws UsageError */
export function parsePairs(
  text: string,
  flag: string,
  expected: string,
  example: string,
): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const entry of splitList(text)) {
    // Names may contain colons, as in TensorFlow's "input:0": the value begins after the last one.
    const colon = entry.lastIndexOf(':');
    if (colon < 1 || colon === entry.length - 1) {
      throw new UsageError(
        `--${flag}: expected ${expected}, got ${JSON.stringify(entry)}`,
        `Write --${flag}=${example}.`,
      );
    }
    const name = unquote(entry.slice(0, colon));
    pairs.delete(name); // a name that comes again is as good as new: of several that match, the last holds
    pairs.set(name, entry.slice(colon + 1));
  }
  return pairs;
}
