// Markdown of docs/ as tests need it: fenced blocks, and the cells of tables.

export interface Fence {
  readonly language: string;
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
}

/** The fenced blocks. */
export function fences(markdown: string): Fence[] {
  const found: Fence[] = [];
  const lines = markdown.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const language = /^```(\w*)$/.exec(lines[index] ?? '')?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', index + 1);
    found.push({ language, text: lines.slice(index + 1, end).join('\n'), line: index + 2 });
    index = end;
  }
  return found;
}

export interface Span {
  readonly text: string;
  readonly line: number;
}

/** Code spans of tables, without their first columns and head rows. */
export function rightHandSpans(markdown: string): Span[] {
  const lines = markdown.split('\n');
  return lines.flatMap((line, index) => {
    const isRow = line.startsWith('|') && !/^[|\s:-]+$/.test(line);
    if (!isRow || /^\|[|\s:-]+$/.test(lines[index + 1] ?? '')) return [];
    const cells = line.split(/(?<!\\)\|/).slice(2);
    return cells.flatMap((cell) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => ({ text, line: index + 1 })),
    );
  });
}
