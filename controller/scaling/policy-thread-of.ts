// The thread of a user's function, with what it prints in the log.

import type { Logger } from "../../runtime/base/log/index.ts";
import { PolicyThread } from "../autoscale/index.ts";
import { type PolicySource, policyUrl } from "../config/index.ts";

/** `of` says whose function it is, in each line of the log. */
export function policyThreadOf(
  source: PolicySource,
  of: { readonly application: string; readonly deployment?: string },
  log: Logger,
): PolicyThread {
  const options = { module: policyUrl(source), export: source.exportName ?? "default" };
  return new PolicyThread(options, (line) => log.info({ ...of, policy: options.export }, line));
}
