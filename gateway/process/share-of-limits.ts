// What one of several gateway processes may have open of what the config allows in all.

import type { HttpOptions } from "../../controller/index.ts";

export function shareOfLimits(http: HttpOptions, gateways: number): HttpOptions {
  const { limits } = http;
  return {
    ...http,
    limits: {
      ...limits,
      maxOpenRequests: Math.ceil(limits.maxOpenRequests / gateways),
      // One body of the largest size must fit.
      maxOpenBodyBytes: Math.max(limits.maxBodyBytes, Math.ceil(limits.maxOpenBodyBytes / gateways)),
    },
  };
}
