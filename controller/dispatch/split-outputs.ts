// The outputs of a batch, as each of its members gets them.

import { ShoalError, splitRows, type Tensor } from "../../runtime/base/index.ts";
import type { Entry } from "./entry.ts";

/** By member, views on the batch's; an error when the model does not keep the batch axis: alone, each gets what it gives. */
export function splitOutputs(
  deployment: string,
  outputs: readonly Tensor[],
  entries: readonly Entry[],
): readonly (readonly Tensor[])[] | ShoalError {
  if (entries.length === 1) return [outputs];
  try {
    const counts = entries.map((entry) => entry.rows);
    const parts = outputs.map((output) => splitRows(output, counts));
    return entries.map((_, index) => parts.flatMap((part) => part[index] ?? []));
  } catch (thrown) {
    return new ShoalError("ENGINE_FAILED", `The outputs of "${deployment}" do not have a row per input row`, {
      cause: thrown,
    });
  }
}
