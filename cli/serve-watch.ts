// `serve run --watch`: deploys again when a config file changes, or a file that what is served is made of.
//
// 1. A change that cannot be served is told and changes nothing; the next change is looked at again.
// 2. Folders are watched, not files: editors put another file in the place of the old one.
// 3. One deploy at a time; what changes meanwhile is looked at after it.

import { type FSWatcher, watch } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  type ApplicationConfig,
  contentsOf,
  type DeployOutcome,
  type LayeredConfig,
  loadLayers,
} from "../controller/index.ts";
import type { RunningServer } from "../gateway/index.ts";
import { messageOf } from "../runtime/base/index.ts";
import { formatFaults } from "../runtime/base/config/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import { deployText } from "./deploy-text.ts";
import { author, deployRequest } from "./deploy-request.ts";

type Source = Parameters<typeof contentsOf>[0];

/** Editors write a file in several steps. */
const QUIET_MS = 100;

export interface WatchOptions {
  readonly server: RunningServer;
  readonly log: Logger;
}

export class ConfigWatch implements AsyncDisposable {
  readonly #paths: readonly string[];
  readonly #options: WatchOptions;
  /** By folder. */
  readonly #watchers = new Map<string, FSWatcher>();
  #files = new Set<string>();
  /** Of the configs as they were read last, deployed or not. */
  #sources: readonly Source[] = [];
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #again = false;
  #ended = false;

  private constructor(paths: readonly string[], options: WatchOptions) {
    this.#paths = paths;
    this.#options = options;
  }

  /** Without paths it watches what the store's applications are made of. */
  static start(paths: readonly string[], options: WatchOptions): ConfigWatch {
    const watching = new ConfigWatch(paths, options);
    watching.#begin();
    return watching;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    await this.#work;
  }

  /** Invariant 3. */
  #begin(): void {
    if (this.#ended) return;
    if (this.#work !== undefined) {
      this.#again = true;
      return;
    }
    this.#work = this.#look().finally(() => {
      this.#work = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#begin();
    });
  }

  /** Never rejects. What did not change is not deployed again, so looking once too often does no harm. */
  async #look(): Promise<void> {
    const before = this.#watchers.size;
    try {
      await this.#follow();
      await this.#deploy();
      await this.#follow();
    } catch (thrown) {
      this.#options.log.error(`cannot deploy what changed: ${messageOf(thrown)}`); // invariant 1
    }
    // A file may have changed before its folder was watched.
    if (this.#watchers.size !== before) this.#again = true;
  }

  async #deploy(): Promise<void> {
    const { server } = this.#options;
    if (this.#paths.length === 0) {
      this.#tell(await server.refresh({ author: author(), source: "its files changed" }));
      return;
    }
    const layered = await loadLayers(this.#paths);
    if (layered.kind === "faults") {
      this.#tell({ kind: "refused", faults: layered.faults });
      return;
    }
    const { config, place } = layered.value;
    this.#sources = sourcesOf(config.applications);
    const request = { ...deployRequest(layered.value, this.#paths), retry: false };
    this.#tell(await server.deploy(request), place);
  }

  #tell(outcome: DeployOutcome, place: LayeredConfig["place"] = (fault) => fault): void {
    if (outcome.kind === "refused") {
      console.log(`Not deployed:\n${formatFaults(outcome.faults.map(place))}`); // invariant 1
      return;
    }
    const text = deployText(outcome);
    if (text !== "") console.log([text, ...outcome.notes].join("\n"));
  }

  /** Watches the folders of all that is looked at. */
  async #follow(): Promise<void> {
    const { deployments } = await this.#options.server.overview();
    const sources = [...deployments.map(({ source }) => source), ...this.#sources];
    const contents = await Promise.all(sources.map(contentsOf));
    const files = [...this.#paths.map((path) => resolve(path)), ...contents.flatMap(({ files }) => files)];
    this.#files = new Set(files);
    for (const folder of new Set(files.map((file) => dirname(file)))) this.#watch(folder);
  }

  /** Invariant 2. */
  #watch(folder: string): void {
    if (this.#watchers.has(folder) || this.#ended) return;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null || this.#files.has(resolve(folder, name))) this.#soon();
      });
      // A folder that is removed is watched no more; the deploy says what is missing.
      watcher.on("error", () => this.#watchers.delete(folder));
      this.#watchers.set(folder, watcher);
    } catch (thrown) {
      this.#options.log.warn(`cannot watch ${folder}: ${messageOf(thrown)}`);
    }
  }

  #soon(): void {
    clearTimeout(this.#timer);
    if (!this.#ended) this.#timer = setTimeout(() => this.#begin(), QUIET_MS);
  }
}

function sourcesOf(applications: readonly ApplicationConfig[]): Source[] {
  return applications.flatMap(({ deployments }) =>
    deployments.flatMap(({ source, scaling }): Source[] => {
      const policy = scaling?.policy;
      if (policy === undefined || typeof policy === "string") return [source];
      return [source, { engine: "module", path: policy.path }];
    }),
  );
}
