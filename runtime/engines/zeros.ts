// Made-up input for a warm-up.

import { byteLengthOf, elementCount, encodeBytesElements, type Tensor } from "../base/index.ts";
import type { SignatureTensor } from "./engine.ts";

/** Zeros (empty texts for BYTES) of the declared shapes; undefined when they would take more than the limit. */
export function zeros(
  specs: readonly SignatureTensor[],
  { rows, bytesLimit }: { rows: number; bytesLimit: number },
): Tensor[] | undefined {
  const shaped = specs.map(({ name, datatype, shape }) => ({
    name,
    datatype,
    // The outermost varying dimension is the batch axis where there is one; every other one is 1.
    shape: shape.map((size, axis) => (size >= 0 ? size : axis === 0 ? rows : 1)),
  }));
  let total = 0;
  for (const { datatype, shape } of shaped) {
    const count = elementCount(shape);
    total += datatype === "BYTES" ? 4 * count : byteLengthOf(datatype, count);
  }
  if (total > bytesLimit) return undefined;
  return shaped.map((spec): Tensor => {
    const count = elementCount(spec.shape);
    const bytes =
      spec.datatype === "BYTES"
        ? encodeBytesElements(Array.from({ length: count }, () => ""))
        : new Uint8Array(byteLengthOf(spec.datatype, count));
    return { ...spec, bytes };
  });
}
