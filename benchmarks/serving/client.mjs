// One client process: told over IPC what to send, it answers with latencies and outcomes.
import { grpcLanes } from './grpc-lanes.mjs';
import { httpLanes } from './http-lanes.mjs';
import { closedLoop, openLoop } from './loops.mjs';

const doors = { http: httpLanes, grpc: grpcLanes };

process.on('message', async (job) => {
  try {
    const lanes = await doors[job.door](job);
    const result = await (job.rate === undefined ? closedLoop : openLoop)(lanes, job);
    for (const lane of lanes) lane.close();
    process.send(result);
  } catch (error) {
    process.send({ error: error.stack });
  }
});
