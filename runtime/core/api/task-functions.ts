// The functions of a module as tasks: `runtime.tasks<typeof import("./work.ts")>(url).square(3)`.
//
// The module is not loaded here: what it exports is known to the compiler only, and a name that it has not fails in
// the worker.

import { type BoundArguments, bindStep, type ResultNode, type ResultNodes } from "../graph/bind.ts";
import { noteModule } from "../objects/index.ts";
import { moduleUrl } from "./module-url.ts";
import { checkTask, type CheckedTask, type TaskOptions } from "./options.ts";
import type { ObjectRef, RefArguments, Streamed, StreamRef } from "./object-ref.ts";
import type { Session } from "./session.ts";

type AnyFunction = (...args: never[]) => unknown;

/** What a task with one return gives. */
export type TaskResult<R> = R extends Streamed<infer Item> ? StreamRef<Item> : ObjectRef<R>;
/** What a task with several returns gives. */
export type TaskResults<R> = R extends readonly unknown[] ? { [I in keyof R]: ObjectRef<R[I]> } : never;

export interface TaskFunction<F extends AnyFunction, Several extends boolean = false> {
  /** Submits the task; the result, or what went wrong, is behind the reference. Throws on arguments that cannot be sent. */
  (
    ...args: RefArguments<Parameters<F>>
  ): Several extends true ? TaskResults<Awaited<ReturnType<F>>> : TaskResult<Awaited<ReturnType<F>>>;
  /** The task as a node of a graph: nodes may stand among its arguments; it is submitted when the graph is executed. */
  bind(
    ...args: BoundArguments<Parameters<F>>
  ): Several extends true ? ResultNodes<Awaited<ReturnType<F>>> : ResultNode<Awaited<ReturnType<F>>>;
  /** The same task with other options laid over these. Throws INVALID_ARGUMENT. */
  options<const O extends TaskOptions>(
    options: O,
  ): TaskFunction<F, O extends { readonly numReturns: number } ? true : Several>;
}

export type TaskModule<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends AnyFunction
    ? TaskFunction<M[K]>
    : never;
};

/** The tasks of the module at `module`, a file URL. `defaults` are options of all of them. */
export function taskModule<M>(session: Session, module: URL, defaults: TaskOptions): TaskModule<M> {
  const href = moduleUrl("tasks", module);
  noteModule(href);
  const known = new Map<string, unknown>();
  return new Proxy(Object.create(null), {
    get(_, exportName): unknown {
      // A promise asks for `then`; a module has none to offer.
      if (typeof exportName !== "string" || exportName === "then") return undefined;
      let found = known.get(exportName);
      if (found === undefined) {
        found = taskFunction(session, { module: href, exportName }, defaults);
        known.set(exportName, found);
      }
      return found;
    },
  });
}

function taskFunction(
  session: Session,
  name: { readonly module: string; readonly exportName: string },
  options: TaskOptions,
): unknown {
  const label = options.name ?? name.exportName;
  const checked: CheckedTask = checkTask(options, label);
  const work = { kind: "task", ...name } as const;
  const placement = session.place(checked.placement);
  const prepared = { ...checked, placement, actor: undefined, label, work };
  const submit = (...args: unknown[]): unknown => session.submit(prepared, args);
  return Object.assign(submit, {
    bind: (...args: unknown[]) => bindStep(session, { prepared, args, actor: undefined }),
    options: (more: TaskOptions) => taskFunction(session, name, { ...options, ...more }),
  });
}
