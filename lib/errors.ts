// Errors: one class a reaction, one literal code a cause, and the table that ties codes, classes and docs/errors.md together.

import type { PreflightReport } from './inspect/preflight.js';
import type { ModelError, ModelSubgraph, UnsupportedOperator } from './model-report.js';
import type { NativeErrorInfo } from './native.js';

/** Codes of {@link InvalidArgumentError}. */
export type InvalidArgumentCode =
  | 'ERR_TRT_INVALID_ARGUMENT'
  | 'ERR_TRT_UNKNOWN_TENSOR'
  | 'ERR_TRT_MISSING_INPUT'
  | 'ERR_TRT_DTYPE_MISMATCH'
  | 'ERR_TRT_LENGTH_MISMATCH'
  | 'ERR_TRT_RANK_MISMATCH'
  | 'ERR_TRT_INVALID_SHAPE'
  | 'ERR_TRT_SHAPE_OUT_OF_RANGE'
  | 'ERR_TRT_INVALID_BUFFER';

/** Codes of {@link LoadError}. */
export type LoadCode =
  | 'ERR_TRT_ADDON'
  | 'ERR_TRT_NO_DRIVER'
  | 'ERR_TRT_LIBRARY_NOT_FOUND'
  | 'ERR_TRT_LIBRARY_INVALID'
  | 'ERR_TRT_LIBRARY_VERSION'
  | 'ERR_TRT_REFERENCE_UNAVAILABLE';

/** Codes of {@link InvalidPlanError}. */
export type InvalidPlanCode = 'ERR_TRT_INVALID_PLAN' | 'ERR_TRT_DESERIALIZE';

/** Codes of {@link IncompatiblePlanError}. */
export type IncompatiblePlanCode =
  'ERR_TRT_PLAN_VERSION' | 'ERR_TRT_PLAN_DEVICE' | 'ERR_TRT_PLAN_RUNTIME';

/** Codes of {@link ExecutionError}. */
export type ExecutionCode = 'ERR_TRT_EXECUTION' | 'ERR_TRT_OUTPUT_ALLOCATOR';

/** Codes of {@link BuildError}. */
export type BuildCode = 'ERR_TRT_PARSE' | 'ERR_TRT_BUILD';

/** Codes of {@link ServingError}. */
export type ServingCode =
  | 'ERR_TRT_REQUEST'
  | 'ERR_TRT_MODEL_NOT_FOUND'
  | 'ERR_TRT_MODEL_UNAVAILABLE'
  | 'ERR_TRT_MODEL_CONFIG'
  | 'ERR_TRT_MODEL_LOAD'
  | 'ERR_TRT_MODEL_BACKEND'
  | 'ERR_TRT_QUEUE_FULL'
  | 'ERR_TRT_REQUEST_TIMEOUT'
  | 'ERR_TRT_REQUEST_CANCELLED'
  | 'ERR_TRT_REQUEST_UNSUPPORTED'
  | 'ERR_TRT_ALREADY_EXISTS'
  | 'ERR_TRT_SERVER';

/** Every code that an error of this package can have; docs/errors.md explains each. */
export type ErrorCode =
  | InvalidArgumentCode
  | LoadCode
  | InvalidPlanCode
  | IncompatiblePlanCode
  | ExecutionCode
  | BuildCode
  | ServingCode
  | 'ERR_TRT_REFIT'
  | 'ERR_TRT_CLOSED'
  | 'ERR_TRT_BUSY'
  | 'ERR_TRT_ABORTED'
  | 'ERR_TRT_DEADLINE_EXCEEDED'
  | 'ERR_TRT_FILE'
  | 'ERR_TRT_OUT_OF_MEMORY'
  | 'ERR_TRT_CUDA'
  | 'ERR_TRT_DEVICE_LOST'
  | 'ERR_TRT_UNSUPPORTED'
  | 'ERR_TRT_INTERNAL';

/** What an error may carry besides its two sentences. */
export interface ErrorDetails {
  /** What TensorRT logged during the failing call, oldest first. */
  log?: readonly string[] | undefined;
  /** The CUDA or TensorRT function that failed. */
  call?: string | undefined;
  /** The CUresult. */
  cudaErrorCode?: number | undefined;
  /** For example `CUDA_ERROR_ILLEGAL_ADDRESS`. */
  cudaErrorName?: string | undefined;
  /** Bytes that were asked for. */
  requestedBytes?: number | undefined;
  /** Weights that a refit needs and did not get. */
  missingWeights?: readonly string[] | undefined;
  cause?: unknown;
  /** Of {@link BuildError} only, as the next two. */
  modelErrors?: readonly ModelError[] | undefined;
  subgraphs?: readonly ModelSubgraph[] | undefined;
  unsupported?: readonly UnsupportedOperator[] | undefined;
}

const brands = new WeakMap<object, symbol>();

/** Gives `errorClass` its name and a brand that other copies of this package know too. */
function brand(errorClass: { prototype: object }, name: string): void {
  const symbol = Symbol.for(`trt-node.${name}`);
  brands.set(errorClass, symbol);
  Object.defineProperty(errorClass.prototype, symbol, { value: true });
  Object.defineProperty(errorClass.prototype, 'name', {
    value: name === 'AbortedError' ? 'AbortError' : name,
    configurable: true,
    writable: true,
  });
}

function sentence(text: string): string {
  return /[.!?:;)]$/.test(text) ? text : `${text}.`;
}

/**
 * The base of every error of this package. `instanceof` also holds for errors of another copy of the package in the same process.
 *
 * @typeParam C - The literal code, or the union of the class's codes.
 */
export abstract class TensorRTError<C extends ErrorCode = ErrorCode> extends Error {
  /** The cause as a literal; stable between versions. */
  readonly code: C;
  /** What was expected and what was given; the first part of `message`. */
  readonly reason: string;
  /** What to do; the second part of `message`. */
  readonly hint: string;
  /** What TensorRT logged during the failing call, oldest first, for example `"[E] IRuntime::deserializeCudaEngine: …"`. Often empty. */
  readonly log: readonly string[];
  /** The CUDA or TensorRT function that failed, if one did. */
  declare readonly call?: string;
  /** The CUresult, if CUDA was the cause. */
  declare readonly cudaErrorCode?: number;
  /** Its name, for example `CUDA_ERROR_OUT_OF_MEMORY`. */
  declare readonly cudaErrorName?: string;
  /** Bytes that were asked for, if memory was the cause. */
  declare readonly requestedBytes?: number;
  /** Where loading a plan failed: what the plan tells of itself and the machine of itself. Not enumerable, as it is long. */
  declare readonly preflight?: PreflightReport;

  constructor(code: C, reason: string, hint: string, details: ErrorDetails = {}) {
    const message = hint === '' ? reason : `${sentence(reason)} ${hint}`;
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = reason;
    this.hint = hint;
    this.log = details.log ?? [];
    const optional = this as {
      -readonly [
        K in 'call' | 'cudaErrorCode' | 'cudaErrorName' | 'requestedBytes'
      ]: ErrorDetails[K];
    };
    if (details.call) optional.call = details.call;
    if (details.cudaErrorCode) optional.cudaErrorCode = details.cudaErrorCode;
    if (details.cudaErrorName) optional.cudaErrorName = details.cudaErrorName;
    if (details.requestedBytes !== undefined) optional.requestedBytes = details.requestedBytes;
  }

  static override [Symbol.hasInstance](this: { prototype: object }, value: unknown): boolean {
    const symbol = brands.get(this);
    // A user's own subclass has no brand; the ordinary rule holds for it.
    if (symbol === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && symbol in value;
  }
}

/** An argument, option or feed is wrong: the caller must change it. */
export class InvalidArgumentError extends TensorRTError<InvalidArgumentCode> {}

/** The handle, or its parent, was closed. */
export class ClosedError extends TensorRTError<'ERR_TRT_CLOSED'> {}

/** No execution slot is free and the call cannot wait, or the queue is full: try again later. */
export class BusyError extends TensorRTError<'ERR_TRT_BUSY'> {}

/** The caller's `signal` was aborted. `name` is 'AbortError' and `cause` is the signal's reason, as everywhere in Node.js. */
export class AbortedError extends TensorRTError<'ERR_TRT_ABORTED'> {}

/** `deadlineMs` passed before the work was done. */
export class DeadlineError extends TensorRTError<'ERR_TRT_DEADLINE_EXCEEDED'> {}

/** The machine lacks something: our addon, the driver, TensorRT, or the reference runtime. `trt-node doctor` tells more. */
export class LoadError extends TensorRTError<LoadCode> {}

/** A file cannot be read or written; `cause` is Node's error. */
export class FileError extends TensorRTError<'ERR_TRT_FILE'> {}

/** The bytes are no plan, or TensorRT cannot deserialize them: get the right file. */
export class InvalidPlanError extends TensorRTError<InvalidPlanCode> {}

/** The plan is good, but not for this TensorRT, GPU or runtime: build it where it is to run. */
export class IncompatiblePlanError extends TensorRTError<IncompatiblePlanCode> {}

/** Device, pinned or host memory ran out; `requestedBytes` says how much was asked for. */
export class OutOfMemoryError extends TensorRTError<'ERR_TRT_OUT_OF_MEMORY'> {}

/** A CUDA call failed; `cudaErrorName` and `call` say which and how. */
export class DeviceError extends TensorRTError<'ERR_TRT_CUDA'> {}

/** A sticky CUDA error: nothing will work on the device any more until the process is restarted. */
export class DeviceLostError extends TensorRTError<'ERR_TRT_DEVICE_LOST'> {}

/** TensorRT refused to set up or enqueue an inference; `log` says why. */
export class ExecutionError extends TensorRTError<ExecutionCode> {}

/** A model could not be parsed or built; `log` says why. */
export class BuildError extends TensorRTError<BuildCode> {
  /** ERR_TRT_PARSE: all that the parser says against the model, node by node. */
  readonly modelErrors: readonly ModelError[];
  /** ERR_TRT_PARSE: all operators that cannot be built, with their nodes; most used first. */
  readonly unsupported: readonly UnsupportedOperator[];
  /** ERR_TRT_PARSE: the parts of the model, and whether they would work; empty where the parser cannot tell. */
  readonly subgraphs: readonly ModelSubgraph[];

  constructor(code: BuildCode, reason: string, hint: string, details: ErrorDetails = {}) {
    super(code, reason, hint, details);
    this.modelErrors = details.modelErrors ?? [];
    this.unsupported = details.unsupported ?? [];
    this.subgraphs = details.subgraphs ?? [];
  }
}

/** An engine could not be refitted with other weights. */
export class RefitError extends TensorRTError<'ERR_TRT_REFIT'> {
  /** The weights that TensorRT needs too; then nothing was changed. Empty for other causes. */
  readonly missingWeights: readonly string[];

  constructor(code: 'ERR_TRT_REFIT', reason: string, hint: string, details: ErrorDetails = {}) {
    super(code, reason, hint, details);
    this.missingWeights = details.missingWeights ?? [];
  }
}

/** The running TensorRT, driver or platform lacks what was asked for. */
export class UnsupportedError extends TensorRTError<'ERR_TRT_UNSUPPORTED'> {}

/** Triton's error codes, which the doors turn into HTTP and gRPC statuses. */
export type ServingStatus =
  | 'UNKNOWN'
  | 'INTERNAL'
  | 'NOT_FOUND'
  | 'INVALID_ARG'
  | 'UNAVAILABLE'
  | 'UNSUPPORTED'
  | 'ALREADY_EXISTS'
  | 'CANCELLED';

const servingStatuses: Readonly<Record<ServingCode, ServingStatus>> = {
  ERR_TRT_REQUEST: 'INVALID_ARG',
  ERR_TRT_MODEL_NOT_FOUND: 'NOT_FOUND',
  ERR_TRT_MODEL_UNAVAILABLE: 'UNAVAILABLE',
  ERR_TRT_MODEL_CONFIG: 'INVALID_ARG',
  ERR_TRT_MODEL_LOAD: 'INTERNAL',
  ERR_TRT_MODEL_BACKEND: 'INTERNAL',
  ERR_TRT_QUEUE_FULL: 'UNAVAILABLE',
  ERR_TRT_REQUEST_TIMEOUT: 'UNAVAILABLE',
  ERR_TRT_REQUEST_CANCELLED: 'CANCELLED',
  ERR_TRT_REQUEST_UNSUPPORTED: 'UNSUPPORTED',
  ERR_TRT_ALREADY_EXISTS: 'ALREADY_EXISTS',
  ERR_TRT_SERVER: 'INTERNAL',
};

/** A repository, a model or the server refuses something; `reason` has Triton's words where Triton has some. */
export class ServingError extends TensorRTError<ServingCode> {
  /** What Triton would answer. */
  readonly status: ServingStatus;

  constructor(code: ServingCode, reason: string, hint: string, details: ErrorDetails = {}) {
    super(code, reason, hint, details);
    this.status = servingStatuses[code];
  }
}

/** A fault of this package; please report it. */
export class InternalError extends TensorRTError<'ERR_TRT_INTERNAL'> {}

const classes = {
  TensorRTError,
  InvalidArgumentError,
  ClosedError,
  BusyError,
  AbortedError,
  DeadlineError,
  LoadError,
  FileError,
  InvalidPlanError,
  IncompatiblePlanError,
  OutOfMemoryError,
  DeviceError,
  DeviceLostError,
  ExecutionError,
  BuildError,
  RefitError,
  UnsupportedError,
  ServingError,
  InternalError,
};
for (const [name, errorClass] of Object.entries(classes)) brand(errorClass, name);

/** Any error of this package, as a union that `switch (error.code)` narrows to the class. */
export type AnyTensorRTError =
  | InvalidArgumentError
  | ClosedError
  | BusyError
  | AbortedError
  | DeadlineError
  | LoadError
  | FileError
  | InvalidPlanError
  | IncompatiblePlanError
  | OutOfMemoryError
  | DeviceError
  | DeviceLostError
  | ExecutionError
  | BuildError
  | RefitError
  | UnsupportedError
  | ServingError
  | InternalError;

type ErrorClass = new (
  code: never,
  reason: string,
  hint: string,
  details?: ErrorDetails,
) => AnyTensorRTError;

/** What is known of a code: its class, and what to do where the failing part has nothing better to say. */
interface ErrorRow {
  readonly errorClass: ErrorClass;
  readonly hint: string;
}

function row(errorClass: ErrorClass, hint: string): ErrorRow {
  return { errorClass, hint };
}

/** Code → class. Its anchor in docs/errors.md is the code in lower case. Checked by test/unit/errors.test.ts. @internal */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = {
  ERR_TRT_INVALID_ARGUMENT: row(
    InvalidArgumentError,
    'Change the argument or option that is named.',
  ),
  ERR_TRT_UNKNOWN_TENSOR: row(InvalidArgumentError, 'Use a name that the engine has.'),
  ERR_TRT_MISSING_INPUT: row(InvalidArgumentError, 'Give every input of the engine.'),
  ERR_TRT_DTYPE_MISMATCH: row(InvalidArgumentError, 'Give the array that belongs to the dtype.'),
  ERR_TRT_LENGTH_MISMATCH: row(InvalidArgumentError, 'Give as many elements as the shape says.'),
  ERR_TRT_RANK_MISMATCH: row(InvalidArgumentError, 'Give as many dimensions as the tensor has.'),
  ERR_TRT_INVALID_SHAPE: row(
    InvalidArgumentError,
    'Give dimensions that are integers from 0 to 2147483647.',
  ),
  ERR_TRT_SHAPE_OUT_OF_RANGE: row(
    InvalidArgumentError,
    'Give a shape within the profile, choose another profile, or build the plan with one for it.',
  ),
  ERR_TRT_INVALID_BUFFER: row(
    InvalidArgumentError,
    'Copy the data into a plain ArrayBuffer first.',
  ),
  ERR_TRT_CLOSED: row(
    ClosedError,
    'Close handles only after their last use, and create a new one to go on.',
  ),
  ERR_TRT_BUSY: row(BusyError, 'Try again later.'),
  ERR_TRT_ABORTED: row(AbortedError, 'Nothing to do if you aborted it.'),
  ERR_TRT_DEADLINE_EXCEEDED: row(DeadlineError, 'Allow more time.'),
  ERR_TRT_ADDON: row(LoadError, 'Run `npx trt-node-build`, or install the package again.'),
  ERR_TRT_NO_DRIVER: row(LoadError, 'Run `trt-node doctor`: it says what is missing.'),
  ERR_TRT_LIBRARY_NOT_FOUND: row(
    LoadError,
    'Install TensorRT, or name its library with `library` or TRT_NODE_LIBRARY.',
  ),
  ERR_TRT_LIBRARY_INVALID: row(LoadError, 'Name a libnvinfer with `library` or TRT_NODE_LIBRARY.'),
  ERR_TRT_LIBRARY_VERSION: row(
    LoadError,
    'Install a TensorRT that trt-node knows (README.md), and name it with `library` or TRT_NODE_LIBRARY.',
  ),
  ERR_TRT_REFERENCE_UNAVAILABLE: row(LoadError, 'Run `npm install onnxruntime-node`.'),
  ERR_TRT_FILE: row(FileError, 'Check the path and that this user may use the file.'),
  ERR_TRT_INVALID_PLAN: row(
    InvalidPlanError,
    'Check that this is the right file and that it is complete.',
  ),
  ERR_TRT_DESERIALIZE: row(
    InvalidPlanError,
    'See `log` for what TensorRT says; building the plan again here mends most causes.',
  ),
  ERR_TRT_PLAN_VERSION: row(
    IncompatiblePlanError,
    'Build the plan with the TensorRT that runs it.',
  ),
  ERR_TRT_PLAN_DEVICE: row(
    IncompatiblePlanError,
    'Build the plan on the kind of GPU that runs it.',
  ),
  ERR_TRT_PLAN_RUNTIME: row(
    IncompatiblePlanError,
    'Use the runtime that built the plan, or build it again.',
  ),
  ERR_TRT_OUT_OF_MEMORY: row(
    OutOfMemoryError,
    'Close what is not needed, use fewer instances or smaller shapes, or look with nvidia-smi for other processes.',
  ),
  ERR_TRT_CUDA: row(DeviceError, 'See `call` and `cudaErrorName`; CUDA documents each.'),
  ERR_TRT_DEVICE_LOST: row(
    DeviceLostError,
    'Restart the process: nothing works on the device any more.',
  ),
  ERR_TRT_EXECUTION: row(ExecutionError, 'See `log` for what TensorRT says.'),
  ERR_TRT_OUTPUT_ALLOCATOR: row(
    ExecutionError,
    'Let the allocator give the memory that is asked for, or leave it out.',
  ),
  ERR_TRT_PARSE: row(
    BuildError,
    'See `log` for the nodes; often another opset at export, or a plugin library, helps.',
  ),
  ERR_TRT_BUILD: row(BuildError, 'See `log` for what TensorRT says.'),
  ERR_TRT_REFIT: row(
    RefitError,
    'Give the weights that are missing, or those of the model that the plan was built from.',
  ),
  ERR_TRT_UNSUPPORTED: row(UnsupportedError, 'Use a version or device that has it.'),
  ERR_TRT_REQUEST: row(ServingError, 'Change the request as the message says.'),
  ERR_TRT_MODEL_NOT_FOUND: row(
    ServingError,
    'Ask the repository index for the models and versions that there are, or the status of shared memory for its regions.',
  ),
  ERR_TRT_MODEL_UNAVAILABLE: row(
    ServingError,
    'Load the model, or wait until it is loaded; the repository index says why it is not.',
  ),
  ERR_TRT_MODEL_CONFIG: row(ServingError, 'Change config.pbtxt as the message says.'),
  ERR_TRT_MODEL_LOAD: row(ServingError, 'See `cause`; what was served before is still served.'),
  ERR_TRT_MODEL_BACKEND: row(ServingError, 'See `cause`.'),
  ERR_TRT_QUEUE_FULL: row(ServingError, 'Try again later, or send fewer requests at a time.'),
  ERR_TRT_REQUEST_TIMEOUT: row(ServingError, 'Allow more time, or send fewer requests at a time.'),
  ERR_TRT_REQUEST_CANCELLED: row(ServingError, 'Nothing to do if you cancelled it.'),
  ERR_TRT_REQUEST_UNSUPPORTED: row(ServingError, 'Leave out what the message names.'),
  ERR_TRT_ALREADY_EXISTS: row(ServingError, 'Use another name, or remove the other first.'),
  ERR_TRT_SERVER: row(ServingError, 'See `cause`, for example a port that is in use.'),
  ERR_TRT_INTERNAL: row(InternalError, 'Please report it, with the message and the log.'),
};

/**
 * Whether `error` is one of this package's, also of another copy of it; narrows to {@link AnyTensorRTError}.
 *
 * @param error - Anything that was caught.
 */
export function isTensorRTError(error: unknown): error is AnyTensorRTError {
  return error instanceof TensorRTError;
}

/** Makes the public error of a code; for causes that are known only as a string. @internal */
export function makeError(
  code: string,
  reason: string,
  hint: string,
  details?: ErrorDetails,
): AnyTensorRTError {
  if (!Object.hasOwn(errorTable, code)) {
    const unknown = `${reason} (the unknown code ${code})`;
    return new InternalError('ERR_TRT_INTERNAL', unknown, hint, details);
  }
  const known = errorTable[code as ErrorCode];
  return new known.errorClass(code as never, reason, hint === '' ? known.hint : hint, details);
}

const strippedHint =
  'Give the weights before the first run: `refitFrom` when loading, session.refit(), or --refitFromOnnx=MODEL.';

/** The addon's hook: every native failure becomes a public error here. @internal */
export function createError(info: NativeErrorInfo): Error {
  const { message, code, hint, subgraphs, ...details } = info;
  // What lies around a sub-graph only the model tells: explainParseError adds it.
  const stripped = code === 'ERR_TRT_EXECUTION' && message.includes('getMissingWeights');
  const bare = subgraphs?.map((subgraph) => ({ ...subgraph, inputs: [], outputs: [] }));
  return makeError(code, message, stripped ? strippedHint : hint, { ...details, subgraphs: bare });
}

/** An {@link InvalidArgumentError} for an option or argument of the wrong type or value. @internal */
export function invalidArgument(reason: string, hint: string): InvalidArgumentError {
  return new InvalidArgumentError('ERR_TRT_INVALID_ARGUMENT', reason, hint);
}

/** A {@link FileError} out of what Node's file functions threw. @internal */
export function fileError(action: 'read' | 'write', path: string, cause: unknown): FileError {
  const why = cause instanceof Error ? cause.message : describe(cause);
  const hint =
    action === 'read'
      ? 'Check the path and that this user may read the file.'
      : 'Check that the folder exists, that this user may write there, and that the disk is not full.';
  return new FileError('ERR_TRT_FILE', `cannot ${action} '${path}': ${why}`, hint, { cause });
}

/** A short description of a wrong value, for messages: `'"abc"'`, `'Float32Array(12)'`, `'null'`. @internal */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : describeObject(value);
    case 'number':
    case 'boolean':
    case 'symbol':
    case 'undefined':
      return String(value);
  }
}

function describeObject(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  const name = prototype?.constructor?.name;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) {
    const { length = value.byteLength } = value as { length?: number };
    return `${name ?? 'a view'}(${length})`;
  }
  return name === undefined || name === 'Object' ? 'an object' : `an instance of ${name}`;
}

/** What was thrown, as an Error. @internal */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describe(thrown));
}
