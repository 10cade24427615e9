// DrainingService: a service as a server's doors see it: not ready from the moment at which the server is told to stop.

import type { InferRequest, InferResponse } from './request.js';
import type {
  InferenceService,
  LoadOverrides,
  ModelIndexEntry,
  ModelMetadata,
  Readiness,
  ServedVersion,
} from './service.js';

/** Passes everything on; only {@link ready} knows more. @internal */
export class DrainingService implements InferenceService {
  readonly #service: InferenceService;
  #draining = false;

  constructor(service: InferenceService) {
    this.#service = service;
  }

  /** From now on the server is not ready: orchestrators and load balancers send no more. */
  drain(): void {
    this.#draining = true;
  }

  get controlMode(): InferenceService['controlMode'] {
    return this.#service.controlMode;
  }

  get runtimeText(): string {
    return this.#service.runtimeText;
  }

  ready(): Readiness {
    const { ready, reasons, ...more } = this.#service.ready();
    if (!this.#draining) return { ready, reasons, ...more };
    return { ready: false, reasons: ['the server is shutting down', ...reasons], ...more };
  }

  modelReady(name: string, version?: string): boolean {
    return this.#service.modelReady(name, version);
  }

  metadata(name: string, version?: string): ModelMetadata {
    return this.#service.metadata(name, version);
  }

  model(name: string, version?: string): ServedVersion {
    return this.#service.model(name, version);
  }

  served(name?: string, version?: string): readonly ServedVersion[] {
    return this.#service.served(name, version);
  }

  index(onlyReady?: boolean): readonly ModelIndexEntry[] {
    return this.#service.index(onlyReady);
  }

  load(name: string, overrides?: LoadOverrides): Promise<void> {
    return this.#service.load(name, overrides);
  }

  unload(name: string, options?: { dependents?: boolean | undefined }): Promise<void> {
    return this.#service.unload(name, options);
  }

  request(request: InferRequest): Promise<InferResponse> {
    return this.#service.request(request);
  }
}
