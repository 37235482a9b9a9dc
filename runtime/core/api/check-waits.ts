// What `get`, `wait`, `ready` and `stop` take, checked.
//
// 1. A misspelt option is refused: a wait without its deadline would be for ever.

import { abortSignal, amount, given } from "./check-values.ts";
import { checkNames } from "./option-names.ts";
import type { WaitOptions } from "./core.ts";

/** For who gave no options: there is nothing to check then. */
export const NO_OPTIONS: WaitOptions = {};

/** Throws INVALID_ARGUMENT; `name` is what was called. */
export function checkWait(options: WaitOptions, name: string): void {
  if (options === NO_OPTIONS) return;
  checkNames("wait", options, name); // invariant 1
  given(options.timeoutMs, (value) => amount("timeoutMs", value, name, true));
  given(options.signal, (value) => abortSignal("signal", value, name));
}
