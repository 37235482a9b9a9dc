// Which nodes drain, kept in the store: a node that was being emptied when the server ended is not filled again by the next.
//
// 1. A mark is in the store before the answer.
// 2. One of a node that is not there waits for a start with it, or for `undrain`.

import type { Controller } from "../controller.ts";
import type { ServeStore } from "../store/index.ts";

export class Drains {
  readonly #store: ServeStore;
  readonly #controller: Pick<Controller, "nodes" | "drainNode" | "undrainNode">;

  constructor(store: ServeStore, controller: Pick<Controller, "nodes" | "drainNode" | "undrainNode">) {
    this.#store = store;
    this.#controller = controller;
  }

  /** Marks the nodes that the store names: before anything is placed. */
  async takeUp(): Promise<void> {
    const marked = await this.#store.memories("drain");
    if (marked.size === 0) return;
    for (const { nodeId } of await this.#controller.nodes()) {
      if (marked.has(nodeId)) await this.#controller.drainNode(nodeId);
    }
  }

  /** Puts nothing new there and replaces what it has elsewhere. Throws NOT_FOUND, and the STORE_ codes: nothing has changed then. */
  async drain(node: string): Promise<void> {
    const known = (await this.#controller.nodes()).some(({ nodeId }) => nodeId === node);
    if (known) await this.#store.remember("drain", node, {}); // invariant 1
    await this.#controller.drainNode(node);
  }

  /** Takes it back, also the mark of a node that is not there (invariant 2). Throws NOT_FOUND, and the STORE_ codes. */
  async undrain(node: string): Promise<void> {
    if ((await this.#store.memories("drain")).has(node)) await this.#store.remember("drain", node, undefined);
    await this.#controller.undrainNode(node);
  }
}
