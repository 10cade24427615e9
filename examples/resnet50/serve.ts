// npm run serve: `trt-node serve` on the report's ports. Other flags of it may follow: npm run serve -- --log-verbose=1
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { main } from '../kit/failure.ts';
import { chooseModel, describeModel } from '../kit/models.ts';
import { commandLine } from '../kit/server.ts';
import { prepare } from './prepare.ts';

await main(async () => {
  const model = chooseModel(import.meta.url);
  console.log(describeModel(model));
  const { repository } = await prepare(model);
  const flags = process.argv.slice(2);
  for (const [name, port] of Object.entries({ http: 8100, grpc: 8101, metrics: 8102 })) {
    if (!flags.some((flag) => flag.startsWith(`--${name}-port`)))
      flags.push(`--${name}-port=${port}`);
  }
  const serving = [commandLine, 'serve', `--model-repository=${repository}`, ...flags];
  const server = spawn(process.execPath, serving, { stdio: 'inherit', detached: true });
  // In a group of its own it hears of Ctrl+C from here alone, as of what a supervisor sends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => server.kill(signal));
  const [status] = (await once(server, 'exit')) as [number | null];
  process.exitCode = status ?? 1;
});
