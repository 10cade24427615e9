// TLS of a server: its certificate and key, and for mutual TLS the authority that must have signed the clients'.

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { asError, fileError, invalidArgument } from '../../errors.js';
import { checkChoice, checkOptions, checkString } from '../../validate.js';

/** Encryption of a server; paths of PEM files, read once at the start. */
export interface TlsOptions {
  /** The certificate, followed by those of the authorities between. */
  certFile: string;
  keyFile: string;
  /** Mutual TLS: only clients whose certificate this authority has signed are let in. */
  clientCaFile?: string | undefined;
  /** Default 'TLSv1.2'. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/** What was read: options of node:https, and PEM texts for gRPC's credentials. @internal */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Of the clients; undefined: they need none. */
  readonly ca: Buffer | undefined;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/**
 * Reads the files, and checks that they belong together.
 *
 * @throws ERR_TRT_INVALID_ARGUMENT, ERR_TRT_FILE @internal
 */
export function readTlsFiles(options: TlsOptions): TlsFiles {
  checkOptions(options, ['certFile', 'keyFile', 'clientCaFile', 'minVersion'], 'tls');
  const { clientCaFile } = options;
  const files: TlsFiles = {
    cert: read(checkString(options.certFile, 'tls.certFile')),
    key: read(checkString(options.keyFile, 'tls.keyFile')),
    ca:
      clientCaFile === undefined ? undefined : read(checkString(clientCaFile, 'tls.clientCaFile')),
    requestCert: clientCaFile !== undefined,
    rejectUnauthorized: clientCaFile !== undefined,
    minVersion: checkChoice(options.minVersion ?? 'TLSv1.2', 'tls.minVersion', [
      'TLSv1.2',
      'TLSv1.3',
    ]),
  };
  try {
    createSecureContext({ cert: files.cert, key: files.key, ...(files.ca && { ca: files.ca }) });
  } catch (error) {
    throw invalidArgument(
      `tls: ${options.certFile} and ${options.keyFile} cannot be used: ${asError(error).message}`,
      'Give a certificate and its own private key, both as PEM files.',
    );
  }
  return files;
}
