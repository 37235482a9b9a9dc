// What one of several gateways may use of a deployment's bounds.
//
// 1. Together they keep within the bounds as far as these can be divided: each may have one full batch at a replica whatever
//    happens, so that none starves and batches are no smaller than one gateway's. The replica itself runs no more at a time
//    than it may (`replicas/turns.ts`).

import type { DispatchPolicy, TenantPolicy } from "../dispatch/index.ts";

export function shareOf(policy: DispatchPolicy, gateways: number): DispatchPolicy {
  if (gateways === 1) return policy;
  const { maxBatchSize, maxOngoingRequests } = policy;
  return {
    ...policy,
    maxConcurrentBatches: Math.max(1, Math.floor(policy.maxConcurrentBatches / gateways)),
    maxOngoingRequests: Math.max(
      Math.min(maxBatchSize, maxOngoingRequests), // invariant 1
      Math.floor(maxOngoingRequests / gateways),
    ),
    maxQueuedRequests: Math.ceil(policy.maxQueuedRequests / gateways),
    ...(policy.tenants === undefined ? {} : { tenants: tenantsShare(policy.tenants, gateways) }),
  };
}

function tenantsShare(tenants: TenantPolicy, gateways: number): TenantPolicy {
  const { maxQueuedRequests: most } = tenants;
  return most === undefined ? tenants : { ...tenants, maxQueuedRequests: Math.ceil(most / gateways) };
}
