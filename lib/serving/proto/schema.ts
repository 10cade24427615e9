// Schema: the messages and services of proto/*.proto, loaded once, and configs as gRPC sends them.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import type { ModelConfig } from '../config/model-config.js';

const files = ['model_config.proto', 'grpc_service.proto', 'health.proto'] as const;

let loaded: protobuf.Root | undefined;

/** All messages and services, with their names as in the files: inference.ModelConfig, inference.GRPCInferenceService, grpc.health.v1.Health. @internal */
export function protoRoot(): protobuf.Root {
  if (loaded !== undefined) return loaded;
  const root = new protobuf.Root();
  // Each file is read here, so what `import` names is there already.
  for (const file of files) {
    const text = readFileSync(path.join(__dirname, file), 'utf8');
    protobuf.parse(text, root, { keepCase: true });
  }
  root.resolveAll();
  loaded = root;
  return root;
}

/** A message type by its full name, for example 'inference.ModelConfig'. @internal */
export function messageType(name: string): protobuf.Type {
  return protoRoot().lookupType(name);
}

/** The config as a message of inference.ModelConfig, to be put into gRPC's ModelConfigResponse. @internal */
export function modelConfigToMessage(config: ModelConfig): protobuf.Message {
  return messageType('inference.ModelConfig').fromObject(config);
}
