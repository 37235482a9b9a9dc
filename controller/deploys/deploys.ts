// What is wanted of a running server, and every way to change it: deploy, remove, roll back, scale. Each change is checked as
// a whole, then in the store, then made so; what becomes of it is noted.
//
// 1. Refused is refused whole: nothing is written and nothing that runs is touched.
// 2. What was accepted is in the store before the answer, and before the controller hears of it.
// 3. One change at a time, in the order they came.
// 4. Asked again for what is wanted already, nothing happens; for what has failed, it is tried again.

import { isDeepStrictEqual } from "node:util";
import { type Clock, ShoalError, systemClock } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import { decodeFile, kedaForm, normalise, type ServeConfig } from "../config/index.ts";
import type { Controller } from "../controller.ts";
import type { LastingMemory } from "../reconcile/index.ts";
import type { Asked, JsonObject, Release, ReleaseContent } from "../store/index.ts";
import { beforeOf, changesOf, notesOf } from "./changes.ts";
import type { DesiredState } from "./desired-state.ts";
import { type ApplicationChange, differenceOf } from "./difference.ts";
import { Drains } from "./drains.ts";
import { generationOf } from "./generation.ts";
import { Ledger } from "./ledger.ts";
import { outcomeOf } from "./outcome.ts";
import { machineRule } from "./places.ts";
import { recallAll } from "./recall-all.ts";
import type {
  DeployOutcome,
  DeployRequest,
  Faults,
  Given,
  RollbackAnswer,
  RollbackAsked,
  ScaleAnswer,
  ScaleAsked,
} from "./requests.ts";
import { Scales } from "./scales.ts";
import { type Candidate, candidateOf, type Standing } from "./standing.ts";
import { decodeTogether, STORED } from "./together.ts";

export interface DeploysOptions {
  readonly state: DesiredState;
  readonly controller: Controller;
  readonly log: Logger;
  /** What is wanted from the start, in place of what the store says: nothing on this machine is asked of it. */
  readonly first?: DeployRequest;
  readonly clock?: Clock;
}

export class Deploys {
  /** Nodes that drain. */
  readonly drains: Drains;
  readonly #state: DesiredState;
  readonly #controller: Controller;
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #scales: Scales;
  /** By application. */
  #standing: ReadonlyMap<string, Standing> = new Map();
  /** By deployment. */
  #applications: ReadonlyMap<string, string> = new Map();
  #unreadable: ReadonlyMap<string, string>;
  #settings: JsonObject;
  /** Of the settings; its applications are those of the start. */
  #config: ServeConfig;
  #recalled: ReadonlyMap<string, LastingMemory> = new Map();
  #begun = false;
  #closed = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor({ state, controller, log, clock = systemClock }: DeploysOptions) {
    this.#state = state;
    this.#controller = controller;
    this.#clock = clock;
    this.#ledger = new Ledger(state.store, log, state.targets);
    this.drains = new Drains(state.store, controller);
    this.#scales = new Scales(state.store, this.#ledger, state.scales);
    this.#unreadable = state.unreadable;
    this.#settings = state.settings;
    this.#config = state.config;
  }

  /**
   * Takes up what the store says, and writes what is wanted instead; nothing is made so before `begin`. The state stays
   * the caller's. Throws INVALID_CONFIG with the faults of `first`.
   */
  static async start(options: DeploysOptions): Promise<Deploys> {
    const { state, first, log } = options;
    const deploys = new Deploys(options);
    const standings = await Promise.all(
      state.applications.map(async ({ release, config }): Promise<[string, Standing]> => {
        const { config: given, directory } = release;
        return [config.name, { ...(await candidateOf(config, { config: given, directory })), release }];
      }),
    );
    deploys.#stand(new Map(standings));
    for (const [application, why] of state.unreadable) log.error({ application }, `cannot be served: ${why}`);
    await deploys.drains.takeUp();
    if (first !== undefined) await deploys.#takeUp({ ...first, retry: false });
    deploys.#recalled = await recallAll(state, deploys.#standing);
    return deploys;
  }

  /** Makes what `start` found so, each deployment from where it stood. */
  begin(): void {
    this.#begun = true;
    this.#apply(this.#recalled, this.#state.targets);
  }

  /** By application, what is wanted. */
  get releases(): ReadonlyMap<string, Release> {
    return new Map([...this.#standing].map(([name, { release }]) => [name, release]));
  }

  /** Applications that the store has and that cannot be served, with the reason. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  /** Applications that the config does not name are removed. Throws the STORE_ codes, and INVALID_CONFIG for what is too large. */
  deploy(request: DeployRequest): Promise<DeployOutcome> {
    return this.#inTurn(() => this.#deploy(request, { checked: true }));
  }

  /** Deploys again what is wanted, where the files that it names have changed. */
  refresh(asked: Asked): Promise<DeployOutcome> {
    return this.#inTurn(async () => {
      const contents = [...this.#standing.values()].map(({ content }) => content);
      if (contents.length === 0) return { kind: "accepted", applications: [], notes: [] };
      const applications = contents.map(({ config }) => config);
      const text = JSON.stringify({ ...this.#settings, applications });
      const directory = contents.map((content) => content.directory);
      return await this.#deploy({ ...asked, text, file: STORED, directory, retry: false }, { checked: true });
    });
  }

  /** The names of those that were there; all of them by default. */
  remove(asked: Asked, applications?: readonly string[]): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const there = [...this.#standing.keys(), ...this.#unreadable.keys()];
      const remove = there.filter((name) => applications?.includes(name) !== false);
      if (remove.length === 0) return [];
      await this.#state.store.apply({ ...asked, remove });
      const left = [...this.#standing].filter(([name]) => !remove.includes(name));
      this.#stand(new Map(left));
      return remove;
    });
  }

  /** Makes an earlier release of an application, also of one that was removed, what is wanted. */
  rollBack(application: string, asked: RollbackAsked): Promise<RollbackAnswer> {
    return this.#inTurn(() => this.#rollBack(application, asked));
  }

  /** Makes it another number of replicas than the config's, until a config says another. Throws the STORE_ codes. */
  scale(application: string, deployment: string, asked: ScaleAsked): Promise<ScaleAnswer> {
    return this.#inTurn(async () => {
      const config = this.#standing.get(application)?.config;
      if (config === undefined) return { kind: "unknown", what: "application" };
      const own = config.deployments.find(({ name }) => name === deployment);
      if (own === undefined) return { kind: "unknown", what: "deployment" };
      if (config.externalScaler === undefined) return { kind: "not enabled" };
      const from = this.#scales.all.get(deployment)?.replicas ?? own.numReplicas;
      const atEpochMs = this.#clock.epochMs();
      await this.#scales.set(deployment, { ...asked, insteadOf: own.numReplicas, atEpochMs });
      this.#apply(new Map());
      return { kind: "scaled", from };
    });
  }

  /** The newest first; of every application that has one when none is named. */
  async history(application?: string): Promise<Release[]> {
    const { store } = this.#state;
    const names = application === undefined ? await store.known() : [application];
    return (await Promise.all(names.map((name) => store.history(name)))).flat();
  }

  /** To be told when the status or the memory of a deployment changes. */
  look(deployment: string): void {
    const planned = this.#controller.deployment(deployment);
    if (planned === undefined || !this.#begun) return;
    if (this.#applications.has(deployment)) this.#ledger.remember(deployment, planned.memory);
    const standing = this.#standing.get(this.#applications.get(deployment) ?? "");
    if (standing !== undefined) this.#settle(standing);
  }

  /** To be told when load asks for another number of replicas. */
  lookAtTarget(deployment: string): void {
    const status = this.#controller.scalingStatus(deployment);
    if (this.#begun && status?.decidedBy === "load") this.#ledger.rememberTarget(deployment, status.target);
  }

  /** To be told when what lasts of an application's traffic changes. */
  lookAtTraffic(application: string): void {
    if (this.#begun) this.#ledger.rememberTraffic(application, this.#controller.storedTraffic(application));
  }

  /** Refuses changes from now on, with DRAINING; resolves when the one under way is done. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
  }

  /** Resolves when all that happened so far is noted. */
  async flush(): Promise<void> {
    await this.#turn;
    await this.#ledger.flush();
  }

  async #takeUp(first: DeployRequest): Promise<void> {
    const outcome = await this.#deploy(first, { checked: false });
    if (outcome.kind === "accepted") return;
    throw new ShoalError(
      "INVALID_CONFIG",
      `Cannot serve: ${outcome.faults.map(({ found }) => found).join("; ")}`,
    );
  }

  async #deploy(request: DeployRequest, { checked }: { readonly checked: boolean }): Promise<DeployOutcome> {
    const decoded = decodeFile(request.text, request);
    if (decoded.kind === "faults") return { kind: "refused", faults: decoded.faults }; // invariant 1
    const { applications: given, $schema: _, ...told } = decoded.value;
    const config = normalise(decoded.value, request.directory);
    // Its paths start from folders that the store does not have.
    const settings = config.keda === undefined ? told : { ...told, keda_options: kedaForm(config.keda) };
    const candidates = await Promise.all(
      config.applications.map((application, index) =>
        candidateOf(application, { config: { ...given[index] }, directory: directoryOf(request, index) }),
      ),
    );
    const faults = checked ? await this.#faultsHere(request, candidates) : [];
    if (faults.length > 0) return { kind: "refused", faults };
    const changes = changesOf(this.#standing, candidates, {
      unreadable: this.#unreadable,
      retry: request.retry ?? true,
    });
    const notes = notesOf(this.#config, config);
    if (request.dryRun !== true) {
      await this.#write(request, { candidates, changes, settings });
      this.#settings = settings;
      this.#config = config;
    }
    const applications = changes.map((change) => {
      return { ...change, release: this.#standing.get(change.application)?.release.number };
    });
    return { kind: "accepted", applications, notes };
  }

  /** Invariant 2. */
  async #write(
    asked: Asked,
    wanted: {
      readonly candidates: readonly Candidate[];
      readonly changes: readonly ApplicationChange[];
      readonly settings: JsonObject;
    },
  ): Promise<void> {
    const { candidates, changes, settings } = wanted;
    const kept = new Set(
      changes.flatMap(({ change, application }) => (change === "unchanged" ? application : [])),
    );
    const deployed = candidates.filter(({ config }) => !kept.has(config.name));
    const remove = changes.flatMap(({ change, application }) => (change === "removed" ? application : []));
    if (deployed.length + remove.length === 0 && isDeepStrictEqual(settings, this.#settings)) return; // 4
    const outcome = await this.#state.store.apply({
      author: asked.author,
      source: asked.source,
      deploy: new Map(deployed.map(({ config, content }) => [config.name, content])),
      remove,
      settings,
    });
    const releases = outcome.kind === "applied" ? outcome.releases : [];
    const release = new Map(releases.map((one) => [one.application, one]));
    const next = candidates.flatMap((candidate): [string, Standing][] => {
      const { name } = candidate.config;
      const now = release.get(name) ?? this.#standing.get(name)?.release;
      return now === undefined ? [] : [[name, { ...candidate, release: now }]];
    });
    this.#stand(new Map(next));
  }

  async #rollBack(application: string, asked: RollbackAsked): Promise<RollbackAnswer> {
    const { store } = this.#state;
    const to = asked.to ?? (await store.rollbackTarget(application))?.number;
    const found = to === undefined ? undefined : await store.release(application, to);
    if (to === undefined || found === undefined) return { kind: "no target" };
    const content: ReleaseContent = { config: found.config, directory: found.directory };
    const others = [...this.#standing.values()].filter(({ config }) => config.name !== application);
    const decoded = decodeTogether(this.#settings, [...others.map((other) => other.content), content]);
    if (decoded.kind === "faults") return { kind: "refused", faults: decoded.faults };
    const config = decoded.value.applications.at(-1);
    if (config === undefined) return { kind: "no target" };
    const candidate = await candidateOf(config, content);
    const faults = await this.#faultsHere(
      textOf(`release ${to} of ${application}`, this.#settings, content),
      [candidate],
    );
    if (faults.length > 0) return { kind: "refused", faults };
    const change = differenceOf(application, beforeOf(this.#standing.get(application)), candidate);
    const rolled = await store.rollBack(application, { ...asked, to });
    if (rolled.kind === "no target") return rolled;
    const { config: _config, directory: _directory, ...release } = rolled.release;
    this.#stand(new Map([...this.#standing, [application, { ...candidate, release }]]));
    return { kind: "rolled back", release, change };
  }

  /** What the config names that this machine has not. */
  async #faultsHere(given: Given, candidates: readonly Candidate[]): Promise<Faults> {
    const rule = machineRule({
      missing: new Map(candidates.flatMap(({ missing }) => [...missing])),
      missingPolicies: new Map(candidates.flatMap(({ missingPolicies }) => [...missingPolicies])),
      resources: await this.#controller.resources(),
      deployments: new Map(
        candidates.flatMap(({ config }) => config.deployments).map((one) => [one.name, one]),
      ),
    });
    const decoded = decodeFile(given.text, { file: given.file, rules: [rule] });
    return decoded.kind === "faults" ? decoded.faults : [];
  }

  /** Takes up what is wanted now. */
  #stand(standing: ReadonlyMap<string, Standing>): void {
    const before = this.#applications;
    this.#standing = standing;
    this.#applications = new Map(
      [...standing].flatMap(([name, { config }]) => config.deployments.map((one) => [one.name, name])),
    );
    this.#scales.settle([...standing.values()].map(({ config }) => config));
    if (!this.#begun) return;
    this.#unreadable = new Map();
    for (const [deployment, application] of before) {
      if (!this.#applications.has(deployment)) this.#ledger.forget(deployment);
      if (!standing.has(application)) this.#ledger.rememberTraffic(application, undefined);
    }
    for (const { name, scaling } of [...standing.values()].flatMap(({ config }) => config.deployments)) {
      if (scaling === undefined) this.#ledger.rememberTarget(name, undefined);
    }
    this.#apply(new Map());
  }

  #apply(
    recalled: ReadonlyMap<string, LastingMemory>,
    targets: ReadonlyMap<string, number> = new Map(),
  ): void {
    const standings = [...this.#standing.values()];
    this.#controller.apply(
      { applications: standings.map(({ config }) => config) },
      {
        generations: new Map(standings.map(({ config, release }) => [config.name, generationOf(release)])),
        contents: new Map(standings.flatMap(({ contents }) => [...contents])),
        scales: this.#scales.all,
        targets,
        recalled,
        recalledTraffic: this.#state.traffic,
      },
    );
  }

  #settle(standing: Standing): void {
    const { release, config } = standing;
    if (release.outcome.kind === "running") return;
    const views = config.deployments.flatMap(({ name }) => {
      const deployment = this.#controller.deployment(name);
      if (deployment === undefined) return [];
      const { memory, status, desired } = deployment;
      const { numReplicas } = desired;
      return [
        { name, ...status, generation: memory.seen.generation, course: memory.course.kind, numReplicas },
      ];
    });
    const outcome = views.length === 0 ? undefined : outcomeOf(generationOf(release), views);
    if (outcome === undefined || outcome.kind === release.outcome.kind) return;
    const settled: Release = { ...release, outcome: { ...outcome, atEpochMs: this.#clock.epochMs() } };
    this.#standing = new Map([...this.#standing, [config.name, { ...standing, release: settled }]]);
    this.#ledger.settle(release, outcome);
  }

  /** Invariant 3. */
  async #inTurn<Answer>(change: () => Promise<Answer>): Promise<Answer> {
    if (this.#closed)
      throw new ShoalError("DRAINING", "Cannot change what is served: the server is shutting down");
    const turn = this.#turn.then(change);
    this.#turn = turn.catch(() => undefined);
    return await turn;
  }
}

function directoryOf({ directory }: Given, index: number): string {
  return typeof directory === "string" ? directory : (directory[index] ?? "");
}

/** A stored release as text again, alone. */
function textOf(file: string, settings: JsonObject, { config, directory }: ReleaseContent): Given {
  return { text: JSON.stringify({ ...settings, applications: [config] }), file, directory };
}
