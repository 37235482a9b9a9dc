// What the tests of configs share: decoding a text that is right, or telling what is wrong with it.

import assert from "node:assert/strict";
import { decodeConfig, type ServeConfig } from "../../../controller/config/index.ts";
import { formatFault } from "../../../runtime/base/config/index.ts";

export function decoded(text: string): ServeConfig {
  const outcome = decodeConfig(text, { file: "etc/shoal.yaml" });
  assert.deepEqual(outcome.kind === "faults" ? outcome.faults.map(formatFault) : [], []);
  assert(outcome.kind === "ok");
  return outcome.value;
}

export function faultsOf(text: string): string[] {
  const outcome = decodeConfig(text, { file: "s.yaml" });
  return outcome.kind === "ok" ? [] : outcome.faults.map(formatFault);
}

/** The lines of one deployment in an otherwise good file; they start on line 3, at column 7. */
export function deployment(...lines: string[]): string {
  return ["applications:", "  - deployments:", `    - ${lines.join("\n      ")}`].join("\n");
}

/** A file with every key in it. */
export const FULL = `
$schema: ../shoal.schema.json
applications:
  - name: vision
    route_prefix: /vision/v1
    ingress: front
    deployments:
      - name: digits
        version: 3
        model: models/digits.onnx
        engine_options:
          execution_providers: [cuda, cpu]
          intra_op_num_threads: 2
          graph_optimization_level: extended
          free_dimension_overrides: {batch: 4}
          session_options: {session.dynamic_block_base: 4}
          batchable: true
        num_replicas: 2
        max_ongoing_requests: 40
        max_queued_requests: 7
        request_timeout_s: 0.25
        health_check_period_s: 1.5
        health_check_timeout_s: 2
        graceful_shutdown_timeout_s: 0
        max_constructor_retry_count: 5
        rolling_update_percentage: 0.5
        min_ready_s: 0.25
        rolling_update_when_short: stop_old
        resources: {num_cpus: 0.5, num_gpus: 1, memory: 1.5GiB, custom: {fast_disk: 0.25}}
        batching: {max_batch_size: 16, batch_wait_timeout_s: 0.0011, max_concurrent_batches: 3}
      - name: front
        module: ./front.ts:Front
        idempotent: true
        user_config: {greeting: [hello, null]}
        ray_actor_options: {num_cpus: 2, memory: 1000, resources: {licence: 1}}
        batching: {max_batch_size: 4}
  - name: text
    route_prefix: /text
    deployments:
      - {name: text, module: /srv/text.mjs}
http_options: {host: 0.0.0.0, port: 0, limits: {max_body_bytes: 512MiB, max_header_bytes: 32KiB}}
admin_options: {port: 9000}
logging_config: {log_level: WARNING}
`;
