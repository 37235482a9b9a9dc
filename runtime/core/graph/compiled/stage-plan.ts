// What each actor does in a compiled graph, as plain data. Pure.
//
// A place is a number under which a value arrives at an actor, or at the driver: once, though many steps take it.
//
// 1. Everything is checked here, once, so that nothing has to be in an execution.

import { ShoalError } from "../../../base/index.ts";
import type { Id } from "../../workers/messages.ts";
import type { GraphPlan } from "../graph.ts";
import { isActorStep, type Source, sourceOf, type Step } from "../node.ts";
import { sourcesIn } from "../arguments.ts";

/** Where the values of the output go. */
export const DRIVER = 0;

/** Under `place` at the driver or an actor, by its number. */
export interface Destination {
  readonly to: number;
  readonly place: number;
}

export type ArgumentPlan = { readonly place: number } | { readonly constant: unknown };

export interface StepPlan {
  readonly label: string;
  readonly method: string;
  readonly args: readonly ArgumentPlan[];
  /** By return: where it goes. */
  readonly returns: readonly (readonly Destination[])[];
}

/** One actor's part. */
export interface StagePlan {
  /** From 1; 0 is the driver. */
  readonly index: number;
  readonly steps: readonly StepPlan[];
  /** Values that arrive. */
  readonly places: number;
  /** How many other actors send some of them. */
  readonly senders: number;
  readonly maxInFlight: number;
}

export interface Stage {
  readonly actor: Id;
  /** The handle; it keeps the actor. */
  readonly handle: object;
  readonly label: string;
  readonly plan: StagePlan;
}

export interface DriverPlan {
  /** What is taken from the input, and where it goes. */
  readonly inputs: readonly { readonly path: readonly string[]; readonly to: readonly Destination[] }[];
  /** Values that arrive. */
  readonly places: number;
  /** By node of the output: its place. */
  readonly outputs: readonly number[];
  readonly stages: readonly Stage[];
}

/** Throws INVALID_ARGUMENT, naming the node that cannot be compiled. */
export function planStages({ steps, output }: GraphPlan, maxInFlight: number): DriverPlan {
  if (output.nodes.length === 0) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      "Cannot compile a graph: found no node in its output, wanted one",
    );
  }
  const calls = steps.map((step) => checkStep(step));
  const numbers = new Map<Id, number>();
  const stageOf = ({ actor }: Call): number => {
    let number = numbers.get(actor);
    if (number === undefined) numbers.set(actor, (number = numbers.size + 1));
    return number;
  };
  const routes = new Routes();
  for (const call of calls) {
    for (const { source } of sourcesIn(call.step.args)) routes.placeOf(source, stageOf(call));
  }
  const outputs = output.nodes.map((node) => routes.placeOf(node, DRIVER));
  const stages = [...numbers].map(([actor, index]): Stage => {
    const own = calls.filter((call) => call.actor === actor);
    const [first] = own;
    if (first === undefined) throw new TypeError("a stage has steps");
    const stepPlans = own.map((call) => planStep(call, { index, routes }));
    const senders = calls.filter((call) => call.actor !== actor && routes.lead(call.step, index));
    const plan = {
      index,
      steps: stepPlans,
      places: routes.countAt(index),
      senders: new Set(senders.map((call) => call.actor)).size,
      maxInFlight,
    };
    return { actor, handle: first.handle, label: first.step.prepared.label, plan };
  });
  return { inputs: routes.inputs(), places: routes.countAt(DRIVER), outputs, stages };
}

interface Call {
  readonly step: Step;
  readonly actor: Id;
  readonly handle: object;
  readonly method: string;
}

/** Invariant 1. */
function checkStep(step: GraphPlan["steps"][number]): Call {
  const { label, work, actor, timeoutMs } = step.prepared;
  if (step.kind === "actor") throw refuse(label, "an actor that the graph makes, wanted one that is there");
  const { actor: handle } = step;
  if (work.kind !== "call" || actor === undefined || handle === undefined) {
    throw refuse(label, "a task, wanted a method of an actor");
  }
  if (isActorStep(handle))
    throw refuse(label, "a method of an actor that the graph makes, wanted one that is there");
  if (timeoutMs !== undefined) throw refuse(label, "timeoutMs, wanted none: executions have one");
  if (work.group !== undefined)
    throw refuse(label, "a concurrency group, wanted none: a graph has an order of its own");
  const sources = [...sourcesIn(step.args)];
  if (sources.some(({ top }) => !top)) {
    throw refuse(label, "a node inside of an argument, wanted nodes as arguments only");
  }
  if (sources.length === 0)
    throw refuse(label, "no node among its arguments, wanted the input or another node");
  return { step, actor, handle, method: work.method };
}

function planStep(
  call: Call,
  { index, routes }: { readonly index: number; readonly routes: Routes },
): StepPlan {
  const { prepared, args } = call.step;
  const argumentOf = (argument: unknown): ArgumentPlan => {
    const source = sourceOf(argument);
    return source === undefined ? { constant: argument } : { place: routes.placeOf(source, index) };
  };
  const returns: (readonly Destination[])[] = [];
  for (let number = 0; number < prepared.numReturns; number++) {
    returns.push(routes.destinationsOf({ kind: "value", step: call.step, index: number }));
  }
  return { label: prepared.label, method: call.method, args: args.map(argumentOf), returns };
}

/** Which values go where: a place for each value at each actor that takes it. */
class Routes {
  readonly #ids = new Map<Step, number>();
  readonly #destinations = new Map<string, { readonly source: Source; readonly to: Map<number, number> }>();
  readonly #counts = new Map<number, number>();

  placeOf(source: Source, to: number): number {
    const key = this.#keyOf(source);
    let route = this.#destinations.get(key);
    if (route === undefined) this.#destinations.set(key, (route = { source, to: new Map() }));
    let place = route.to.get(to);
    if (place === undefined) {
      place = this.countAt(to);
      this.#counts.set(to, place + 1);
      route.to.set(to, place);
    }
    return place;
  }

  destinationsOf(source: Source): Destination[] {
    const route = this.#destinations.get(this.#keyOf(source));
    return [...(route?.to ?? [])].map(([to, place]) => ({ to, place }));
  }

  /** Whether a step sends anything there. */
  lead(step: Step, to: number): boolean {
    return [...this.#destinations.values()].some(
      (route) => route.source.kind === "value" && route.source.step === step && route.to.has(to),
    );
  }

  countAt(index: number): number {
    return this.#counts.get(index) ?? 0;
  }

  inputs(): DriverPlan["inputs"] {
    return [...this.#destinations.values()].flatMap(({ source }) =>
      source.kind === "input" ? [{ path: source.path, to: this.destinationsOf(source) }] : [],
    );
  }

  #keyOf(source: Source): string {
    if (source.kind === "input") return JSON.stringify(source.path);
    let id = this.#ids.get(source.step);
    if (id === undefined) this.#ids.set(source.step, (id = this.#ids.size));
    return `${id}/${source.index}`;
  }
}

function refuse(label: string, found: string): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", `Cannot compile the node "${label}": found ${found}`);
}
