// Gateway processes that another controller left, found again by their names.
//
// 1. One that serves is taken over as it is. Any other is killed: another takes its place.

import { messageOf } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { Runtime } from "../../runtime/core/index.ts";
import type { GatewayState } from "./gateway-process.ts";
import { GATEWAYS, type GatewayModule } from "./module.ts";
import type { GatewayHandle } from "./remote-port.ts";

export interface FoundGateway extends Pick<GatewayState, "routes" | "past"> {
  readonly name: string;
  readonly handle: GatewayHandle;
  readonly pid: number | undefined;
  readonly door: NonNullable<GatewayState["door"]>;
}

/** Each has `patienceMs` to say what it is. */
export async function findGateways(
  runtime: Runtime,
  { log, patienceMs }: { readonly log: Logger; readonly patienceMs: number },
): Promise<readonly FoundGateway[]> {
  const { rows } = await runtime.list("actors", { limit: Number.MAX_SAFE_INTEGER });
  const found = await Promise.all(
    rows.map(async ({ name, namespace, state, pid }): Promise<FoundGateway | undefined> => {
      if (name === null || namespace !== GATEWAYS || state === "DEAD" || state === "STOPPING")
        return undefined;
      try {
        const handle = await runtime.actor<GatewayModule["GatewayProcess"]>(name, GATEWAYS);
        const { door, ...known } = await runtime.get(handle.state(), { timeoutMs: patienceMs });
        if (door === undefined) throw new Error("its door is not open");
        return { name, handle, pid: pid ?? undefined, door, ...known };
      } catch (thrown) {
        log.warn({ gateway: pid }, `a gateway process cannot be taken over: ${messageOf(thrown)}`);
        await runtime.kill({ name, namespace: GATEWAYS }).catch(() => undefined); // invariant 1
        return undefined;
      }
    }),
  );
  return found.filter((one) => one !== undefined);
}
