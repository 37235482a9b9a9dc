// `shoal/engines`: what can execute a model, and what the author of a module writes against.

export type {
  Engine,
  EngineLoader,
  EngineSpec,
  LoadOptions,
  RunContext,
  Signature,
  SignatureTensor,
} from "./engine.ts";
export { placeOf } from "./module-place.ts";
export { readOnnxFile } from "./onnx-file.ts";
export type {
  BytesTensor,
  InferContext,
  ModelModule,
  ModuleContext,
  ModuleData,
  ModuleInputs,
  ModuleLog,
  ModuleOutput,
  ModuleOutputData,
  ModuleOutputs,
  ModuleSignature,
  ModuleSignatureTensor,
  ModuleTensor,
} from "./module-types.ts";
export { ENGINE_NAMES, engineForPath, loadEngine } from "./registry.ts";
