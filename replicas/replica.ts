// One replica of one deployment: the class of an actor. It holds an engine and a data socket.
//
// 1. It exists only once its model is loaded, warmed up and its socket listens: ALIVE means ready.

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { systemClock } from "../runtime/base/index.ts";
import { createLog, type Logger } from "../runtime/base/log/index.ts";
import { type Engine, type EngineSpec, loadEngine, type Signature } from "../runtime/engines/index.ts";
import { DataServer } from "./data-server.ts";

/** Plain data: it crosses the process boundary. */
export interface ReplicaSpec {
  readonly engine: EngineSpec;
  readonly replicaId: string;
  /** Folder for the data socket; its path must leave room for a short name within 107 bytes. */
  readonly socketFolder: string;
  readonly logLevel: string;
}

/** What the controller learns of a replica that is ready. */
export interface ReplicaInfo {
  readonly socketPath: string;
  readonly signature: Signature;
  readonly takes: { readonly infer: boolean; readonly fetch: boolean };
  readonly loadMs: number;
  readonly warmUpMs: number;
}

export class Replica {
  readonly #engine: Engine;
  readonly #server: DataServer;
  readonly #info: ReplicaInfo;

  private constructor(engine: Engine, server: DataServer, info: ReplicaInfo) {
    this.#engine = engine;
    this.#server = server;
    this.#info = info;
  }

  /** Loads, warms up, listens. Throws MODEL_LOAD_FAILED or INVALID_CONFIG. */
  static async start(spec: ReplicaSpec): Promise<Replica> {
    const { deployment } = spec.engine;
    const log = createLog({ level: spec.logLevel, fields: { deployment, replica: spec.replicaId } });
    const startedMs = systemClock.nowMs();
    const engine = await loadEngine(spec.engine, new AbortController().signal, { log });
    const loadedMs = systemClock.nowMs();
    const warning = await engine.warmUp();
    if (warning !== undefined) log.warn(warning);
    const warmMs = systemClock.nowMs();
    const socketPath = `${spec.socketFolder}/${process.pid}.sock`;
    const server = new DataServer({ deployment, engine, clock: systemClock, log });
    await listen(server, socketPath, log);
    return new Replica(engine, server, {
      socketPath,
      signature: engine.signature,
      takes: { infer: engine.infers, fetch: engine.fetch !== undefined },
      loadMs: loadedMs - startedMs,
      warmUpMs: warmMs - loadedMs,
    });
  }

  describe(): ReplicaInfo {
    return this.#info;
  }

  /** A new `user_config`, without a restart. */
  async reconfigure(userConfig: unknown): Promise<void> {
    await this.#engine.reconfigure?.(userConfig);
  }

  /** Finishes what runs, then frees the model. */
  async stop(): Promise<void> {
    await this.#server.drain();
    this.#server.close();
    await this.#engine.dispose();
  }
}

async function listen(server: DataServer, socketPath: string, log: Logger): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
  await server.listen(socketPath);
  log.debug({ socketPath }, "data socket listens");
}
