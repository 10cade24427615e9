// The schemas of lib/serving/proto: equal to Triton's in every name, number and type.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { modelConfigToMessage, protoRoot } from '../../../lib/serving/proto/schema.js';
import { parseModelConfig } from '../../../lib/serving/config/text-format.js';

/** Made by triton-schema.py beside it, from the descriptors of Python's tritonclient. */
const tritons = JSON.parse(
  readFileSync(path.join(__dirname, '../../fixtures/serving/triton-schema.json'), 'utf8'),
) as Record<string, string>;

function typeName(resolved: protobuf.ReflectionObject | null, type: string): string {
  return resolved === null ? type : resolved.fullName.slice(1);
}

function addType(type: protobuf.Type, facts: Map<string, string>): void {
  const name = type.fullName.slice(1);
  facts.set(name, 'message');
  for (const field of type.fieldsArray) {
    const value = typeName(field.resolvedType, field.type);
    const kind =
      field instanceof protobuf.MapField
        ? `map<${field.keyType}, ${value}>`
        : `${field.repeated ? 'repeated ' : ''}${value}`;
    const oneof = field.partOf === null ? '' : ` in ${field.partOf.name}`;
    facts.set(`${name}.${field.name}`, `${field.id} ${kind}${oneof}`);
  }
}

function addAll(namespace: protobuf.NamespaceBase, facts: Map<string, string>): void {
  for (const item of namespace.nestedArray) {
    const name = item.fullName.slice(1);
    if (item instanceof protobuf.Type) addType(item, facts);
    if (item instanceof protobuf.Enum) {
      for (const [value, number] of Object.entries(item.values)) {
        facts.set(`${name}.${value}`, String(number));
      }
    }
    if (item instanceof protobuf.Service) {
      for (const method of item.methodsArray) {
        const request = method.resolvedRequestType?.fullName.slice(1);
        const response = method.resolvedResponseType?.fullName.slice(1);
        const [from, to] = [method.requestStream, method.responseStream].map((stream) =>
          stream ? 'stream ' : '',
        );
        facts.set(`${name}.${method.name}`, `${from}${request} -> ${to}${response}`);
      }
    }
    if (item instanceof protobuf.Namespace) addAll(item, facts);
  }
}

describe('schema', () => {
  test("every message, field, enum value and method is Triton's", () => {
    const facts = new Map<string, string>();
    addAll(protoRoot().lookup('inference') as protobuf.Namespace, facts);
    expect(Object.fromEntries(facts)).toEqual(tritons);
  });

  test("health checking has gRPC's names and numbers", () => {
    const facts = new Map<string, string>();
    addAll(protoRoot().lookup('grpc.health.v1') as protobuf.Namespace, facts);
    expect(Object.fromEntries(facts)).toEqual({
      'grpc.health.v1.HealthCheckRequest': 'message',
      'grpc.health.v1.HealthCheckRequest.service': '1 string',
      'grpc.health.v1.HealthCheckResponse': 'message',
      'grpc.health.v1.HealthCheckResponse.status':
        '1 grpc.health.v1.HealthCheckResponse.ServingStatus',
      'grpc.health.v1.HealthCheckResponse.ServingStatus.UNKNOWN': '0',
      'grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING': '1',
      'grpc.health.v1.HealthCheckResponse.ServingStatus.NOT_SERVING': '2',
      'grpc.health.v1.HealthCheckResponse.ServingStatus.SERVICE_UNKNOWN': '3',
      'grpc.health.v1.Health.Check':
        'grpc.health.v1.HealthCheckRequest -> grpc.health.v1.HealthCheckResponse',
      'grpc.health.v1.Health.Watch':
        'grpc.health.v1.HealthCheckRequest -> stream grpc.health.v1.HealthCheckResponse',
    });
  });

  test('a config goes into the bytes that protobuf prescribes', () => {
    const config = parseModelConfig(
      `name: "m" max_batch_size: 8
       dynamic_batching { priority_queue_policy { key: 2 value { max_queue_size: 3 } } }
       input { name: "x" data_type: TYPE_FP32 dims: [ -1 ] }`,
      'config.pbtxt',
    );
    const type = protoRoot().lookupType('inference.ModelConfig');
    const bytes = Buffer.from(type.encode(modelConfigToMessage(config)).finish());
    // Fields by number: 1 name, 4 max_batch_size, 5 input, 11 dynamic_batching.
    expect(bytes.includes(Buffer.from('0a016d', 'hex'))).toBe(true);
    expect(bytes.includes(Buffer.from('2008', 'hex'))).toBe(true);
    expect(bytes.includes(Buffer.from('0a0178100b', 'hex'))).toBe(true);
    expect(bytes.includes(Buffer.from('220affffffffffffffffff01', 'hex'))).toBe(true);
    const back = type.toObject(type.decode(bytes), {
      enums: String,
      longs: Number,
      defaults: true,
    });
    expect(back.input).toMatchObject([{ name: 'x', data_type: 'TYPE_FP32', dims: [-1] }]);
    // The map entry: key 2, then the policy.
    expect(bytes.toString('hex')).toContain('3a0c080212');
  });
});
