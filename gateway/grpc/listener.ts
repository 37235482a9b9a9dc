// A listener for gRPC: one port, with or without TLS, and the services that answer there. It knows none of them.
//
// 1. What arrives is bounded: messages, streams of a connection.
// 2. A connection whose client is gone is found by a ping, not kept for ever.

import { readFile } from "node:fs/promises";
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { TlsFiles } from "../../controller/index.ts";
import { type Clock, messageOf } from "../../runtime/base/index.ts";

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly methods: UntypedServiceImplementation;
}

export interface GrpcListenerOptions {
  readonly host: string;
  /** 0 lets the system pick one. */
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  readonly services: readonly GrpcService[];
  readonly clock: Clock;
  /** Largest message that a client may send. */
  readonly maxMessageBytes: number;
}

/** Seconds of silence after which a client is pinged, and how long it may take to answer. */
const PING_AFTER_MS = 60_000;
const PING_PATIENCE_MS = 20_000;
const MAX_STREAMS_PER_CONNECTION = 256;

export class GrpcListener {
  /** `127.0.0.1:8266`. */
  readonly address: string;
  readonly #server: Server;
  readonly #clock: Clock;

  private constructor(server: Server, address: string, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    this.address = address;
  }

  /** Listens; rejects with the system's error when it cannot, or cannot read a file of `tls`. */
  static async start(options: GrpcListenerOptions): Promise<GrpcListener> {
    const { services, tls, maxMessageBytes } = options;
    setLogVerbosity(logVerbosity.NONE); // what fails is told to whom it fails, not printed as well
    const credentials = await credentialsOf(tls);
    const server = new Server({
      "grpc.max_receive_message_length": maxMessageBytes, // invariant 1
      "grpc.max_concurrent_streams": MAX_STREAMS_PER_CONNECTION,
      "grpc.keepalive_time_ms": PING_AFTER_MS, // invariant 2
      "grpc.keepalive_timeout_ms": PING_PATIENCE_MS,
      "grpc.enable_channelz": 0,
    });
    for (const { definition, methods } of services) server.addService(definition, methods);
    const host = options.host.includes(":") ? `[${options.host}]` : options.host;
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${options.port}`, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(withCode(error));
      });
    });
    return new GrpcListener(server, `${host}:${port}`, options.clock);
  }

  /** Takes nothing new and waits for what is under way, at most for `graceMs`; then all is cut. */
  async close(graceMs: number): Promise<void> {
    const cut = this.#clock.timer(graceMs, () => this.#server.forceShutdown());
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    cut.cancel();
  }
}

async function credentialsOf(tls: TlsFiles | undefined): Promise<ServerCredentials> {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { certFile, keyFile, clientCaFile } = tls;
  const [certificate, key, authority] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    clientCaFile === undefined ? null : readFile(clientCaFile),
  ]);
  return ServerCredentials.createSsl(
    authority,
    [{ cert_chain: certificate, private_key: key }],
    clientCaFile !== undefined,
  );
}

/** The library tells the system's code in its message only. */
function withCode(error: Error): Error {
  const [code] = /\bE[A-Z]{4,}\b/.exec(messageOf(error)) ?? [];
  return Object.assign(error, { code });
}
