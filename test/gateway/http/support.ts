// A real HTTP door over deployments whose replicas are fakes: real dispatchers, real sockets, no model.

import assert from "node:assert/strict";
import type {
  Catalog,
  DeploymentStatus,
  HttpOptions,
  Route,
  ServedDeployment,
  TrafficRouter,
} from "../../../controller/index.ts";
import type { DispatchPolicy } from "../../../controller/dispatch/policy.ts";
import { Dispatcher, type StatsSnapshot } from "../../../controller/index.ts";
import { HttpServer } from "../../../gateway/http/server.ts";
import { bytesOf, systemClock, type Tensor } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import type { Signature } from "../../../runtime/engines/index.ts";
import { FakeReplica } from "../../support/fake-replica.ts";
import { RawConnection, type RawResponse } from "../../support/raw-http.ts";

const POLICY: DispatchPolicy = {
  maxBatchSize: 8,
  batchWaitTimeoutMs: 0,
  maxConcurrentBatches: 1,
  maxOngoingRequests: 100,
  maxQueuedRequests: 2,
  idempotent: true,
};

export class FakeDeployment implements ServedDeployment {
  readonly name: string;
  version = "1";
  status: DeploymentStatus = { state: "HEALTHY", message: "" };
  ready = true;
  signature: Signature | undefined;
  takes = { infer: true, fetch: false };
  requestTimeoutMs = 60_000;
  readonly dispatcher: Dispatcher;
  readonly replica: FakeReplica;

  constructor(
    name: string,
    signature: Signature | undefined,
    replica = new FakeReplica({ id: `${name}#0` }),
  ) {
    this.name = name;
    this.signature = signature;
    this.replica = replica;
    this.dispatcher = new Dispatcher({
      deployment: name,
      policy: POLICY,
      clock: systemClock,
      log: silentLog,
      // As a check that is answered does.
      onLost: (id) => {
        if (id === replica.id) queueMicrotask(() => this.dispatcher.restore(id));
      },
    });
    this.dispatcher.addReplica(replica);
  }

  get statistics(): StatsSnapshot {
    return this.dispatcher.stats.snapshot();
  }

  get takesRequests(): boolean {
    return this.ready || this.status.state !== "DEPLOY_FAILED";
  }

  whenLoaded(): undefined {}
}

export class FakeCatalog implements Catalog {
  readonly #deployments: readonly FakeDeployment[];
  readonly #routers: readonly TrafficRouter[];

  constructor(deployments: readonly FakeDeployment[], routers: readonly TrafficRouter[] = []) {
    this.#deployments = deployments;
    this.#routers = routers;
  }

  traffic(model: string): TrafficRouter | undefined {
    return this.#routers.find(({ table }) => table.model === model);
  }

  trafficRouters(): readonly TrafficRouter[] {
    return this.#routers;
  }

  deployment(name: string): FakeDeployment | undefined {
    return this.#deployments.find((one) => one.name === name);
  }

  deployments(): readonly FakeDeployment[] {
    return this.#deployments;
  }

  /** Each is an application of its own, mounted under its name. */
  routes(): readonly Route[] {
    return this.#deployments.map((ingress) => {
      const traffic = this.#routers.find(({ table }) => table.application === ingress.name);
      const route = { application: ingress.name, prefix: `/${ingress.name}`, ingress };
      return traffic === undefined ? route : { ...route, traffic };
    });
  }

  route(path: string): Route | undefined {
    return this.routes().find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
  }
}

/** Limits small enough to be reached by a test. */
export const LIMITS: HttpOptions["limits"] = {
  maxBodyBytes: 256 * 1024,
  maxDecompressedBytes: 1024 * 1024,
  maxTensors: 4,
  maxElements: 100_000,
  maxJsonDepth: 16,
  maxHeaderBytes: 16 * 1024,
  maxOpenRequests: 100,
  maxOpenBodyBytes: 4 * 1024 * 1024,
};

const spec = (
  name: string,
  datatype: Tensor["datatype"],
  shape: readonly number[],
): Signature["inputs"][number] => ({
  name,
  datatype,
  shape,
});

/** The signature everybody's quick start uses. */
export const ADD_SUB: Signature = {
  inputs: [spec("INPUT0", "INT32", [-1, 4]), spec("INPUT1", "INT32", [-1, 4])],
  outputs: [spec("OUTPUT0", "INT32", [-1, 4]), spec("OUTPUT1", "INT32", [-1, 4])],
  batchable: true,
  platform: "fake",
};

/** One input `x` that comes back as `y`. */
export function identity(datatype: Tensor["datatype"], shape: readonly number[] = [-1, 2]): Signature {
  return {
    inputs: [spec("x", datatype, shape)],
    outputs: [spec("y", datatype, shape)],
    batchable: true,
    platform: "fake",
  };
}

export function addSub(inputs: readonly Tensor[]): readonly Tensor[] {
  const [a, b] = inputs;
  assert(a !== undefined && b !== undefined);
  const values = (tensor: Tensor): Int32Array => new Int32Array(new Uint8Array(tensor.bytes).buffer);
  const right = values(b);
  const { shape } = a;
  return [
    {
      name: "OUTPUT0",
      datatype: "INT32",
      shape,
      bytes: bytesOf(values(a).map((x, i) => x + (right[i] ?? 0))),
    },
    {
      name: "OUTPUT1",
      datatype: "INT32",
      shape,
      bytes: bytesOf(values(a).map((x, i) => x - (right[i] ?? 0))),
    },
  ];
}

export function renamed(inputs: readonly Tensor[]): readonly Tensor[] {
  return inputs.map((input) => ({ ...input, name: "y" }));
}

export interface Door extends AsyncDisposable {
  readonly url: string;
  readonly server: HttpServer;
  readonly catalog: FakeCatalog;
  connect(): Promise<RawConnection>;
}

/** A door before the deployments; `http` changes its options. */
export async function open(
  deployments: readonly FakeDeployment[],
  {
    routers = [],
    writeStallMs,
    ...http
  }: Partial<Omit<HttpOptions, "limits">> & {
    readonly limits?: Partial<HttpOptions["limits"]>;
    /** Of applications named as their first deployment. */
    readonly routers?: readonly TrafficRouter[];
    readonly writeStallMs?: number;
  } = {},
): Promise<Door> {
  const catalog = new FakeCatalog(deployments, routers);
  const server = await HttpServer.start({
    http: {
      host: "127.0.0.1",
      port: 0,
      processes: 1,
      requestTimeoutMs: 60_000,
      keepAliveTimeoutMs: 60_000,
      ...http,
      limits: { ...LIMITS, ...http.limits },
    },
    catalog,
    log: silentLog,
    ...(writeStallMs === undefined ? {} : { writeStallMs }),
  });
  return {
    url: server.url,
    server,
    catalog,
    connect: () => RawConnection.open(server.url),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      for (const { dispatcher, replica } of deployments) {
        replica.releaseAll();
        await dispatcher.drain(0);
      }
    },
  };
}

/** A door before the add-and-subtract model, named `simple`. */
export async function openSimple(
  limits: Partial<HttpOptions["limits"]> = {},
): Promise<Door & { simple: FakeDeployment }> {
  const simple = new FakeDeployment("simple", ADD_SUB);
  simple.replica.outputs = addSub;
  return { ...(await open([simple], { limits })), simple };
}

export const INFER = "POST /v2/models/simple/infer";

export const goodInputs = [
  { name: "INPUT0", datatype: "INT32", shape: [1, 4], data: [1, 2, 3, 4] },
  { name: "INPUT1", datatype: "INT32", shape: [1, 4], data: [10, 10, 10, 10] },
];

export const good = JSON.stringify({ id: "after", inputs: goodInputs });

/** The connection still answers, rightly. */
export async function assertUsable(connection: RawConnection): Promise<void> {
  await connection.request(INFER, {}, good);
  const { status, body } = await connection.response();
  assert.equal(status, 200, body.toString());
  const answer = JSON.parse(body.toString()) as { id: string; outputs: { data: number[] }[] };
  assert.equal(answer.id, "after");
  assert.deepEqual(
    answer.outputs.map(({ data }) => data),
    [
      [11, 12, 13, 14],
      [-9, -8, -7, -6],
    ],
  );
}

/** The answer is `{"error": …}` with this status, and says what is wanted of it. */
export function assertRefused(response: RawResponse, status: number, message: RegExp): void {
  const text = response.body.toString();
  assert.equal(response.status, status, text);
  assert.match(response.headers["content-type"] ?? "", /^application\/json/);
  const { error } = JSON.parse(text) as { error: unknown };
  assert.equal(typeof error, "string");
  assert.match(error as string, message);
}

/** On a connection of its own. */
export async function ask(
  door: Door,
  line: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string | Uint8Array } = {},
): Promise<RawResponse> {
  using connection = await door.connect();
  await connection.request(line, headers, body);
  return await connection.response(line.startsWith("HEAD"));
}
