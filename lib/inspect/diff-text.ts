// What diff() found, as text: the summary first.

import type {
  Change,
  CountDiff,
  LayerChange,
  LoneLayer,
  OnnxDiff,
  PlanDiff,
} from './diff-types.js';
import { middle, shapeText, shortType, textTable } from './layer-table.js';
import { attributeText } from './text.js';

/** How differences are printed. */
export interface DiffTextOptions {
  /** Print everything in full. Default false: long texts and lists are cut. */
  readonly wide?: boolean;
}

const mostRows = 100;

/** A value on one line. Tensors as fp16[1×8], nothing as "-". */
function valueText(value: unknown): string {
  if (value === undefined) return '-';
  if (Array.isArray(value)) {
    if (value.length === 0) return '(none)';
    if (value.every((item) => typeof item !== 'object' || item === null)) {
      return `[${value.map(valueText).join(', ')}]`;
    }
    return value.map(valueText).join(', ');
  }
  if (typeof value !== 'object' || value === null) return attributeText(value);
  const fields = Object.entries(value as Record<string, unknown>).filter(
    ([, field]) => field !== undefined,
  );
  const { dtype, shape } = value as { dtype?: unknown; shape?: unknown };
  if (typeof dtype === 'string' && Array.isArray(shape)) {
    const rest = fields.filter(([key]) => key !== 'dtype' && key !== 'shape');
    const extra = rest.map(([key, field]) => `${key} ${valueText(field)}`).join(' ');
    const tensor = `${shortType(dtype)}[${shapeText(shape as (number | string)[])}]`;
    return extra === '' ? tensor : `${tensor} ${extra}`;
  }
  return fields.map(([key, field]) => `${key} ${valueText(field)}`).join(' ');
}

class Report {
  readonly #lines: string[] = [];
  readonly #wide: boolean;

  constructor(options: DiffTextOptions) {
    this.#wide = options.wide === true;
  }

  cell(value: unknown, length = 56): string {
    return middle(valueText(value), this.#wide ? Infinity : length);
  }

  section(heading: string, headings: readonly string[], rows: readonly string[][]): void {
    if (rows.length === 0) return;
    const shown = this.#wide ? rows : rows.slice(0, mostRows);
    this.#lines.push('', `---- ${heading} ----`, textTable(headings, shown));
    if (shown.length < rows.length) {
      this.#lines.push(`… and ${rows.length - shown.length} more (--wide shows all)`);
    }
  }

  changes(heading: string, list: readonly Change[]): void {
    this.section(
      heading,
      ['', 'first', 'second'],
      list.map(({ what, a, b }) => [middle(what, 48), this.cell(a), this.cell(b)]),
    );
  }

  counts(heading: string, list: readonly CountDiff[]): void {
    const rows = list.map(({ name, a, b }) => [
      middle(name, 48),
      String(a),
      String(b),
      b > a ? `+${b - a}` : String(b - a),
    ]);
    this.section(heading, ['', 'first', 'second', ''], rows);
  }

  changed(heading: string, list: readonly LayerChange[]): void {
    const rows = list.flatMap(({ a, b, matchedBy, changes }) =>
      changes.map(({ what, a: before, b: after }, index) => [
        index > 0 ? '' : middle(a === b ? a : b, this.#wide ? Infinity : 44),
        index > 0 ? '' : matchedBy,
        what,
        this.cell(before, 48),
        this.cell(after, 48),
      ]),
    );
    this.section(heading, ['Name', 'Matched by', 'What', 'first', 'second'], rows);
  }

  lone(heading: string, list: readonly LoneLayer[]): void {
    const rows = list.map(({ name, type, precision }) => [
      middle(name, this.#wide ? Infinity : 72),
      middle(type ?? '', 40),
      shortType(precision),
    ]);
    this.section(`${heading} (${list.length})`, ['Name', 'Type', 'Output'], rows);
  }

  get text(): string {
    return `${this.#lines.join('\n').trimStart()}\n`;
  }
}

/** Number and word: "3 layers changed". */
function summary(diff: PlanDiff | OnnxDiff, noun: string): string[] {
  const { layers, tensors, types } = diff;
  const parts: string[] = [];
  const say = (count: number, words: string, one = words): void => {
    if (count > 0) parts.push(`${count} ${count === 1 ? one : words}`);
  };
  if (diff.kind === 'plan') {
    say(diff.header.filter(({ what }) => what !== 'bytes').length, 'of the header');
    say(diff.engine.length, 'properties of the engine', 'property of the engine');
    say(diff.memory.length, 'amounts of memory', 'amount of memory');
    say(tensors.length, 'properties of inputs and outputs', 'property of inputs and outputs');
    say(diff.profiles.length, 'shapes of profiles', 'shape of a profile');
  } else {
    say(diff.model.length, 'properties of the model', 'property of the model');
    say(tensors.length, 'properties of inputs and outputs', 'property of inputs and outputs');
    say(diff.weights.length, 'of weights');
  }
  say(layers.changed.length, `${noun}s changed`, `${noun} changed`);
  say(layers.added.length, `${noun}s added`, `${noun} added`);
  say(layers.removed.length, `${noun}s removed`, `${noun} removed`);
  const lines = [
    diff.same ? 'Same: nothing differs.' : `Different: ${parts.join(', ') || 'one was not read'}.`,
  ];
  if (layers.a + layers.b > 0) {
    lines.push(`${layers.a} and ${layers.b} ${noun}s, ${layers.unchanged} of them unchanged.`);
  }
  if (diff.kind === 'plan' && layers.a > 0 && !layers.detailed) {
    lines.push(
      'Layers were compared by name alone: not both plans were built with --profilingVerbosity=detailed.',
    );
  }
  const counted = [...types, ...(diff.kind === 'plan' ? diff.precisions : [])];
  if (counted.length > 0) {
    const words = counted.slice(0, 12).map(({ name, a, b }) => `${shortType(name)} ${a} → ${b}`);
    lines.push(`Counts: ${words.join(', ')}${counted.length > 12 ? ', …' : ''}.`);
  }
  return lines.map((line) => middle(line, 1000));
}

/** The differences for people. */
export function diffText(diff: PlanDiff | OnnxDiff, options: DiffTextOptions = {}): string {
  const report = new Report(options);
  const noun = diff.kind === 'plan' ? 'layer' : 'node';
  if (diff.kind === 'plan') {
    report.changes('Header', diff.header);
    report.changes('Engine', diff.engine);
    report.changes('Memory', diff.memory);
    report.changes('Inputs and outputs', diff.tensors);
    report.changes('Profiles', diff.profiles);
    report.counts('Layers by type', diff.types);
    report.counts('Layers by type of output', diff.precisions);
  } else {
    report.changes('Model', diff.model);
    report.changes('Inputs and outputs', diff.tensors);
    report.changes('Weights', diff.weights);
    report.counts('Nodes by operator', diff.types);
  }
  const Noun = noun === 'layer' ? 'Layers' : 'Nodes';
  report.changed(`${Noun} that changed (${diff.layers.changed.length})`, diff.layers.changed);
  report.lone(`${Noun} only in the first`, diff.layers.removed);
  report.lone(`${Noun} only in the second`, diff.layers.added);
  return `${summary(diff, noun).join('\n')}\n${report.text.trim() === '' ? '' : `\n${report.text}`}`;
}
