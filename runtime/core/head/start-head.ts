// Puts a head together, and takes it apart: the one place that knows all its parts.
//
// 1. `shutdown` ends every process that was started and resolves when they are gone and the shared memory is free;
//    the same promise every time.

import { ShoalError, systemClock } from "../../base/index.ts";
import { silentLog } from "../../base/log/index.ts";
import type { RuntimeOptions } from "../api/runtime-options.ts";
import { guarded } from "../api/users-callbacks.ts";
import { ObjectStore } from "../objects/index.ts";
import { type Lease, Scheduler } from "../scheduling/index.ts";
import { TaskEvents } from "../state/index.ts";
import { WorkerLogs } from "../logs/worker-logs.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import { type WorkerEnd, WorkerProcess } from "../workers/worker-process.ts";
import type { ActorRecord } from "./actor-record.ts";
import { ActorCalls } from "./actor-calls.ts";
import type { ActorTable } from "./actor-table.ts";
import { ActorWatches } from "./actor-watches.ts";
import { DirectRoutes } from "./direct-routes.ts";
import { Dispatch } from "./dispatch.ts";
import { ActorsInEnvironments } from "../environments/actors-in-environments.ts";
import { EnvironmentTable } from "../environments/environment-table.ts";
import { inheritEnvironment } from "../environments/inherit.ts";
import { checkRuntimeEnv } from "../environments/runtime-env.ts";
import { WorkerStart } from "../environments/worker-start.ts";
import type { EnvironmentData } from "../workers/messages.ts";
import { LeakCheck } from "../memory/leak-check.ts";
import { memoryReader } from "../memory/memory-reader.ts";
import { GroupTable } from "./group-table.ts";
import { Head } from "./head.ts";
import { machineNode } from "./machine-node.ts";
import { Lineage } from "./lineage.ts";
import { Lanes } from "./lanes.ts";
import { isUnborn, loseTasks } from "./lost-tasks.ts";
import { ObjectDirectory } from "./object-directory.ts";
import { Readers } from "./readers.ts";
import { stateSocketOf } from "../state/state-client.ts";
import { PathGuard } from "./path-guard.ts";
import { serveState } from "./state-server.ts";
import { StateTables } from "./state-tables.ts";
import type { TaskRecord } from "./task-record.ts";
import { TaskRecorder } from "./task-recorder.ts";
import { TaskTable } from "./task-table.ts";
import { watchMemory } from "./watch-memory.ts";
import { Worker } from "./worker.ts";
import { WorkerRouter } from "./worker-router.ts";

export interface StartedHead {
  readonly head: Head;
  readonly shutdown: () => Promise<void>;
  /** What tasks and actors of the driver are run in, where they do not say otherwise. */
  readonly environment: EnvironmentData | undefined;
}

/** Ray's figures. */
const IDLE_WORKER_MS = 10_000;
const IDLE_WORKER_BYTES = 2 ** 30;

export async function startHead(options: RuntimeOptions): Promise<StartedHead> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLog;
  const environment = options.runtimeEnv === undefined ? undefined : checkRuntimeEnv(options.runtimeEnv);
  const scheduler = new Scheduler({ clock });
  const node = machineNode(options);
  scheduler.addNode(node);
  const store = await ObjectStore.start({
    ...(options.objectStoreBytes === undefined ? {} : { capacityBytes: options.objectStoreBytes }),
    ...(options.spillFolder === undefined ? {} : { spillFolder: options.spillFolder }),
    clock,
    log,
    onShort: async (where, generation) => {
      if (where === "EVERYWHERE") for (const worker of workers) worker.send({ type: "collect" });
      await head.collect(generation);
    },
  });
  const guard = PathGuard.start([store.folders.memory, store.folders.spill, stateSocketOf(process.pid)]);
  const workers = new Set<Worker>();
  let closing: Promise<void> | undefined;
  let lastIndex = 0;

  const directory = new ObjectDirectory({
    onFree({ id, state, task }) {
      if (state.kind === "STORED") store.delete(id);
      if (actors.find(id) !== undefined) actors.onUnreachable(id);
      else if (task !== undefined) {
        tasks.onFreed(task);
        lineage.onFreed(task);
      }
    },
  });
  const events = new TaskEvents({ clock, enabled: options.enableTaskEvents ?? true });
  const recorder = new TaskRecorder(events);
  const logs = new WorkerLogs({
    clock,
    to: { stdout: process.stdout, stderr: process.stderr },
    onLine: options.onWorkerLine === undefined ? undefined : guarded(options.onWorkerLine),
    logToDriver: options.logToDriver ?? true,
    dedupLogs: options.dedupLogs ?? true,
  });
  const lineage = new Lineage(directory);
  const readers = new Readers(directory, clock);
  const dispatch = new Dispatch({ wireValue: (id, parts) => head.wireValue(id, parts) });
  const environments = new EnvironmentTable({
    cacheFolder: options.environmentCacheFolder,
    cacheBytes: options.environmentCacheBytes,
    clock,
    log,
  });
  const leaks = new LeakCheck({
    clock,
    reader: memoryReader(),
    limitBytes: options.idleWorkerBytes ?? IDLE_WORKER_BYTES,
    log,
  });
  const pool = new WorkerPool<Worker>({
    warm: options.warmWorkers ?? Math.max(1, Math.floor(node.resources.num_cpus)),
    idleMs: options.idleWorkerMs ?? IDLE_WORKER_MS,
    clock,
    start: startWorker,
  });
  const tasks: TaskTable = new TaskTable({
    directory,
    clock,
    log,
    lanes: () => lanes,
    recorder,
    lineage,
    calls: () => calls,
  });
  const lanes = new Lanes({
    scheduler,
    clock,
    takeWorker: (placement) => pool.take(environments.keyOf(placement.environment)),
    prepare: (wanted) => environments.prepare(wanted),
    onUnprepared: (record, error) => tasks.fail(record, error),
    giveWorker,
    run: sendTask,
    onInfeasible: (record, message) => {
      const what = `Cannot run task "${record.spec.label}": ${message}`;
      tasks.fail(record, new ShoalError("RESOURCES_UNAVAILABLE", what));
    },
  });
  const watches = new ActorWatches();
  const actors: ActorTable = new ActorsInEnvironments({
    directory,
    scheduler,
    clock,
    log,
    tasks: () => tasks,
    calls: () => calls,
    watches,
    prepare: (wanted) => environments.prepare(wanted),
    takeWorker: (creation) => pool.take(environments.keyOf(creation.placement.environment)),
    // The next actor should not wait for a process either; nor this one for that.
    onPlaced: () => {
      if (closing === undefined) pool.warmUp();
    },
    create: sendCreation,
  });
  const calls = new ActorCalls({
    find: (actor) => actors.find(actor),
    run: sendTask,
    fail: (record, error) => tasks.fail(record, error),
    lost: (record, error) => tasks.lost(record, error),
    runs: adoptRunning,
    clock,
  });
  const routes = new DirectRoutes({
    actors,
    directory,
    store,
    tasks,
    recorder,
    workers,
    records: options.enableTaskEvents ?? true,
    inOrder: (worker, send) => dispatch.inOrder(worker, send),
  });
  const groups = new GroupTable(scheduler, clock);
  const startedEpochMs = clock.epochMs();
  const tables = new StateTables({
    events,
    recorder,
    directory,
    store,
    actors,
    scheduler,
    workers,
    startedEpochMs,
  });
  const parts = {
    scheduler,
    directory,
    store,
    readers,
    tasks,
    actors,
    watches,
    groups,
    tables,
    workers,
    routes,
    recorder,
  };
  const head = new Head(parts);
  const router = new WorkerRouter({ head, directory, store, readers, tasks, actors, watches, routes });

  /** A task or call whose arguments are all ready. */
  function sendTask(record: TaskRecord, worker: Worker): void {
    const { spec, attempt } = record;
    record.state = { kind: "RUNNING", worker };
    worker.begin(record);
    recorder.sent(record, worker);
    const onUnready = (why: ShoalError | "PENDING"): void => {
      if (worker.leave(spec.task, false) === undefined) return; // the worker went meanwhile, and the task with it
      if (why === "PENDING") tasks.awaitAgain(record);
      else tasks.fail(record, why);
    };
    dispatch.send(worker, { spec, work: spec.work, attempt, lease: worker.lease, onUnready });
  }

  /** A call that its caller sent there directly. */
  function adoptRunning(record: TaskRecord, worker: Worker): void {
    record.state = { kind: "RUNNING", worker };
    worker.begin(record);
    recorder.sent(record, worker);
    worker.send({ type: "adopted", task: record.spec.task });
  }

  /** An actor's creation; what it needs and was lost is made again first. */
  function sendCreation(record: ActorRecord, worker: Worker, lease: Lease): void {
    const { creation, incarnation } = record;
    const { work } = creation;
    if (work.kind !== "create") throw new TypeError("an actor is made by its creation");
    const isHere = (): boolean => record.held.kind === "CREATING" && record.held.worker === worker;
    const onUnready = (why: ShoalError | "PENDING"): void => {
      if (!isHere()) return; // the worker went meanwhile
      if (why !== "PENDING") {
        actors.onCreationFailed(record, why, true);
        return;
      }
      const objects = creation.references.map(([, object]) => object);
      void readers.all(objects, {}).then(() => isHere() && sendCreation(record, worker, lease));
    };
    const own = { ...work, actor: record.id, incarnation };
    dispatch.send(worker, { spec: creation, work: own, attempt: incarnation, lease, onUnready });
  }

  function startWorker(key: string): Worker {
    const index = ++lastIndex;
    const own = environments.find(key);
    const start =
      own === undefined
        ? undefined
        : WorkerStart.watch(own.data, clock, (error) => onUnprepared(worker, error));
    const process = WorkerProcess.spawn(
      {
        index,
        environment: key,
        env: own?.env ?? {},
        cwd: own?.cwd,
        nodeFlags: own?.nodeFlags ?? [],
        setUp: { index, objectFolders: store.folders, environment: own?.worker },
        clock,
      },
      {
        onMessage: (message, parts) =>
          router.onMessage(
            worker,
            own === undefined ? message : inheritEnvironment(message, own.data),
            parts,
          ),
        onReady: () => {
          worker.isReady = true;
          start?.ready();
        },
        onUnready: (error) => {
          if (start !== undefined) onUnprepared(worker, start.onThrown(error));
        },
        log: (pid) => {
          const printed = logs.open({
            pid,
            onLine: (line) => {
              if (worker.actor !== undefined) watches.line(worker.actor, line);
            },
          });
          return start?.tap(printed) ?? printed;
        },
        onEnd: (end) => {
          const error = start?.onEnd(end);
          if (error !== undefined) onUnprepared(worker, error);
          onWorkerEnd(worker, end);
        },
      },
    );
    const worker: Worker = new Worker(process, (left, record, ranMs) => onLeft(left, record, ranMs), clock);
    workers.add(worker);
    return worker;
  }

  /** Back to the pool, or, where it is worn or holds what tasks have leaked, replaced. */
  function giveWorker(worker: Worker): void {
    if (!worker.retiring && !leaks.isLeaky(worker)) {
      pool.give(worker);
      return;
    }
    worker.retire();
    if (closing === undefined) pool.warmUp();
  }

  /** A worker has not come to be ready: whoever waits for it fails, and it ends. */
  function onUnprepared(worker: Worker, error: ShoalError): void {
    const actor = worker.actor === undefined ? undefined : actors.find(worker.actor);
    if (actor !== undefined) actors.onCreationFailed(actor, error, true);
    for (const { record } of worker.running.values()) tasks.fail(record, error);
    lanes.onUnready(worker, error);
    worker.kill(error.message);
  }

  function onLeft(worker: Worker, record: TaskRecord, ranMs: number | undefined): void {
    const [next] = worker.running.values();
    if (next !== undefined && worker.actor === undefined) recorder.running(next.record);
    lanes.onLeft(worker, record, ranMs);
  }

  function onWorkerEnd(worker: Worker, end: WorkerEnd): void {
    workers.delete(worker);
    pool.forget(worker);
    lanes.onWorkerEnd(worker);
    const records = worker.end();
    router.onEnd(worker);
    const actor = worker.actor === undefined ? undefined : actors.find(worker.actor);
    const crash = {
      kind: "CRASHED",
      during: actor?.held.kind === "CREATING" ? "creation" : "service",
      unstarted: end.spawnError?.message,
      exitCode: end.exitCode,
      signal: end.signal,
    } as const;
    const unborn = isUnborn(worker, end);
    if (actor === undefined) loseTasks(tasks, { worker, end, records, unborn });
    else if (unborn) actors.onUnborn(actor, crash);
    else actors.onWorkerEnd(actor, crash, records);
  }

  async function close(): Promise<void> {
    pool.close();
    await environments[Symbol.asyncDispose]();
    memoryMonitor?.[Symbol.dispose]();
    const error = new ShoalError("CANCELLED", "the runtime was shut down");
    actors.close(error);
    tasks.close(error);
    // What happens meanwhile may still start one: an actor that came to be ready has its place refilled.
    while (workers.size > 0) {
      const gone = [...workers].map((worker) => worker.gone);
      for (const worker of workers) worker.kill("the runtime was shut down");
      await Promise.all(gone);
    }
    await stateServer?.[Symbol.asyncDispose]();
    logs[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
    await guard[Symbol.asyncDispose]();
  }

  /** Every task is of the job's environment, unless it says otherwise: so are the workers that wait. */
  async function keepWarm(wanted: EnvironmentData): Promise<void> {
    pool.keepWarm(undefined);
    try {
      const { key } = await environments.prepare(wanted);
      if (closing !== undefined) return;
      pool.keepWarm(key);
      pool.warmUp();
    } catch {
      // Told to the tasks that need it, and in the log.
    }
  }

  const memoryMonitor = watchMemory({ options, clock, log, workers, actors });
  const stateServer = await serveState(tables, (stacks) => head.stacks(stacks)).catch((error: unknown) => {
    log.warn({ err: error }, "other processes cannot list what this runtime does");
    return undefined;
  });
  if (environment === undefined) pool.warmUp();
  else void keepWarm(environment);
  return { head, environment, shutdown: () => (closing ??= close()) };
}
