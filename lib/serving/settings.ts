// ServerSettings: what HTTP and gRPC share besides the models: the log, the traces, and shared memory.

import { type LogSettings, ServerLog } from './log-settings.js';
import { SharedMemoryRegistry, type SharedMemoryOptions } from './shared-memory/registry.js';
import { type TraceSetting, TraceSettings } from './trace-settings.js';
import { Tracer } from './tracer.js';

/** Options of {@link ServerSettings}. */
export interface ServerSettingsOptions {
  /** Settings at the start; clients may change all but the file. */
  log?: Partial<LogSettings> | undefined;
  /** Settings at the start; clients may change all but the file. */
  trace?: Partial<TraceSetting> | undefined;
  /** false: clients can register no shared memory. */
  sharedMemory?: SharedMemoryOptions | false | undefined;
}

/** Made once a server, and handed to each of its doors. Closing is the maker's. */
export class ServerSettings {
  readonly log: ServerLog;
  readonly trace: TraceSettings;
  /** @internal */
  readonly tracer: Tracer;
  /** @internal */
  readonly sharedMemory: SharedMemoryRegistry;

  /** @throws {@link FileError} ERR_TRT_FILE when the log file cannot be opened */
  constructor(options: ServerSettingsOptions = {}) {
    this.log = new ServerLog(options.log);
    this.trace = new TraceSettings(options.trace);
    this.tracer = new Tracer(this.trace, this.log);
    this.sharedMemory = new SharedMemoryRegistry(options.sharedMemory);
  }

  /** Unregisters shared memory, and closes the files. After the doors. */
  close(): void {
    this.sharedMemory.close();
    this.tracer.close();
    this.log.close();
  }
}
