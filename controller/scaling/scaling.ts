// How many replicas every deployment is to have: the config's number, another one from outside, or what load asks for.
// The autoscaler's loop looks at those that load decides, several times a second.
//
// 1. Without such a deployment there is no timer.
// 2. It knows nothing of processes: it says how many there are to be, and why.
// 3. What fails for one deployment is told with it, and the others are looked at all the same.

import { type Clock, messageOf, type Timer } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { PastDecision } from "../autoscale/index.ts";
import type { DeploymentConfig } from "../config/index.ts";
import { ExternallyScaled, type ExternalTarget } from "./external-target.ts";
import { ApplicationPolicies } from "./application-policies.ts";
import { policyOf, type PolicySettings, type RunningPolicy } from "./policy-of.ts";
import { type ScaledDeployment, Scaler } from "./scaler.ts";

export interface ScalingOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly look: (deployment: string) => ScaledDeployment | undefined;
  /** The deployment is to have so many replicas from now on. */
  readonly onTarget: (deployment: string, replicas: number) => void;
  /** Makes a policy; by default that which the settings ask for. */
  readonly policyOf?: (settings: PolicySettings) => RunningPolicy;
}

/** Of a deployment, for people. */
export interface ScalingStatus {
  readonly decidedBy: "load" | "external" | "config";
  readonly target: number;
  /** Why, as of the last decision; undefined before the first. */
  readonly explanation: string | undefined;
  /** Newest first. */
  readonly decisions: readonly PastDecision[];
  /** What is wrong with the last one; undefined when nothing is. */
  readonly fault: string | undefined;
}

const LOOK_MS = 100;

export class Scaling {
  readonly #options: ScalingOptions;
  readonly #scalers = new Map<string, Scaler>();
  /** Those that somebody from outside has scaled. */
  readonly #external = new Map<string, ExternallyScaled>();
  readonly #shared: ApplicationPolicies;
  /** By deployment, why it could not be looked at (invariant 3). */
  readonly #troubles = new Map<string, string>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: ScalingOptions) {
    this.#options = options;
    this.#shared = new ApplicationPolicies(options.log);
  }

  /** Replicas that the deployment is to have now: the config's, those asked for from outside, or those that load asks for. */
  replicasFor(
    config: DeploymentConfig,
    {
      application,
      external,
      found,
    }: {
      readonly application: string;
      readonly external?: ExternalTarget | undefined;
      /** What load asked for before the controller was started again. */
      readonly found?: number | undefined;
    },
  ): number {
    const { scaling, name } = config;
    if (scaling === undefined) {
      this.#forgetScaler(name);
      return this.#externalReplicas(config, external);
    }
    this.#external.delete(name);
    const known = this.#scalers.get(name);
    const { policyOf: start = (settings: PolicySettings) => policyOf(settings, this.#shared) } =
      this.#options;
    const options = { application, config, scaling, found, start, wake: () => this.#look() };
    known?.configure(options);
    const scaler = known ?? new Scaler(options);
    this.#scalers.set(name, scaler);
    this.#wake();
    return scaler.target;
  }

  /** It is deleted. */
  forget(deployment: string): void {
    this.#external.delete(deployment);
    this.#forgetScaler(deployment);
  }

  /** Undefined for one whose number of replicas is, and always was, its config's. */
  status(deployment: string): ScalingStatus | undefined {
    const scaler = this.#scalers.get(deployment);
    if (scaler !== undefined) {
      const { target, explanation, fault, history } = scaler;
      const trouble = this.#troubles.get(deployment);
      return { decidedBy: "load", target, explanation, fault: trouble ?? fault, decisions: history.latest() };
    }
    const external = this.#external.get(deployment);
    if (external === undefined) return undefined;
    const decisions = external.history.latest();
    return {
      decidedBy: external.isAsked ? "external" : "config",
      target: external.target,
      explanation: decisions[0]?.explanation,
      fault: undefined,
      decisions,
    };
  }

  /** Nothing is decided any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await Promise.all([...this.#scalers.values()].map((scaler) => scaler[Symbol.asyncDispose]()));
  }

  #wake(): void {
    if (this.#stopped || this.#timer !== undefined || this.#scalers.size === 0) return; // invariant 1
    this.#timer = this.#options.clock.timer(LOOK_MS, () => {
      this.#timer = undefined;
      this.#look();
      this.#wake();
    });
  }

  #externalReplicas(config: DeploymentConfig, asked: ExternalTarget | undefined): number {
    const known = this.#external.get(config.name);
    if (known === undefined && asked === undefined) return config.numReplicas;
    const external = known ?? new ExternallyScaled(config.numReplicas);
    this.#external.set(config.name, external);
    external.take(asked, config.numReplicas, this.#options.clock.epochMs());
    return external.target;
  }

  #forgetScaler(deployment: string): void {
    void this.#scalers.get(deployment)?.[Symbol.asyncDispose]();
    this.#scalers.delete(deployment);
    this.#troubles.delete(deployment);
  }

  #look(): void {
    if (this.#stopped) return;
    for (const [name, scaler] of this.#scalers) {
      try {
        this.#lookAt(name, scaler);
        this.#troubles.delete(name);
      } catch (thrown) {
        const trouble = `How many replicas it needs cannot be decided now: ${messageOf(thrown)}`; // invariant 3
        if (this.#troubles.get(name) !== trouble)
          this.#options.log.error({ err: thrown, deployment: name }, trouble);
        this.#troubles.set(name, trouble);
      }
    }
  }

  #lookAt(name: string, scaler: Scaler): void {
    const { clock, look, log, onTarget } = this.#options;
    const deployment = look(name);
    if (deployment === undefined) return;
    const fault = scaler.fault;
    const changed = scaler.look(deployment, { nowMs: clock.nowMs(), epochMs: clock.epochMs() });
    if (scaler.fault !== undefined && scaler.fault !== fault) log.warn({ deployment: name }, scaler.fault);
    if (!changed) return;
    const [decision] = scaler.history.latest(1);
    log.info({ deployment: name }, `replicas ${decision?.explanation ?? scaler.target}`);
    onTarget(name, scaler.target);
  }
}
