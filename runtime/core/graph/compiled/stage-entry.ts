// How a compiled graph comes into an actor: the actor's class is given a method more, by which the graph is joined.
//
// An actor's instance is known to the worker's executor alone, which calls its methods. So the class gets one that
// people cannot have written; Ray gives its actors `__ray_call__` for the same purpose.

import { Runtime } from "../../api/runtime.ts";
import { Refusal } from "../../worker/thrown.ts";
import { loadExport } from "../../worker/user-code.ts";
import type { FunctionName } from "../../workers/messages.ts";
import type { StagePlan } from "./stage-plan.ts";
import { Stage } from "./stage.ts";

/** No name of a method that a program would have. */
export const JOIN_METHOD = "shoal: join graph";

/**
 * Run in the actor's process, by this module's URL, before it is asked to join. Rejects with UNSUPPORTED when the class
 * takes no method.
 *
 * @public
 */
export async function prepareClass(name: FunctionName): Promise<void> {
  const prototype: unknown = Reflect.get(await loadExport(name), "prototype");
  const join = {
    configurable: true,
    async value(this: object, plan: StagePlan, folder: string): Promise<void> {
      await Stage.join({ session: Runtime.sessionOf(Runtime.current()), instance: this, plan, folder });
    },
  };
  if (
    typeof prototype === "object" &&
    prototype !== null &&
    Reflect.defineProperty(prototype, JOIN_METHOD, join)
  )
    return;
  throw new Refusal(
    "UNSUPPORTED",
    `Cannot compile a graph with "${name.exportName}": its class cannot be extended`,
  );
}
