// One execution of a graph: its steps submitted all at once, and those that failed submitted again.
//
// 1. A retry keeps what succeeded. What failed is submitted again, with everything that took its value or waited for it.
// 2. An actor that the execution made has state from its calls: if one of them is retried, it is made anew and all are.

import { ShoalError } from "../../base/index.ts";
import { ObjectRef } from "../api/object-ref.ts";
import type { Id } from "../workers/messages.ts";
import { replaceNodes, sourcesIn } from "./arguments.ts";
import type { GraphPlan } from "./graph.ts";
import { memberOf } from "./input-node.ts";
import { fillOutput } from "./outputs.ts";
import { type ActorStep, isActorStep, type Source, type Step } from "./node.ts";

type References = readonly ObjectRef<unknown>[];

export class Execution<Refs> {
  readonly #plan: GraphPlan;
  readonly #input: unknown;
  readonly #results = new Map<Step, References>();
  readonly #actors = new Map<ActorStep, Id>();
  #retry: Promise<Refs> | undefined;

  private constructor(plan: GraphPlan, input: unknown) {
    this.#plan = plan;
    this.#input = input;
  }

  /** Throws INVALID_ARGUMENT when arguments cannot be sent; the steps before those run. */
  static start<Refs>(plan: GraphPlan, input: unknown): Execution<Refs> {
    const execution = new Execution<Refs>(plan, input);
    for (const step of plan.steps) execution.#submit(step);
    return execution;
  }

  /** Of the output, by the last attempt. */
  get references(): Refs {
    const { output } = this.#plan;
    return fillOutput<Refs>(
      output,
      output.nodes.map(({ step, index }) => this.#results.get(step)?.[index]),
    );
  }

  /**
   * Waits until all steps are over, submits those that failed again and resolves with the references of the output, the
   * same ones where nothing failed. The same promise while a retry goes on.
   */
  async retry(): Promise<Refs> {
    this.#retry ??= this.#retryFailed().finally(() => {
      this.#retry = undefined;
    });
    return await this.#retry;
  }

  /** Invariant 1. */
  async #retryFailed(): Promise<Refs> {
    const again = new Set<Step | ActorStep>();
    for (const step of this.#plan.steps) {
      if (step.kind === "step" && (await this.#hasFailed(step))) again.add(step);
    }
    for (let known = -1; known < again.size; ) {
      known = again.size;
      for (const step of this.#plan.steps) if (mustFollow(step, again)) again.add(step);
      for (const step of this.#plan.steps) {
        if (step.kind === "step" && again.has(step) && isActorStep(step.actor)) again.add(step.actor);
      }
    }
    for (const step of this.#plan.steps) if (again.has(step)) this.#submit(step);
    return this.references;
  }

  async #hasFailed(step: Step): Promise<boolean> {
    const { core } = this.#plan.session;
    const failures = (this.#results.get(step) ?? []).map((reference) =>
      core.hasFailed(ObjectRef.idOf(reference)),
    );
    return (await Promise.all(failures)).includes(true);
  }

  #submit(step: Step | ActorStep): void {
    const args = replaceNodes(step.args, (source) => this.#valueOf(source, step));
    if (step.kind === "actor") this.#create(step, args);
    else {
      const { session } = this.#plan;
      const actor = isActorStep(step.actor) ? this.#actors.get(step.actor) : step.prepared.actor;
      const references = session.submit({ ...step.prepared, actor }, args);
      this.#results.set(step, Array.isArray(references) ? references : [references]);
    }
  }

  /** Its calls hold the actor: it is stopped when they are over. */
  #create(step: ActorStep, args: readonly unknown[]): void {
    const { session } = this.#plan;
    const creation = session.packCreation({ ...step.prepared, args });
    this.#actors.set(step, creation.task);
    const release = (): void => session.core.release([creation.task]);
    // Why it failed is told by its calls.
    session.createActor(creation, step.options).then(release, release);
  }

  #valueOf(source: Source, { prepared }: Step | ActorStep): unknown {
    if (source.kind === "value") return this.#results.get(source.step)?.[source.index];
    if (source.path.length === 0) return this.#input;
    if (!(this.#input instanceof ObjectRef)) return memberOf(this.#input, source.path);
    const what = `Cannot give a member of the input to "${prepared.label}": found a reference, wanted the value`;
    throw new ShoalError("INVALID_ARGUMENT", what);
  }
}

/** Whether a step takes a value of one that is retried, or is a call of an actor that is made anew. */
function mustFollow(step: Step | ActorStep, again: ReadonlySet<Step | ActorStep>): boolean {
  if (step.kind === "step" && isActorStep(step.actor) && again.has(step.actor)) return true;
  for (const { source } of sourcesIn(step.args)) {
    if (source.kind === "value" && again.has(source.step)) return true;
  }
  return false;
}
