// Memory for large outputs, given to ONNX Runtime before a run. Left to itself ORT takes it from its arena, which keeps it.
//
// 1. Only where every shape is known beforehand: its sizes are fixed, or have names that an input's sizes have too.
// 2. Outputs lie behind each other, as an answer carries them; where one would not begin as its datatype must, all are ORT's.

import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import {
  byteLengthOf,
  bytesOf,
  elementBytesOf,
  elementCount,
  freeLarge,
  type Tensor,
} from "../base/index.ts";
import type { RunContext, SignatureTensor } from "./engine.ts";
import { toOrt } from "./onnx-tensors.ts";

/** Below this a run is left alone: what the arena keeps of it is little, and quick. */
const MIN_BYTES = 1024 * 1024;

type Metadata = InferenceSession.ValueMetadata;

export class OutputRoom {
  readonly #inputs: ReadonlyMap<string, readonly (number | string)[]>;
  readonly #outputs: ReadonlyMap<string, readonly (number | string)[]>;
  readonly #specs: ReadonlyMap<string, SignatureTensor>;
  #usable: boolean;

  constructor(session: InferenceSession, outputs: readonly SignatureTensor[]) {
    this.#inputs = shapesOf(session.inputMetadata);
    this.#outputs = shapesOf(session.outputMetadata);
    this.#specs = new Map(outputs.map((output) => [output.name, output]));
    this.#usable = outputs.every(
      ({ name, datatype, anyShape }) =>
        // What is input and output at once is not computed, so nobody would write it.
        !this.#inputs.has(name) && datatype !== "BYTES" && datatype !== "BOOL" && anyShape !== true,
    );
  }

  /** The outputs in memory of their own; undefined when they are to be ORT's. */
  take(
    inputs: readonly Tensor[],
    wanted: readonly string[],
    room: NonNullable<RunContext["room"]>,
  ): readonly Tensor[] | undefined {
    const sizes = this.#usable ? sizesByName(inputs, this.#inputs) : undefined;
    if (sizes === undefined) return undefined;
    const outputs: (Omit<Tensor, "bytes"> & { offset: number; byteLength: number })[] = [];
    let offset = 0;
    for (const name of wanted) {
      const datatype = this.#specs.get(name)?.datatype;
      const shape = this.#outputs
        .get(name)
        ?.map((size) => (typeof size === "number" ? size : sizes.get(size)));
      if (datatype === undefined || datatype === "BYTES" || shape === undefined) return undefined;
      if (!shape.every((size) => size !== undefined) || offset % elementBytesOf(datatype) !== 0)
        return undefined;
      const byteLength = byteLengthOf(datatype, elementCount(shape));
      outputs.push({ name, datatype, shape, offset, byteLength });
      offset += byteLength;
    }
    const bytes = offset < MIN_BYTES ? undefined : room(offset);
    return (
      bytes &&
      outputs.map(({ name, datatype, shape, offset: from, byteLength }) => ({
        name,
        datatype,
        shape,
        bytes: bytes.subarray(from, from + byteLength),
      }))
    );
  }

  /** After a model gave other shapes than it declares. */
  giveUp(): void {
    this.#usable = false;
  }
}

/** Runs with the outputs' memory; the binding gives a copy of each beside it, which is freed. */
export async function runInto(
  outputs: readonly Tensor[],
  run: (fetches: Record<string, OrtTensor>) => Promise<Record<string, OrtTensor>>,
): Promise<Tensor[]> {
  const results = await run(Object.fromEntries(outputs.map((output) => [output.name, toOrt(output)])));
  for (const { data } of Object.values(results)) if (!Array.isArray(data)) freeLarge(bytesOf(data));
  return [...outputs];
}

function shapesOf(values: readonly Metadata[]): Map<string, readonly (number | string)[]> {
  return new Map(values.map((value) => [value.name, value.isTensor ? value.shape : []]));
}

/** Invariant 1; undefined when one name has two sizes. */
function sizesByName(
  inputs: readonly Tensor[],
  declared: ReadonlyMap<string, readonly (number | string)[]>,
): ReadonlyMap<string, number> | undefined {
  const sizes = new Map<string, number>();
  for (const { name, shape } of inputs) {
    for (const [axis, label] of (declared.get(name) ?? []).entries()) {
      const size = shape[axis];
      if (typeof label !== "string" || label === "" || size === undefined) continue;
      if ((sizes.get(label) ?? size) !== size) return undefined;
      sizes.set(label, size);
    }
  }
  return sizes;
}
