// Connection: keepalive of one HTTP/2 session, in both directions, and its age, by the rules of gRPC's own servers.

import { type ServerHttp2Session, constants } from 'node:http2';
import type { Keepalive } from './options.js';

/** Clients without a call may ask only so often, whatever the option says, unless they are permitted to. */
const idlePingIntervalMs = 2 * 3_600_000;

/** @internal */
export class Connection {
  readonly session: ServerHttp2Session;
  readonly #keepalive: Keepalive;
  #timer: NodeJS.Timeout | undefined;
  #answerTimer: NodeJS.Timeout | undefined;
  #ageTimer: NodeJS.Timeout | undefined;
  #calls = 0;
  /** Pings that were sent since data were. */
  #pings = 0;
  #strikes = 0;
  #lastPing = -Infinity;
  /** performance.now() of the last thing that came or went. */
  #active = performance.now();

  constructor(session: ServerHttp2Session, keepalive: Keepalive) {
    this.session = session;
    this.#keepalive = keepalive;
    session.on('ping', () => {
      this.#pinged();
    });
    session.on('close', () => {
      clearTimeout(this.#timer);
      clearTimeout(this.#answerTimer);
      clearTimeout(this.#ageTimer);
    });
    this.#schedule(keepalive.keepaliveTimeMs);
    if (keepalive.maxConnectionAgeMs > 0) this.#limitAge(keepalive.maxConnectionAgeMs);
  }

  /** A call has begun. */
  began(): void {
    this.#calls++;
    this.#active = performance.now();
  }

  /** A call has ended: data were sent, so the client may ask again. */
  ended(): void {
    this.#calls--;
    this.#active = performance.now();
    this.#pings = 0;
    this.#strikes = 0;
    this.#lastPing = -Infinity;
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#check();
    }, ms);
    this.#timer.unref();
  }

  /** Asks a connection that was silent whether it lives. */
  #check(): void {
    const { keepaliveTimeMs, keepalivePermitWithoutCalls, http2MaxPingsWithoutData } =
      this.#keepalive;
    const silent = performance.now() - this.#active;
    if (silent < keepaliveTimeMs) {
      this.#schedule(Math.max(1, keepaliveTimeMs - silent));
      return;
    }
    this.#schedule(keepaliveTimeMs);
    if (this.#calls === 0 && !keepalivePermitWithoutCalls) return;
    if (http2MaxPingsWithoutData > 0 && this.#pings >= http2MaxPingsWithoutData) return;
    this.#ping();
  }

  #ping(): void {
    const { session } = this;
    if (session.destroyed || this.#answerTimer !== undefined) return;
    this.#pings++;
    this.#answerTimer = setTimeout(() => {
      session.destroy();
    }, this.#keepalive.keepaliveTimeoutMs);
    this.#answerTimer.unref();
    session.ping(() => {
      clearTimeout(this.#answerTimer);
      this.#answerTimer = undefined;
      this.#active = performance.now();
    });
  }

  /** The client asks; too often, and it is sent away. */
  #pinged(): void {
    const { http2MinRecvPingIntervalWithoutDataMs, http2MaxPingStrikes } = this.#keepalive;
    const idle = this.#calls === 0 && !this.#keepalive.keepalivePermitWithoutCalls;
    const least = idle ? idlePingIntervalMs : http2MinRecvPingIntervalWithoutDataMs;
    const now = performance.now();
    const early = now - this.#lastPing < least;
    this.#lastPing = now;
    this.#active = now;
    if (!early || http2MaxPingStrikes === 0) return;
    if (++this.#strikes <= http2MaxPingStrikes) return;
    const { session } = this;
    if (session.destroyed) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
    session.destroy();
  }

  #limitAge(ageMs: number): void {
    // Within a tenth of it, so that connections made together do not all come again together.
    const jittered = ageMs * (0.9 + 0.2 * Math.random());
    this.#ageTimer = setTimeout(() => {
      this.drain(this.#keepalive.maxConnectionAgeGraceMs);
    }, jittered);
    this.#ageTimer.unref();
  }

  /** No new calls; what runs may go on for `graceMs` (0: without end). */
  drain(graceMs: number): void {
    const { session } = this;
    if (session.destroyed) return;
    session.close();
    if (graceMs === 0) return;
    clearTimeout(this.#ageTimer);
    this.#ageTimer = setTimeout(() => {
      session.destroy();
    }, graceMs);
    this.#ageTimer.unref();
  }
}
