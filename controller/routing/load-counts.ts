// What was asked of one deployment at one gateway since it began: counted by the request path, read by the autoscaler.

import type { LoadSink } from "../dispatch/index.ts";

export class LoadCounts implements LoadSink {
  /** Requests, refused ones too, and their rows. */
  arrivedRequests = 0;
  arrivedRows = 0;
  /** Requests that ended, and those of them that more replicas would have answered in time. */
  endedRequests = 0;
  missedRequests = 0;

  arrived(rows: number): void {
    this.arrivedRequests++;
    this.arrivedRows += rows;
  }

  ongoing(): void {
    // Read from the dispatcher when somebody asks.
  }

  ended(requests: number, missed: number): void {
    this.endedRequests += requests;
    this.missedRequests += missed;
  }
}
