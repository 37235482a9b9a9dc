// Deploys to a controller with real replicas, over a store that outlives it.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Controller,
  type DeployOutcome,
  type DeployRequest,
  Deploys,
  DesiredState,
  type Release,
} from "../../../controller/index.ts";
import { formatFaults } from "../../../runtime/base/config/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { eventually } from "../../support/eventually.ts";

/** User code that fails when it is told to, and counts how often it was started and reconfigured in its process. */
export const MODULE = `
let configured = 0;
export class Echo {
  start({ userConfig }) {
    if (userConfig?.fail) throw new Error("told to fail");
  }
  reconfigure() { configured++; }
  fetch() { return new Response(String(configured)); }
}
`;

/** One application of one deployment of the same name. */
export function application(name: string, more: object = {}, own: object = {}): object {
  const deployment = {
    name,
    module: "./echo.js:Echo",
    min_ready_s: 0,
    max_constructor_retry_count: 1,
    resources: { num_cpus: 0.1 },
    ...more,
  };
  return { name, route_prefix: `/${name}`, deployments: [deployment], ...own };
}

export interface Ways {
  /** What is wanted from the start. */
  readonly first?: readonly object[];
}

/** A server without doors. */
export class DeployRig implements AsyncDisposable {
  readonly controller: Controller;
  readonly deploys: Deploys;
  readonly state: DesiredState;
  readonly folder: Folder;

  private constructor(
    folder: Folder,
    state: DesiredState,
    parts: { controller: Controller; deploys: Deploys },
  ) {
    this.folder = folder;
    this.state = state;
    this.controller = parts.controller;
    this.deploys = parts.deploys;
  }

  /** Over the store of the folder, as it was left. */
  static async start(folder: Folder, { first }: Ways = {}): Promise<DeployRig> {
    const state = await DesiredState.open({ file: join(folder.path, "serve.sqlite") });
    let deploys: Deploys | undefined;
    const controller = await Controller.start({
      config: { ...state.config, applications: [] },
      log: silentLog,
      logLevel: "silent",
      runtime: { numCpus: 4, warmWorkers: 0 },
      onStatus: ({ name }) => deploys?.look(name),
      onMemory: ({ name }) => deploys?.look(name),
      onTarget: (name) => deploys?.lookAtTarget(name),
      onTraffic: (name) => deploys?.lookAtTraffic(name),
    });
    deploys = await Deploys.start({
      state,
      controller,
      log: silentLog,
      ...(first === undefined ? {} : { first: folder.request(first) }),
    });
    deploys.begin();
    return new DeployRig(folder, state, { controller, deploys });
  }

  deploy(
    applications: readonly object[],
    more: Partial<DeployRequest> & { settings?: object } = {},
  ): Promise<DeployOutcome> {
    return this.deploys.deploy(this.folder.request(applications, more));
  }

  /** Deploys, and gives what became of each application: `name change release`. */
  async changes(applications: readonly object[], more: Partial<DeployRequest> = {}): Promise<string[]> {
    const outcome = await this.deploy(applications, more);
    assert(outcome.kind === "accepted", outcome.kind === "refused" ? formatFaults(outcome.faults) : "");
    return outcome.applications.map(
      ({ application: name, change, release }) => `${name} ${change} ${release}`,
    );
  }

  async refused(applications: readonly object[], more: Partial<DeployRequest> = {}): Promise<string> {
    const outcome = await this.deploy(applications, more);
    assert(outcome.kind === "refused", JSON.stringify(outcome));
    return formatFaults(outcome.faults);
  }

  release(name: string): Release {
    const release = this.deploys.releases.get(name);
    assert(release !== undefined, `no release of ${name}`);
    return release;
  }

  /** Resolves when what is wanted of an application has come to `outcome`. */
  async settled(name: string, outcome: Release["outcome"]["kind"] = "running"): Promise<Release> {
    await eventually(`${name} ${outcome}`, () => this.release(name).outcome.kind === outcome);
    return this.release(name);
  }

  /** Process ids of the replicas that run. */
  pids(name: string): number[] {
    const replicas = this.controller.deployment(name)?.replicas ?? [];
    return replicas.flatMap(({ pid, info }) => (pid === undefined || info === undefined ? [] : [pid]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller[Symbol.asyncDispose]();
    await this.deploys.flush();
    await this.state[Symbol.asyncDispose]();
  }
}

export class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Folder> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), "shoal-test-")));
    await folder.write("echo.js", MODULE);
    return folder;
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.path, name), text);
  }

  request(
    applications: readonly object[],
    { settings, ...more }: Partial<DeployRequest> & { settings?: object } = {},
  ): DeployRequest {
    const text = JSON.stringify({ ...settings, applications });
    return { text, file: "shoal.yaml", directory: this.path, author: "test", source: "a test", ...more };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
