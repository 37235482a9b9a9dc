// A model that gives back what it got, and a file that is no model.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { node, value, writeModel } from "../models/onnx-model.ts";

/** Writes it into `folder`; INT32 `x` of any number of rows of four to `y`. Resolves with its path. */
export async function identityModel(folder: string): Promise<string> {
  const path = join(folder, "identity.onnx");
  await writeModel(path, {
    name: "identity",
    inputs: [value("x", "INT32", ["batch", 4])],
    outputs: [value("y", "INT32", ["batch", 4])],
    nodes: [node("Identity", { inputs: ["x"], outputs: ["y"] })],
  });
  return path;
}

export async function brokenModel(folder: string): Promise<string> {
  const path = join(folder, "broken.onnx");
  await writeFile(path, "this is no model\n");
  return path;
}
