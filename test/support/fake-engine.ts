// An engine that runs nothing: what a replica's data server has behind it in tests. Knobs are plain fields, read
// when a batch comes.

import type { Tensor } from "../../runtime/base/index.ts";
import type { Engine, RunContext, Signature } from "../../runtime/engines/index.ts";

export class FakeEngine implements Engine {
  mayHoldTensors = true;
  signature: Signature = { inputs: [], outputs: [], batchable: true, platform: "fake" };
  infers = true;
  /** What it was asked to run, in order. */
  readonly ran: { readonly inputs: readonly Tensor[]; readonly context: RunContext }[] = [];
  /** What a run gives; its inputs by default. */
  answer: (inputs: readonly Tensor[], context: RunContext) => readonly Tensor[] | Promise<readonly Tensor[]> =
    (inputs) => inputs;
  /** Thrown by the health check. */
  sick: Error | undefined;
  /** The health check never answers. */
  mute = false;
  fetch?: (request: Request) => Promise<Response>;

  async warmUp(): Promise<undefined> {
    return undefined;
  }

  async run(inputs: readonly Tensor[], context: RunContext): Promise<Tensor[]> {
    this.ran.push({ inputs, context });
    return [...(await this.answer(inputs, context))];
  }

  async check(): Promise<void> {
    if (this.mute) await new Promise<never>(() => {});
    if (this.sick !== undefined) throw this.sick;
  }

  async dispose(): Promise<void> {}
}
