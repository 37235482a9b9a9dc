// Who gets in: the bound on open requests, a deployment that takes them, and room in its queue, all before a byte of a body
// is read.

import type { Claim, ServedDeployment } from "../controller/index.ts";
import { ShoalError } from "../runtime/base/index.ts";

export class Admission {
  readonly #maxOpenRequests: number;
  #open = 0;
  #draining = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(maxOpenRequests: number) {
    this.#maxOpenRequests = maxOpenRequests;
  }

  get open(): number {
    return this.#open;
  }

  get closed(): boolean {
    return this.#draining;
  }

  /** From now on everybody is refused. */
  close(): void {
    this.#draining = true;
  }

  /** Counts one request in or throws; whoever calls must call `leave` once. */
  enter(): void {
    if (this.#draining)
      throw new ShoalError("DRAINING", "Cannot take a request: the server is shutting down");
    if (this.#open >= this.#maxOpenRequests) {
      throw new ShoalError(
        "OVERLOADED",
        `Cannot take a request: ${this.#open} are open, wanted fewer than max_open_requests ${this.#maxOpenRequests}`,
        { retryAfterMs: 1_000 },
      );
    }
    this.#open++;
  }

  leave(): void {
    this.#open--;
    if (this.#open === 0) this.#idle?.resolve();
  }

  /** Resolves when no request is open. */
  whenIdle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /** Throws when the deployment cannot take a request now, whatever is in it. */
  static check(deployment: ServedDeployment, claim: Claim = {}): void {
    if (!deployment.takesRequests) {
      throw new ShoalError("DEPLOY_FAILED", `Cannot use "${deployment.name}": ${deployment.status.message}`);
    }
    if (deployment.signature === undefined) {
      throw new ShoalError("NOT_READY", `Cannot use "${deployment.name}" yet: no replica has loaded it`, {
        retryAfterMs: 1_000,
      });
    }
    deployment.dispatcher.check(claim);
  }
}
