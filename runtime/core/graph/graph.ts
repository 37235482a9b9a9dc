// A graph of tasks and calls: made once, executed as often as wanted, each time with an input of its own.
//
// 1. Each step runs once in an execution, however many nodes take its value.
// 2. Values go from step to step by reference: nothing is fetched here on the way.

import { ShoalError } from "../../base/index.ts";
import type { ObjectRef } from "../api/object-ref.ts";
import { callback } from "../api/check-values.ts";
import type { Session } from "../api/session.ts";
import { sourcesIn } from "./arguments.ts";
import { Execution } from "./execution.ts";
import { type InputNode, inputNode, showPath } from "./input-node.ts";
import { type ActorStep, isActorStep, type Source, type Step } from "./node.ts";
import {
  type GraphOutput,
  type OutputRefs,
  type OutputShape,
  type OutputValues,
  shapeOf,
} from "./outputs.ts";
import type { CompiledGraph } from "./compiled/compiled-graph.ts";
import type { CompileOptions } from "./compiled/compile-options.ts";

/** What a graph consists of, in an order in which it can be executed. */
export interface GraphPlan {
  readonly session: Session;
  readonly steps: readonly (Step | ActorStep)[];
  readonly output: OutputShape;
}

export class Graph<Input, Output extends GraphOutput> {
  readonly #plan: GraphPlan;

  /** `build` gets the input and gives the output. Throws INVALID_ARGUMENT for nodes that do not belong together. */
  constructor(session: Session, build: (input: InputNode<Input>) => Output) {
    callback("build", build, "a graph");
    const own = {};
    const output = shapeOf(build(inputNode<Input>(own)));
    this.#plan = { session, steps: stepsOf(output, session, own), output };
  }

  /** Submits all steps, at once; the references of the output. Throws INVALID_ARGUMENT for arguments that cannot be sent. */
  execute(input: Input | ObjectRef<Input>): OutputRefs<Output> {
    return this.start(input).references;
  }

  /** As `execute`, with a way to retry what failed. The results of all steps are held as long as the execution is. */
  start(input: Input | ObjectRef<Input>): Execution<OutputRefs<Output>> {
    return Execution.start<OutputRefs<Output>>(this.#plan, input);
  }

  /**
   * Sets the graph up on its actors, for executions that go straight from one to the next. All steps must be methods of
   * actors that are there. Rejects with INVALID_ARGUMENT where one is not, with ACTOR_DIED where an actor is dead.
   */
  async compile(options: CompileOptions = {}): Promise<CompiledGraph<Input, OutputValues<Output>>> {
    const { compileGraph } = await import("./compiled/compile.ts"); // most programs never need it
    return await compileGraph<Input, OutputValues<Output>>(this.#plan, options);
  }
}

/** Invariant 1: every step the output needs, once, in the order of making. */
function stepsOf({ nodes }: OutputShape, session: Session, graph: object): (Step | ActorStep)[] {
  const steps = new Set<Step | ActorStep>();
  const visit = (step: Step | ActorStep): void => {
    if (steps.has(step)) return;
    steps.add(step);
    const { label } = step.prepared;
    if (step.session !== session) throw refuse(label, "it is of another runtime");
    if (step.kind === "step" && isActorStep(step.actor)) {
      visit(step.actor);
      // What the actor was told before, though nobody takes its result: the call may depend on it.
      for (const call of step.actor.calls) if (call.sequence < step.sequence) visit(call);
    }
    for (const { source } of sourcesIn(step.args)) {
      if (source.kind === "value") visit(source.step);
      else checkInput(source, graph, label);
    }
  };
  for (const { step } of nodes) visit(step);
  return [...steps].sort((a, b) => a.sequence - b.sequence);
}

function checkInput(source: Extract<Source, { kind: "input" }>, graph: object, label: string): void {
  if (source.graph !== graph)
    throw refuse(label, `its argument ${showPath(source.path)} is of another graph`);
}

function refuse(label: string, why: string): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", `Cannot make a graph with the node "${label}": ${why}`);
}
