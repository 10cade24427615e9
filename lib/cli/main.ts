#!/usr/bin/env node
// trt-node: the command line. Parses, calls what lib/ offers, prints.

import { packageVersion } from '../package-version.js';
import { nearest } from '../validate.js';
import { benchCommand } from './bench.js';
import { buildCommand } from './build.js';
import { type Command, makeOutput, reportError } from './command.js';
import { doctorCommand } from './doctor.js';
import { UsageError, flagsHelp, hasFlag, parseFlags } from './flags.js';
import { inspectCommand } from './inspect.js';
import { refitCommand } from './refit.js';
import { runCommand } from './run.js';
import { serveCommand } from './serve.js';

const commands: readonly Command[] = [
  doctorCommand,
  inspectCommand,
  buildCommand,
  refitCommand,
  runCommand,
  benchCommand,
  serveCommand,
];

function overview(): string {
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(8)}  ${summary}`);
  return `TensorRT inside Node.js.

Usage: trt-node COMMAND [flags]

${rows.join('\n')}

trt-node COMMAND --help tells the flags; --version the version.
Exit status: 0 done, 1 failed, 2 wrong usage.
`;
}

function commandHelp(command: Command): string {
  const notes = command.notes === undefined ? '' : `\n${command.notes}\n`;
  return `${command.summary}.

Usage: trt-node ${command.name} ${command.usage}

${flagsHelp(command.flags)}
${notes}`;
}

/** Runs the command line `words` (without node and script). @returns The exit status */
export async function main(words: readonly string[]): Promise<number> {
  const [first = '', ...rest] = words;
  const name = first === '--json' ? '' : first;
  const output = makeOutput(words.includes('--json'));
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return 0;
  }
  if (name === '--version') {
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    const names = commands.map((candidate) => candidate.name);
    const near = nearest(name, names);
    const what = name === '' ? 'no command was given' : `unknown command ${JSON.stringify(name)}`;
    const hint =
      near === undefined ? `The commands are ${names.join(', ')}.` : `Did you mean ${near}?`;
    return reportError('trt-node', new UsageError(what, hint), output);
  }
  try {
    const parsed = parseFlags(rest, command.flags);
    if (hasFlag(parsed, 'help')) {
      process.stdout.write(commandHelp(command));
      return 0;
    }
    for (const warning of parsed.warnings) output.note(`warning: ${warning}`);
    return await command.run(parsed, output);
  } catch (error) {
    return reportError(`trt-node ${command.name}`, error, output);
  }
}

// A reader that closes early, as `| head` does, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exitCode = error.code === 'EPIPE' ? 0 : 1;
});

if (require.main === module) {
  void main(process.argv.slice(2)).then((status) => {
    process.exitCode = status;
  });
}
