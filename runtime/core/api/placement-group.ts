// Placement groups: resources reserved together, into which tasks and actors are scheduled.

import type { GroupData, Id } from "../workers/messages.ts";
import { checkWait, NO_OPTIONS } from "./check-waits.ts";
import type { Core, WaitOptions } from "./core.ts";

export class PlacementGroup {
  readonly #core: Core;
  readonly #id: Id;

  private constructor(core: Core, id: Id) {
    this.#core = core;
    this.#id = id;
  }

  /** The group is there at once; its resources when `ready` resolves. */
  static async create(core: Core, data: GroupData): Promise<PlacementGroup> {
    const id = core.ids.take();
    await core.createGroup(id, data);
    return new PlacementGroup(core, id);
  }

  /** Rejects with NOT_FOUND. */
  static async named(core: Core, name: string, namespace: string): Promise<PlacementGroup> {
    return new PlacementGroup(core, await core.namedGroup(name, namespace));
  }

  static idOf(group: PlacementGroup): Id {
    return group.#id;
  }

  /** Resolves once all bundles are reserved. Rejects with DEADLINE_EXCEEDED or CANCELLED; NOT_FOUND after `remove`. */
  async ready(options: WaitOptions = NO_OPTIONS): Promise<this> {
    checkWait(options, "ready");
    await this.#core.groupReady(this.#id, options);
    return this;
  }

  /** Gives the bundles back; what runs in them is killed. */
  async remove(): Promise<void> {
    await this.#core.removeGroup(this.#id);
  }
}
