// Actors whose environment is set up before they are scheduled: what they hold meanwhile is nothing but their arguments.

import { ShoalError } from "../../base/index.ts";
import type { TaskSpec } from "../api/core.ts";
import { ActorTable, type ActorTableOptions } from "../head/actor-table.ts";
import type { ActorData, ActorOptionsData, EnvironmentData, Id } from "../workers/messages.ts";

export interface ActorsInEnvironmentsOptions extends ActorTableOptions {
  /** Resolves when the environment is set up. */
  readonly prepare: (environment: EnvironmentData) => Promise<unknown>;
}

export class ActorsInEnvironments extends ActorTable {
  readonly #options: ActorsInEnvironmentsOptions;
  /** Actors whose environment is being set up. */
  readonly #preparing = new Set<Id>();

  constructor(options: ActorsInEnvironmentsOptions) {
    super(options);
    this.#options = options;
  }

  override async create(creation: TaskSpec, options: ActorOptionsData): Promise<ActorData> {
    const { environment } = creation.placement;
    if (environment === undefined) return await super.create(creation, options);
    const { directory, prepare } = this.#options;
    const held = [...creation.references.map(([, object]) => object), ...creation.contains];
    for (const object of held) directory.hold(object);
    this.#preparing.add(creation.task);
    let created: Promise<ActorData>;
    try {
      await prepare(environment);
      if (!this.#preparing.delete(creation.task)) {
        throw new ShoalError("ACTOR_DIED", `Cannot create actor "${creation.label}": it was killed`);
      }
      // It has its own hold on the arguments as soon as this returns.
      created = super.create(creation, options);
    } finally {
      this.#preparing.delete(creation.task);
      for (const object of held) directory.release(object);
    }
    return await created;
  }

  override kill(actor: Id, noRestart: boolean): void {
    if (noRestart) this.#preparing.delete(actor);
    super.kill(actor, noRestart);
  }
}
