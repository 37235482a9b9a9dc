// The actor's end of direct calls, with callers on real sockets: who is let in, and what begins when.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FrameChannel } from "../../../../runtime/core/channel/frame-channel.ts";
import type { DirectReply } from "../../../../runtime/core/worker/direct/caller.ts";
import { DirectServer } from "../../../../runtime/core/worker/direct/direct-server.ts";
import type { FromCallee, ToCallee } from "../../../../runtime/core/workers/direct-messages.ts";
import type { FromWorker, RunMessage } from "../../../../runtime/core/workers/messages.ts";
import { eventually } from "../../../support/eventually.ts";

const CALLER = 7;

interface Tried extends AsyncDisposable {
  readonly server: DirectServer;
  readonly folder: string;
  /** Numbers of the calls that began, and `-n` of those that were cancelled. */
  readonly events: number[];
  readonly replies: Map<number, DirectReply | undefined>;
  readonly sent: FromWorker[];
  /** Connects and says who it is. */
  connect(): Promise<{
    readonly channel: FrameChannel<FromCallee, ToCallee>;
    readonly got: FromCallee[];
    readonly closed: Promise<unknown>;
  }>;
}

async function start(): Promise<Tried> {
  const folder = await mkdtemp(join(tmpdir(), "direct-server-"));
  const owned = new AsyncDisposableStack();
  owned.defer(() => rm(folder, { recursive: true }));
  const events: number[] = [];
  const replies = new Map<number, DirectReply | undefined>();
  const sent: FromWorker[] = [];
  const server = new DirectServer({
    folder,
    index: 1,
    run: ({ task }, _, reply) => {
      events.push(task);
      replies.set(task, reply);
    },
    cancel: (task) => void events.push(-task),
    incarnation: () => 3,
    send: (message) => void sent.push(message),
  });
  owned.defer(() => server.close());
  return {
    server,
    folder,
    events,
    replies,
    sent,
    async connect() {
      const socket = connect(join(folder, "calls-1"));
      await once(socket, "connect");
      owned.defer(() => void socket.destroy());
      const got: FromCallee[] = [];
      const closed = once(socket, "close");
      const channel = new FrameChannel<FromCallee, ToCallee>(socket, {
        onMessage: (message) => void got.push(message),
        onEnd: () => undefined,
      });
      channel.send({ type: "hello", caller: CALLER });
      channel.send({ type: "method", number: 0, label: "A.b", method: "b", group: undefined, window: 16 });
      return { channel, got, closed };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function byHead(task: number, count: number, incarnation = 3): RunMessage {
  return {
    type: "run",
    task,
    label: "A.b",
    work: { kind: "call", method: "b", group: undefined },
    args: 0,
    references: [],
    numReturns: 1,
    attempt: 1,
    window: 16,
    after: { caller: CALLER, incarnation, count },
  };
}

test("a call by way of the head waits for the direct ones before it, also for a caller that is not there yet", async () => {
  await using tried = await start();
  const { server, events } = tried;
  await server.admit(CALLER, 4);
  assert.deepEqual(tried.sent, [{ type: "listening", request: 4, path: join(tried.folder, "calls-1") }]);
  server.runInOrder(byHead(103, 2), []);
  server.runInOrder(byHead(104, 3), []);
  server.runInOrder(byHead(200, 9, 2), []); // of another incarnation: nothing comes of that
  assert.deepEqual(events, [200]);
  const { channel } = await tried.connect();
  for (const task of [101, 102]) channel.send([task, 0]);
  await eventually("two and the third begin", () => events.length === 4);
  channel.send([105, 0]);
  await eventually("all have begun", () => events.length === 6);
  assert.deepEqual(events, [200, 101, 102, 103, 105, 104]);
  server.runInOrder(byHead(106, 3), []);
  assert.equal(events.at(-1), 106);
});

test("a held call that is cancelled goes back; one whose caller is gone begins; calls end with their caller", async () => {
  await using tried = await start();
  const { server, events, sent } = tried;
  await server.admit(CALLER, 4);
  const { channel } = await tried.connect();
  channel.send([101, 0]);
  await eventually("it begins", () => events.length === 1);
  server.runInOrder(byHead(103, 5), []);
  server.runInOrder(byHead(104, 5), []);
  assert.equal(server.cancelHeld(103), true);
  assert.equal(server.cancelHeld(103), false);
  assert.deepEqual(sent.slice(1), [{ type: "returned", tasks: [103] }]);
  channel.destroy();
  await eventually("its calls are over", () => events.length === 3);
  assert.deepEqual(events, [101, -101, 104]);
  assert.deepEqual(sent.at(-1), { type: "cancel-children", task: 101, force: true });
});

test("an outcome that moves waits for the head's word, and is nobody's when the caller is gone", async () => {
  await using tried = await start();
  const { server, events, replies, sent } = tried;
  await server.admit(CALLER, 4);
  const { channel, got } = await tried.connect();
  for (const task of [101, 102, 103]) channel.send([task, 0]);
  await eventually("they begin", () => events.length === 3);
  const first = replies.get(101)?.move(101);
  const second = replies.get(102)?.move(102);
  await eventually("the caller is told", () => got.length === 2);
  assert.deepEqual(got, [
    { type: "moves", task: 101 },
    { type: "moves", task: 102 },
  ]);
  server.adopted(101);
  assert.equal(await first, true);
  channel.destroy();
  assert.equal(await second, false);
  assert.equal(await replies.get(103)?.move(103), false);
  server.adopted(102); // handed over before its caller went
  assert.deepEqual(sent.at(-1), { type: "returned", tasks: [102] });
});

test("an actor that is being stopped begins no more; who was not let in is not heard", async () => {
  await using tried = await start();
  const { server, events } = tried;
  await server.admit(CALLER + 1, 4);
  const { channel, closed } = await tried.connect();
  channel.send([101, 0]);
  await closed;
  await server.admit(CALLER, 4);
  const { channel: again, got } = await tried.connect();
  again.send([102, 0]);
  await eventually("it begins", () => events.length > 0);
  server.stop();
  again.send([103, 0]);
  await eventually("it is refused", () => got.length > 0);
  assert.deepEqual(got, [{ type: "refused", task: 103 }]);
  assert.deepEqual(events, [102]);
});
