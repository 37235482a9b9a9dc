// What the tests of the controller share: one with real replicas, models for them, and requests.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Controller,
  decodeConfig,
  type InferResult,
  joinKey,
  Routed,
  type ServeConfig,
  type ServedDeployment,
} from "../../controller/index.ts";
import { rowsOf, systemClock, type Tensor } from "../../runtime/base/index.ts";
import { formatFaults } from "../../runtime/base/config/index.ts";
import { silentLog } from "../../runtime/base/log/index.ts";
import { node, value, writeModel } from "../../loadtests/models/onnx-model.ts";
import { eventually } from "../support/eventually.ts";
import { tensor, valuesOf } from "../support/tensors.ts";

const MODULES = new URL("./fixtures/modules.ts", import.meta.url).pathname;

/** Config of a deployment of user code. */
export function moduleOf(className: string, more: object = {}): object {
  return { name: className.toLowerCase(), module: `${MODULES}:${className}`, ...more };
}

export interface Options {
  readonly cpus?: number;
}

type Deployment = ReturnType<Controller["deployments"]>[number];

/** A controller whose replicas are processes; disposing of it drains it. */
export class Rig implements AsyncDisposable {
  readonly folder: string;
  readonly #cpus: number;
  /** Every change of a deployment's status, as `name STATE`. */
  readonly statuses: string[] = [];
  #controller: Controller | undefined;
  /** What a gateway routes by. */
  readonly routed = new Routed({
    clock: systemClock,
    log: silentLog,
    onLost: (key, replicaId) => this.controller.onLost(key, replicaId),
    onEjected: (key, ejection) => this.controller.onEjected(key, ejection),
  });
  readonly #looking = new Set<() => void>();

  private constructor(folder: string, { cpus = 8 }: Options) {
    this.folder = folder;
    this.#cpus = cpus;
  }

  static async make(options: Options = {}): Promise<Rig> {
    return new Rig(await mkdtemp(join(tmpdir(), "shoal-test-")), options);
  }

  /** Makes the deployments known and begins to start them. */
  async begin(...deployments: readonly object[]): Promise<{ readonly deployed: Promise<void> }> {
    this.#controller = await Controller.start({
      config: this.#decode(deployments),
      log: silentLog,
      logLevel: "silent",
      runtime: { numCpus: this.#cpus, warmWorkers: 0 },
      onStatus: ({ name, status }) => {
        this.statuses.push(`${name} ${status.state}`);
        for (const look of this.#looking) look();
      },
    });
    await this.#controller.attach(this.routed);
    return { deployed: this.#controller.settled() };
  }

  /** Wants these deployments and no others. */
  apply(...deployments: readonly object[]): void {
    this.controller.apply(this.#decode(deployments));
  }

  #decode(deployments: readonly object[]): ServeConfig {
    // A replica that a test kills has proven itself as soon as it runs.
    const applications = [{ deployments: deployments.map((one) => ({ min_ready_s: 0, ...one })) }];
    const decoded = decodeConfig(JSON.stringify({ applications }), { file: join(this.folder, "shoal.json") });
    assert(decoded.kind === "ok", decoded.kind === "faults" ? formatFaults(decoded.faults) : "");
    return decoded.value;
  }

  /** The same, and waits until each is ready, waits, or has failed. */
  async serve(...deployments: readonly object[]): Promise<void> {
    const { deployed } = await this.begin(...deployments);
    await deployed;
  }

  get controller(): Controller {
    assert(this.#controller !== undefined);
    return this.#controller;
  }

  deployment(name: string): Deployment {
    const deployment = this.controller.deployment(name);
    assert(deployment !== undefined);
    return deployment;
  }

  /** The same as a gateway has it. */
  served(name: string): ServedDeployment {
    const served = this.routed.deployment(name);
    assert(served !== undefined);
    return served;
  }

  /** Resolves when the deployment's status is `state`, its message like `message`. */
  async reached(name: string, state: string, message = /^/): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      const { status } = this.deployment(name);
      if (status.state === state && message.test(status.message)) resolve();
    };
    this.#looking.add(look);
    look();
    await promise;
    this.#looking.delete(look);
  }

  pidOf(name: string, index = 0): number {
    const replica = this.deployment(name).replicas[index];
    const kind = replica?.view.phase.kind;
    assert(kind === "RUNNING" && replica?.pid !== undefined, `replica ${index} of ${name} is ${kind}`);
    return replica.pid;
  }

  /** Resolves when another process runs in place of `pid`. */
  async replaced(name: string, pid: number): Promise<void> {
    await eventually(`a process in place of ${pid}`, () => {
      const running = this.deployment(name).replicas.filter(({ view }) => view.phase.kind === "RUNNING");
      return (
        running.some((replica) => replica.pid !== pid) && running.every((replica) => replica.pid !== pid)
      );
    });
  }

  submit(name: string, values: readonly number[], withinMs = 60_000): Promise<InferResult> {
    return this.send(name, tensor("x", "INT32", { shape: [values.length, 1], values }), withinMs);
  }

  send(name: string, input: Tensor, withinMs = 60_000): Promise<InferResult> {
    const inputs = [input];
    const { result } = this.served(name).dispatcher.submit(
      { kind: "infer", inputs, outputs: [], rows: rowsOf(input), joinKey: joinKey(inputs, []) },
      systemClock.nowMs() + withinMs,
    );
    // A test may look at what became of it later than it settles.
    result.catch(() => undefined);
    return result;
  }

  /** The numbers of the answer. */
  ask(name: string, values: readonly number[]): Promise<unknown[]> {
    const answer = this.submit(name, values).then(({ outputs }) => outputs.flatMap(valuesOf));
    answer.catch(() => undefined);
    return answer;
  }

  /** Resolves when a batch is at a replica of the deployment. */
  async underWay(name: string, index = 0): Promise<void> {
    const { dispatcher } = this.served(name);
    const id = this.deployment(name).replicas[index]?.id ?? "";
    await eventually("a batch under way", () => dispatcher.busyMs(id) !== undefined);
  }

  /** Writes a model that gives INT32 `x` back as `y`, and gives the config of its deployment. */
  async model(name: string, more: object = {}): Promise<object> {
    return await this.#write(name, ["rows", "columns"], more);
  }

  /** One without a batch axis: exactly one row, of one element. */
  async fixedModel(name: string, more: object = {}): Promise<object> {
    return await this.#write(name, [1, 1], more);
  }

  async #write(name: string, shape: readonly (number | string)[], more: object): Promise<object> {
    const path = join(this.folder, `${name}.onnx`);
    await writeModel(path, {
      name,
      inputs: [value("x", "INT32", shape)],
      outputs: [value("y", "INT32", shape)],
      nodes: [node("Identity", { inputs: ["x"], outputs: ["y"] })],
    });
    return { name, model: path, ...more };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller?.[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
