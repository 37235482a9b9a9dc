// What a request may cost before it is refused. Checked before the work each bound protects from.

import type { OpenBodies } from "./open-bodies.ts";

export interface RequestLimits {
  /** Bytes of a body as sent. */
  readonly maxBodyBytes: number;
  /** Bytes of a compressed body once decompressed. */
  readonly maxDecompressedBytes: number;
  /** Those of all open requests together; no bound by default. */
  readonly openBodies?: OpenBodies;
  /** Inputs, and outputs asked for, of one request. */
  readonly maxTensors: number;
  /** Elements of all inputs together. */
  readonly maxElements: number;
  /** Arrays and objects within each other in a JSON body. */
  readonly maxJsonDepth: number;
}
