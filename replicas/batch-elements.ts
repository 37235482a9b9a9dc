// The bytes of a batch's tensors, wherever they are: behind the header, or in memory shared with the gateway.

import type { IncomingHttpHeaders } from "node:http";
import { freeLarge } from "../runtime/base/index.ts";
import { BODY_REGION, openBody } from "./body-region.ts";
import { readRegion, REGION } from "./shared-region.ts";

/** On answers: what was sent in shared memory could not be had from there, and nothing was run. */
export const UNREADABLE = "x-shoal-unreadable";

export interface BatchElements {
  readonly bytes: Uint8Array;
  /** What is freed when nobody reads them any more. */
  readonly whole: Uint8Array;
}

/** `mayStay`: whether someone may hold them for as long as they like. Throws INVALID_ARGUMENT when they are not there. */
export function elementsOf(
  headers: IncomingHttpHeaders,
  { body, headerLength }: { readonly body: Buffer; readonly headerLength: number },
  mayStay: boolean,
): BatchElements {
  const region = headers[REGION];
  const mapped = headers[BODY_REGION];
  if (typeof mapped === "string") {
    const shared = openBody(mapped);
    if (!mayStay) return { bytes: shared, whole: shared };
    const copy = Buffer.allocUnsafeSlow(shared.byteLength);
    copy.set(shared);
    freeLarge(shared);
    return { bytes: copy, whole: copy };
  }
  if (typeof region === "string") {
    const copy = readRegion(region);
    return { bytes: copy, whole: copy };
  }
  return { bytes: body.subarray(headerLength), whole: body };
}
