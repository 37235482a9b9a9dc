// What a key is when the file does not have it, in the units of the file. Ray Serve's figures where Ray has the
// key (python/ray/serve/config.py), except where Ray's is "no bound".

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULTS = {
  http: { host: "127.0.0.1", port: 8000, processes: 1, request_timeout_s: 60, keep_alive_timeout_s: 90 },
  limits: {
    max_body_bytes: 64 * MIB,
    max_decompressed_bytes: 256 * MIB,
    max_tensors: 256,
    max_elements: 64 * MIB,
    max_json_depth: 32,
    max_header_bytes: 16 * KIB,
    max_open_requests: 4096,
    max_open_body_bytes: 1024 * MIB,
  },
  admin: { host: "127.0.0.1", port: 8265 },
  keda: { host: "127.0.0.1", port: 8266 },
  logging: { log_level: "info" },
  application: { name: "default", route_prefix: "/" },
  deployment: {
    version: "1",
    num_replicas: 1,
    max_queued_requests: 1024,
    max_constructor_retry_count: 3,
    health_check_period_s: 10,
    health_check_timeout_s: 30,
    graceful_shutdown_timeout_s: 20,
    rolling_update_percentage: 0.2,
    min_ready_s: 5,
    rolling_update_when_short: "wait",
    idempotent: false,
  },
  traffic: {
    canary: {
      steps: [5, 25, 50],
      interval_s: 60,
      min_requests: 100,
      max_error_rate: 0.01,
      max_latency_ratio: 1.5,
    },
    // What single precision in another order of summation differs by.
    shadow: { percent: 100, relative_tolerance: 1e-4, absolute_tolerance: 1e-6, max_ongoing_requests: 8 },
    sticky: { max_age_s: 86_400 },
  },
  placement_group_strategy: "PACK",
  // Envoy's figures where it has the thing, with room for one of a few replicas.
  outliers: {
    enabled: true,
    consecutive_failures: 5,
    min_requests: 20,
    max_latency_ratio: 5,
    base_ejection_s: 30,
    max_ejection_s: 300,
    max_ejected_share: 0.2,
    replace_after: 3,
  },
  resources: { num_cpus: 1, num_gpus: 0, memory: 0 },
  batching: { batch_wait_timeout_s: 0 },
  /** `batching.max_batch_size` by engine. */
  max_batch_size: { onnx: 32, module: 1 },
  /** The least `max_ongoing_requests` that is chosen by itself, by engine. */
  max_ongoing_requests: { onnx: 1, module: 5 },
  /** Batches to leave room for when the file does not say: one that runs and one on its way. */
  concurrent_batches: 2,
} as const;
