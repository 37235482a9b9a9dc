// Options of a runtime, checked before anything of it is started.

import { count, amount, callback, flag, given, text, texts } from "./check-values.ts";
import { checkNames } from "./option-names.ts";
import { checkAmounts } from "./options.ts";
import type { RuntimeOptions } from "./runtime-options.ts";

const COUNTS = ["objectStoreBytes", "warmWorkers", "idleWorkerBytes", "environmentCacheBytes"] as const;
const TEXTS = ["spillFolder", "environmentCacheFolder"] as const;
const FLAGS = ["logToDriver", "dedupLogs", "enableTaskEvents"] as const;
const NAME = "a runtime";

/** Throws INVALID_ARGUMENT. `runtimeEnv` and the memory monitor's options are checked by who has them. */
export function checkRuntime(options: RuntimeOptions): void {
  checkNames("runtime", options, NAME);
  checkAmounts(options, NAME);
  given(options.labels, (labels) => texts("labels", labels, NAME));
  for (const key of COUNTS) given(options[key], (value) => count(key, value, 0, NAME));
  for (const key of TEXTS) given(options[key], (value) => text(key, value, NAME));
  for (const key of FLAGS) given(options[key], (value) => flag(key, value, NAME));
  given(options.idleWorkerMs, (value) => amount("idleWorkerMs", value, NAME, true));
  given(options.memoryMonitorRefreshMs, (value) => amount("memoryMonitorRefreshMs", value, NAME));
  given(options.onWorkerLine, (value) => callback("onWorkerLine", value, NAME));
}
