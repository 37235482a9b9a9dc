// What a server is to serve, as its store has it when it starts: read once, decoded, and open for what is asked later.
//
// 1. What cannot be read, or no longer fits, is told with its application; the others are served.

import { type Backend, LocalBackend } from "../../runtime/cluster/index.ts";
import type { ApplicationConfig, ServeConfig } from "../config/index.ts";
import { type FullRelease, type JsonObject, ServeStore } from "../store/index.ts";
import { type Scale, scalesOf } from "./scales.ts";
import { targetsOf } from "./targets.ts";
import { decodeReadable } from "./together.ts";

export interface RecoveredApplication {
  readonly release: FullRelease;
  readonly config: ApplicationConfig;
}

export interface DesiredStateOptions {
  /** The store's sqlite file, made when it is not there. Without one all ends with the process. */
  readonly file?: string;
}

export class DesiredState implements AsyncDisposable {
  readonly store: ServeStore;
  /** Listeners and logging as somebody gave them last, in the form of the file; empty when nobody did. */
  readonly settings: JsonObject;
  /** The settings and `applications`, decoded. */
  readonly config: ServeConfig;
  readonly applications: readonly RecoveredApplication[];
  /** Why, by application (invariant 1). */
  readonly unreadable: ReadonlyMap<string, string>;
  /** By deployment; undefined for what is damaged. */
  readonly memories: ReadonlyMap<string, JsonObject | undefined>;
  /** What is remembered of the traffic of applications; undefined for what is damaged. */
  readonly traffic: ReadonlyMap<string, JsonObject | undefined>;
  /** By deployment, the number of replicas that load asked for last. */
  readonly targets: ReadonlyMap<string, number>;
  /** By deployment, the number of replicas that was asked for in place of the config's. */
  readonly scales: ReadonlyMap<string, Scale>;
  readonly #backend: Backend;

  private constructor(backend: Backend, parts: Omit<DesiredState, typeof Symbol.asyncDispose>) {
    this.#backend = backend;
    this.store = parts.store;
    this.settings = parts.settings;
    this.config = parts.config;
    this.applications = parts.applications;
    this.unreadable = parts.unreadable;
    this.memories = parts.memories;
    this.traffic = parts.traffic;
    this.scales = parts.scales;
    this.targets = parts.targets;
  }

  /**
   * Throws the STORE_ codes: STORE_LOCKED while another server has the file; INVALID_CONFIG when the stored settings no
   * longer fit.
   */
  static async open({ file }: DesiredStateOptions = {}): Promise<DesiredState> {
    await using undo = new AsyncDisposableStack();
    const backend = undo.use(await LocalBackend.start(file === undefined ? {} : { file }));
    const store = await ServeStore.open(backend);
    const [current, settings = {}, memories, traffic, scales, targets] = await Promise.all([
      store.current(),
      store.settings(),
      store.memories("deployment"),
      store.memories("traffic"),
      store.memories("scale"),
      store.memories("target"),
    ]);
    const unreadable = new Map<string, string>();
    const releases: FullRelease[] = [];
    for (const application of current) {
      if (application.kind === "wanted") releases.push(application.wanted);
      else unreadable.set(application.application, application.error.message);
    }
    const { config, contents, unfit } = decodeReadable(settings, releases);
    for (const { content, faults } of unfit) unreadable.set(content.application, faults);
    const applications = config.applications.flatMap((application, index) => {
      const release = contents[index];
      return release === undefined ? [] : [{ release, config: application }];
    });
    undo.move();
    return new DesiredState(backend, {
      store,
      settings,
      config,
      applications,
      unreadable,
      memories,
      traffic,
      scales: scalesOf(scales),
      targets: targetsOf(targets),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend.dispose();
  }
}
