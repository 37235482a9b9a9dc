// The services of the .proto files that come along: beside the sources, and in the package beside `dist`.

import { fileURLToPath } from "node:url";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const FOLDER = import.meta.url.endsWith(".ts") ? "./" : "../../../gateway/grpc/";

/** `service` with its package, as the file has it. Throws when the file is not there or has no such service. */
export function loadService(file: string, service: string): ServiceDefinition {
  const definitions = loadSync(fileURLToPath(new URL(FOLDER + file, import.meta.url)), {
    keepCase: true,
    longs: Number,
    defaults: true,
  });
  const found = definitions[service];
  if (found === undefined || "format" in found)
    throw new Error(`Cannot find the service ${service} in ${file}`);
  return found;
}
