// What the driver and the actors of a compiled graph say to each other, each pair over a channel of its own.

import type { WireError } from "../../../base/index.ts";
import type { Parts } from "../../api/core.ts";
import type { FrameChannel } from "../../channel/frame-channel.ts";

export type StageMessage =
  /** The parts are the value. */
  | { readonly type: "value"; readonly execution: number; readonly place: number }
  | { readonly type: "error"; readonly execution: number; readonly place: number; readonly error: WireError }
  /** Who is at the other end of a new connection; an actor can then be connected to. */
  | { readonly type: "hello"; readonly from: number }
  /** All actors can be connected to. */
  | { readonly type: "connect" };

export type StageChannel = FrameChannel<StageMessage, StageMessage>;

/** A value on its way, or what went wrong instead. */
export type Passed = { readonly parts: Parts } | { readonly error: WireError };

export function sendPassed(
  channel: StageChannel,
  { execution, place }: { readonly execution: number; readonly place: number },
  passed: Passed,
): void {
  if ("parts" in passed) channel.send({ type: "value", execution, place }, passed.parts);
  else channel.send({ type: "error", execution, place, error: passed.error });
}
