// The folder with the data sockets of one server's replicas, and their records. It is named after the server's process, so that the
// next server can tell what a killed one left behind.
//
// 1. Only what is surely stale is removed: a folder of this user, whose server is gone, in which no socket answers;
//    and of it nothing but sockets and what Shoal writes beside them.

import { lstat, mkdtemp, readdir, rm, rmdir } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRunning } from "../runtime/core/index.ts";

const FOLDER = /^shoal-(\d{1,10})-\w{6}$/;
const SOCKET = /^\d{1,10}\.sock$/;
/** Of replicas and of a controller's process; the store of a server that keeps none. */
const RECORD = /^((\d{1,10}|control)\.json(\.new)?|serve\.sqlite(-\w+)?)$/;
/** Longest name within the temporary folder. */
const LONGEST = "shoal-4194304-XXXXXX/4194304.sock";
/** What every system takes as the path of a Unix socket. */
const MAX_SOCKET_PATH_BYTES = 103;

/** Makes a folder that only this user can enter, and removes those of servers that were killed. */
export async function openSocketFolder(parent = shortTemporaryFolder()): Promise<string> {
  await sweep(parent);
  return await mkdtemp(join(parent, `shoal-${process.pid}-`));
}

function shortTemporaryFolder(): string {
  const folder = tmpdir();
  return Buffer.byteLength(join(folder, LONGEST)) > MAX_SOCKET_PATH_BYTES ? "/tmp" : folder;
}

/** Never rejects: what cannot be removed stays. */
async function sweep(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  await Promise.all(
    names.map(async (name) => {
      const pid = Number(FOLDER.exec(name)?.[1] ?? Number.NaN);
      if (Number.isNaN(pid) || isRunning(pid)) return;
      await removeStale(join(parent, name)).catch(() => undefined);
    }),
  );
}

/** Invariant 1; rejects when the folder is not what it should be. */
async function removeStale(folder: string): Promise<void> {
  const stat = await lstat(folder);
  if (!stat.isDirectory() || stat.uid !== (process.getuid?.() ?? stat.uid)) return;
  const names = await readdir(folder);
  const sockets = names.filter((name) => SOCKET.test(name)).map((name) => join(folder, name));
  // The server may run where its process cannot be seen from here: in another container with the same folder.
  if ((await Promise.all(sockets.map(answers))).includes(true)) return;
  for (const socket of sockets) if ((await lstat(socket)).isSocket()) await rm(socket, { force: true });
  for (const name of names.filter((one) => RECORD.test(one))) await rm(join(folder, name), { force: true });
  await rmdir(folder);
}

/** Whether anybody listens; in doubt, yes. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}
