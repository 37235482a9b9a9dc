// Rollouts that cannot succeed: rolled back by themselves, said why, and nobody notices.

import { brokenModel, identityModel } from "../identity-model.ts";
import {
  BROKEN_MODULE,
  type ConfigFile,
  configOf,
  type DeploymentFile,
  deploymentIn,
  echo,
  isHealthy,
  runningPids,
} from "../config-file.ts";
import { bothKinds, inference } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const failingRollouts: Scenario = {
  name: "failing-rollouts",
  title: "rollouts to a bad module, a bad model, and replicas that die two seconds after they were ready",
  run,
};

interface Attempt {
  readonly what: string;
  /** The deployment that is to fail. */
  readonly name: "echo" | "net";
  readonly change: Readonly<Record<string, unknown>>;
  /** In the status' message, or in the log lines beside it. */
  readonly says: RegExp;
}

async function run(stage: Stage): Promise<void> {
  const attempts: readonly Attempt[] = [
    { what: "a bad module", name: "echo", change: { module: BROKEN_MODULE }, says: /broken as written/ },
    {
      what: "a bad model",
      name: "net",
      change: { model: await brokenModel(stage.folder) },
      says: /broken\.onnx|protobuf/i,
    },
    {
      what: "replicas that die",
      name: "echo",
      change: { version: "2", user_config: { delay_ms: 20, die_after_ms: 2_000 } },
      says: /about to die, as told/,
    },
  ];
  const common = {
    num_replicas: 2,
    resources: { num_cpus: 0.1 },
    ...(stage.quick ? { max_constructor_retry_count: 1 } : {}),
  };
  const good = {
    echo: echo({ ...common, user_config: { delay_ms: 20 } }),
    net: { name: "net", model: await identityModel(stage.folder), ...common },
  };
  const server = await stage.serve(configOf(good.echo, good.net));
  const allHealthy = (): Promise<unknown> =>
    server.untilStatus("all is healthy", (status) => isHealthy(status, "echo") && isHealthy(status, "net"));
  await allHealthy();
  const first = await server.status();
  const load = stage.load([...bothKinds(server.url), inference(server.url, "net")]);
  await load.answered(100);

  load.enter("during");
  for (const { what, name, change, says } of attempts) {
    const startedMs = load.nowMs;
    await server.deploy(changed(good, name, change));
    const status = await server.untilStatus(`${what}: it is rolled back`, (now) => {
      const { status: state, status_trigger: trigger, replicas } = deploymentIn(now, name);
      return (
        state === "DEPLOY_FAILED" && trigger === "ROLLED_BACK" && replicas.length === common.num_replicas
      );
    });
    stage.recovered(load.nowMs - startedMs);
    const { message, log_lines: lines } = deploymentIn(status, name);
    const told = says.test([message, ...lines].join("\n")) && /replica "/.test(message);
    stage.promise(`${what}: the status says why`, told, `${message} | ${lines.at(-1) ?? "no log lines"}`);
    await server.deploy(configOf(good.echo, good.net));
    await allHealthy();
  }
  load.enter("after");
  await load.answered(100);
  const last = await server.status();

  stage.promiseNoneFailed(await stage.end(load));
  for (const name of ["echo", "net"] as const) {
    stage.promiseKept(`"${name}" has the replicas it had`, runningPids(first, name), runningPids(last, name));
  }
}

function changed(
  good: Readonly<Record<"echo" | "net", DeploymentFile>>,
  name: "echo" | "net",
  change: Attempt["change"],
): ConfigFile {
  const all = { ...good, [name]: { ...good[name], ...change } };
  return configOf(all.echo, all.net);
}
