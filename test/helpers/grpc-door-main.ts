// Runs a gRPC door over the fake service in a process of its own, for clients in other languages and for load: prints its port.

import { createGrpcServer } from '../../lib/serving/grpc/server.js';
import { ServerSettings } from '../../lib/serving/settings.js';
import { FakeService } from './serving-service.js';

async function main(): Promise<void> {
  const service = new FakeService();
  const settings = new ServerSettings();
  const door = createGrpcServer(service, { settings });
  const { port } = await door.listen(Number(process.argv[2] ?? 0));
  console.log(`port ${port}`);
  process.on('SIGTERM', () => {
    void door.close({ graceMs: 1000 }).then(() => process.exit(0));
  });
  process.on('SIGUSR2', () => {
    const { user, system } = process.cpuUsage();
    console.log(`cpu ${(user + system) / 1000} in flight ${door.inFlight} held ${service.held}`);
    service.requests.length = 0;
  });
}

void main();
