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
  const server = spawn(process.execPath, serving, { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; what a supervisor sends comes here alone.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => server.kill('SIGTERM'));
  const [status] = (await once(server, 'exit')) as [number | null];
  process.exitCode = status ?? 1;
});
