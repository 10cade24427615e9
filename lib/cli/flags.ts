// Command-line flags in trtexec's form: --name=value (or --name value), --name, repeated where it makes sense.

import { nearest } from '../validate.js';

/** One flag that a command knows. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** Other spellings. */
  readonly aliases?: readonly string[];
  /** Placeholder of the value; a flag without one takes none. */
  readonly value?: string;
  /** May be given several times. */
  readonly repeated?: boolean;
  /** One line for --help; a flag without is not shown. */
  readonly help?: string;
  /** It is taken and does nothing; this says why, as a warning. */
  readonly ignored?: string;
  /** It is another tool's and not ours: wrong usage, with this as what to do instead. */
  readonly unsupported?: string;
  /** Whose flag it is that is unsupported; default trtexec. */
  readonly tool?: string;
}

/** Wrong usage: exit status 2. */
export class UsageError extends Error {
  /** What to do. */
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}

/** What was given on the command line. */
export interface ParsedFlags {
  /** In their order; aliases are resolved. */
  readonly given: readonly { readonly name: string; readonly value: string }[];
  readonly positionals: readonly string[];
  readonly warnings: readonly string[];
}

/** Parses `words`. @throws UsageError for unknown flags (naming the nearest), missing and superfluous values */
export function parseFlags(words: readonly string[], flags: readonly Flag[]): ParsedFlags {
  const known = new Map<string, Flag>();
  for (const flag of flags) {
    for (const name of [flag.name, ...(flag.aliases ?? [])]) known.set(name, flag);
  }
  const given: { name: string; value: string }[] = [];
  const positionals: string[] = [];
  const warnings: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') {
      positionals.push(...words.slice(index + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word);
      continue;
    }
    const match = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(word);
    const name = match?.[1] ?? '';
    const flag = known.get(name);
    if (flag === undefined || (!word.startsWith('--') && name.length > 1)) {
      throw unknownFlag(word, name, suggestible(known));
    }
    if (flag.unsupported !== undefined) {
      const tool = flag.tool ?? 'trtexec';
      throw new UsageError(`--${name} is ${tool}'s and not supported here`, flag.unsupported);
    }
    let value = match?.[2];
    if (flag.value === undefined) {
      if (value !== undefined) {
        throw new UsageError(
          `--${name} takes no value, got ${JSON.stringify(value)}`,
          `Write --${name}.`,
        );
      }
    } else if (value === undefined) {
      const next = words[index + 1];
      if (next === undefined || next.startsWith('--')) {
        throw new UsageError(`--${name} needs a value`, `Write --${name}=${flag.value}.`);
      }
      value = next;
      index++;
    }
    if (flag.ignored !== undefined) {
      warnings.push(`--${name} is ignored: ${flag.ignored}`);
      continue;
    }
    if (flag.repeated !== true && given.some((other) => other.name === flag.name)) {
      throw new UsageError(`--${name} was given twice`, 'Give it once.');
    }
    given.push({ name: flag.name, value: value ?? '' });
  }
  return { given, positionals, warnings };
}

function suggestible(known: ReadonlyMap<string, Flag>): string[] {
  return [...known].filter(([, flag]) => flag.unsupported === undefined).map(([name]) => name);
}

function unknownFlag(word: string, name: string, known: readonly string[]): UsageError {
  const near = nearest(
    name,
    known.filter((other) => other.length > 1),
  );
  return new UsageError(
    `unknown flag ${word.split('=')[0] ?? word}`,
    near === undefined
      ? 'See --help for the flags.'
      : `Did you mean --${near}? See --help for the flags.`,
  );
}

/** The value of a flag that was given at most once; undefined when it was not. */
export function flagValue(parsed: ParsedFlags, name: string): string | undefined {
  return parsed.given.find((flag) => flag.name === name)?.value;
}

/** Whether a flag was given. */
export function hasFlag(parsed: ParsedFlags, name: string): boolean {
  return parsed.given.some((flag) => flag.name === name);
}

/** The values of a flag that may be repeated. */
export function flagValues(parsed: ParsedFlags, name: string): string[] {
  return parsed.given.filter((flag) => flag.name === name).map((flag) => flag.value);
}

/** A whole number. @throws UsageError */
export function integerFlag(
  parsed: ParsedFlags,
  name: string,
  low = 0,
  high = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = flagValue(parsed, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^-?\d+$/.test(value) && number >= low && number <= high) return number;
  const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
  throw new UsageError(
    `--${name} needs an integer ${range}, got ${JSON.stringify(value)}`,
    `Write for example --${name}=${Math.max(low, 1)}.`,
  );
}

/** A number. @throws UsageError */
export function numberFlag(
  parsed: ParsedFlags,
  name: string,
  low: number,
  high: number,
): number | undefined {
  const value = flagValue(parsed, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== '' && number >= low && number <= high) return number;
  throw new UsageError(
    `--${name} needs a number from ${low} to ${high}, got ${JSON.stringify(value)}`,
    `Write for example --${name}=${Math.max(low, Math.min(1, high))}.`,
  );
}

/** A boolean in tritonserver's words: true, on, 1, false, off, 0. @throws UsageError */
export function booleanFlag(parsed: ParsedFlags, name: string): boolean | undefined {
  const value = flagValue(parsed, name)?.toLowerCase();
  if (value === undefined) return undefined;
  if (['true', 'on', '1'].includes(value)) return true;
  if (['false', 'off', '0'].includes(value)) return false;
  throw new UsageError(
    `--${name} needs true or false, got ${JSON.stringify(value)}`,
    `Write for example --${name}=false.`,
  );
}

/** One of the words that `choices` knows, in any case, as what it stands for. @throws UsageError */
export function choiceFlag<T extends string>(
  parsed: ParsedFlags,
  name: string,
  choices: ReadonlyMap<string, T>,
): T | undefined {
  const value = flagValue(parsed, name);
  if (value === undefined) return undefined;
  const choice = choices.get(value.toLowerCase());
  if (choice !== undefined) return choice;
  throw new UsageError(
    `--${name} needs one of ${[...choices.keys()].join(', ')}, got ${JSON.stringify(value)}`,
    'Use one of these words.',
  );
}

/** The flags of a command as --help shows them. */
export function flagsHelp(flags: readonly Flag[]): string {
  const rows = flags
    .filter((flag) => flag.help !== undefined && flag.ignored === undefined)
    .map((flag) => {
      const names = [flag.name, ...(flag.aliases ?? [])].map((name) =>
        name.length === 1 ? `-${name}` : `--${name}`,
      );
      const value = flag.value === undefined ? '' : `=${flag.value}`;
      return [`${names.join(', ')}${value}`, flag.help ?? ''] as const;
    });
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) =>
      left.length > width
        ? `  ${left}\n  ${' '.repeat(width)}  ${right}`
        : `  ${left.padEnd(width)}  ${right}`,
    )
    .join('\n');
}
