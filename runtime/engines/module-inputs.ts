// Tensors as a module's `infer` gets them.
//
// 1. Fixed-size elements are views on the request's bytes; only BF16 is converted, and BYTES when read.

import { bytesElements, fromBf16, type Tensor, typedView } from "../base/index.ts";
import type { BytesTensor, ModuleInputs, ModuleTensor } from "./module-types.ts";
import { flagElements } from "./flags.ts";
import { stringElements } from "./strings.ts";

/** Throws INVALID_ARGUMENT on a BOOL that is neither 0 nor 1. */
export function moduleInputs(tensors: readonly Tensor[]): ModuleInputs {
  return Object.fromEntries(tensors.map((tensor) => [tensor.name, moduleTensor(tensor)]));
}

function moduleTensor(tensor: Tensor): ModuleTensor {
  const { datatype, shape } = tensor;
  if (datatype === "BYTES") return new LazyBytes(tensor);
  if (datatype === "BOOL") return { datatype, shape, data: flagElements(tensor) };
  const view = typedView(tensor);
  const data = datatype === "BF16" && view instanceof Uint16Array ? Float32Array.from(view, fromBf16) : view;
  // `typedView` pairs datatype and array type by the table in datatypes.ts, which the compiler cannot follow.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { datatype, shape, data } as ModuleTensor;
}

/** Decodes on first reading, so that a module of images never pays for, or fails on, text. */
class LazyBytes implements BytesTensor {
  readonly datatype = "BYTES";
  readonly shape: readonly number[];
  readonly #tensor: Tensor;
  #data: string[] | undefined;
  #raw: readonly Uint8Array[] | undefined;

  constructor(tensor: Tensor) {
    this.shape = tensor.shape;
    this.#tensor = tensor;
  }

  get data(): string[] {
    this.#data ??= stringElements(this.#tensor);
    return this.#data;
  }

  get raw(): readonly Uint8Array[] {
    this.#raw ??= bytesElements(this.#tensor);
    return this.#raw;
  }
}
