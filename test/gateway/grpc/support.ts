// A real server that KEDA may ask, and a real client of gRPC in KEDA's place.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChannelCredentials, Client, loadPackageDefinition, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { decodeConfig } from "../../../controller/index.ts";
import { Server } from "../../../gateway/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";

const PROTO = new URL("../../../gateway/grpc/externalscaler.proto", import.meta.url).pathname;

/** Answers each request once `/open` was asked for, and at once from then on. */
const MODULE = `
let open;
const opened = new Promise((resolve) => { open = resolve; });
export class Gate {
  async fetch(request) {
    if (new URL(request.url).pathname === "/open") open();
    else await opened;
    return new Response("through");
  }
}
`;

export interface Spec {
  readonly metricName: string;
  readonly targetSize: number;
  readonly targetSizeFloat: number;
}

export interface Value {
  readonly metricName: string;
  readonly metricValue: number;
  readonly metricValueFloat: number;
}

/** What a refused call says. */
export interface Refusal {
  readonly code: number;
  readonly details: string;
}

/** What a call is refused with; fails when it is not. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (thrown) {
    const { code, details } = thrown as ServiceError;
    return { code, details };
  }
  assert.fail("it was answered");
}

/** The next values of a stream, each once. */
export class Stream<Answer> implements AsyncDisposable {
  readonly #call;
  readonly #answers: AsyncIterator<Answer>;

  constructor(call: ReturnType<Client["makeServerStreamRequest"]>) {
    this.#call = call;
    this.#answers = call[Symbol.asyncIterator]();
  }

  async next(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    assert(done !== true, "the stream has ended");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#call.on("error", () => undefined);
    this.#call.cancel();
  }
}

export class Keda implements Disposable {
  readonly #client: Client;

  constructor(address: string, credentials = ChannelCredentials.createInsecure()) {
    const loaded = loadPackageDefinition(loadSync(PROTO, { keepCase: true, longs: Number, defaults: true }));
    const { ExternalScaler } = loaded["externalscaler"] as unknown as {
      ExternalScaler: new (address: string, credentials: ChannelCredentials, options: object) => Client;
    };
    // The name that the certificate of the fixtures has.
    this.#client = new ExternalScaler(address, credentials, { "grpc.ssl_target_name_override": "localhost" });
  }

  async isActive(scalerMetadata: object): Promise<boolean> {
    return (await this.#ask<{ result: boolean }>("IsActive", refOf(scalerMetadata))).result;
  }

  async spec(scalerMetadata: object): Promise<Spec> {
    const { metricSpecs } = await this.#ask<{ metricSpecs: Spec[] }>("GetMetricSpec", refOf(scalerMetadata));
    const [only, ...others] = metricSpecs;
    assert(only !== undefined && others.length === 0);
    return only;
  }

  async value(metricName: string, scalerMetadata: object): Promise<Value> {
    const request = { scaledObjectRef: refOf(scalerMetadata), metricName };
    const { metricValues } = await this.#ask<{ metricValues: Value[] }>("GetMetrics", request);
    const [only, ...others] = metricValues;
    assert(only !== undefined && others.length === 0);
    return only;
  }

  streamIsActive(scalerMetadata: object): Stream<{ result: boolean }> {
    return new Stream(this.#call("StreamIsActive", refOf(scalerMetadata)));
  }

  streamSpec(scalerMetadata: object): Stream<{ metricSpecs: Spec[] }> {
    return new Stream(this.#call("StreamMetricSpec", refOf(scalerMetadata)));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- says what a method answers
  #ask<Answer>(method: string, request: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#call(method, request, (error: ServiceError | null, answer?: Answer) => {
        if (answer === undefined) reject(error ?? new Error("no answer"));
        else resolve(answer);
      });
    });
  }

  #call(method: string, ...args: readonly unknown[]): ReturnType<Client["makeServerStreamRequest"]> {
    const call: unknown = Reflect.get(this.#client, method);
    assert(typeof call === "function");
    return Reflect.apply(call, this.#client, args) as ReturnType<Client["makeServerStreamRequest"]>;
  }
}

function refOf(scalerMetadata: object): object {
  return {
    name: "web",
    namespace: "shop",
    scalerMetadata: { scalerAddress: "shoal:8266", ...scalerMetadata },
  };
}

export class Rig implements AsyncDisposable {
  readonly server: Server;
  readonly folder: string;

  private constructor(server: Server, folder: string) {
    this.server = server;
    this.folder = folder;
  }

  /** A server of the deployment `gate`, which load scales, and `fixed`, of two replicas. */
  static async start(keda: object = {}): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), "shoal-test-"));
    await writeFile(join(folder, "gate.mjs"), MODULE);
    const decoded = decodeConfig(Rig.config({}, { keda_options: { port: 0, ...keda } }), {
      file: join(folder, "shoal.json"),
    });
    assert(decoded.kind === "ok", JSON.stringify(decoded));
    return new Rig(await Server.start({ config: decoded.value, log: silentLog }), folder);
  }

  static config(gate: object, more: object = {}): string {
    const one = (name: string, own: object): object => {
      return { name, module: "./gate.mjs:Gate", min_ready_s: 0, resources: { num_cpus: 0.01 }, ...own };
    };
    const scaling = { min_replicas: 0, max_replicas: 4, target_ongoing_requests: 3, ...gate };
    return JSON.stringify({
      applications: [
        {
          name: "shop",
          deployments: [one("gate", { max_ongoing_requests: 100, autoscaling_config: scaling })],
        },
        { name: "other", route_prefix: "/other", deployments: [one("fixed", { num_replicas: 2 })] },
      ],
      http_options: { port: 0 },
      admin_options: { port: 0 },
      ...more,
    });
  }

  /** Another config from now on. */
  async deploy(text: string): Promise<void> {
    const asked = { file: "shoal.json", directory: this.folder, author: "test", source: "test" };
    const outcome = await this.server.deploys.deploy({ text, ...asked });
    assert.equal(outcome.kind, "accepted");
  }

  get address(): string {
    const { keda } = this.server;
    assert(keda !== undefined);
    return keda.address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.drain();
    await rm(this.folder, { recursive: true, force: true });
  }
}
