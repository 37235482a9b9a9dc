// How one command finds the server that another runs: a file per server, readable by its owner only, with the
// admin listener's address and token.
//
// 1. A record whose server is gone is removed by whoever finds it, also when another process has its id by now.
// 2. A listener that is away while its controller is started again is waited for, and its record stays.

import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolder } from "../runtime/base/index.ts";
import { isRunning } from "../runtime/core/index.ts";
import { CommandError, EXIT } from "./exit-codes.ts";

export interface ServerRecord {
  readonly pid: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly token: string;
  /** Its controller, with the admin listener, is a process of its own, which may end and is started again. Default false. */
  readonly controllerApart?: boolean;
}

/** A controller is back in less than a second; after several that were killed in a row in a few. */
const PATIENCE_MS = 6_000;
const LOOK_MS = 100;

function folder(): string {
  const { SHOAL_STATE_DIR, XDG_STATE_HOME } = process.env;
  return SHOAL_STATE_DIR ?? join(XDG_STATE_HOME ?? join(homedir(), ".local", "state"), "shoal", "servers");
}

export async function writeRecord(record: ServerRecord): Promise<void> {
  makeFolder(folder(), 0o700);
  await liveRecords(); // invariant 1
  await writeFile(join(folder(), `${record.pid}.json`), JSON.stringify(record), { mode: 0o600 });
}

export async function removeRecord(pid: number): Promise<void> {
  await rm(join(folder(), `${pid}.json`), { force: true });
}

/** The servers of this user that run now. */
async function liveRecords(): Promise<ServerRecord[]> {
  const names = await readdir(folder()).catch(() => []);
  const records: ServerRecord[] = [];
  for (const name of names.filter((file) => file.endsWith(".json"))) {
    try {
      const record = JSON.parse(await readFile(join(folder(), name), "utf8")) as ServerRecord;
      if (isRunning(record.pid) && (await answers(record))) records.push(record);
      else if (!isRunning(record.pid) || record.controllerApart !== true)
        await rm(join(folder(), name), { force: true }); // invariant 1
    } catch {
      // Half written, or removed in between: not a server to speak to.
    }
  }
  return records;
}

/** Invariant 2. */
async function answers({ pid, adminUrl, controllerApart }: ServerRecord): Promise<boolean> {
  const looks = controllerApart === true ? PATIENCE_MS / LOOK_MS : 1;
  for (let look = 0; look < looks && isRunning(pid); look++) {
    if (look > 0) await sleep(LOOK_MS);
    if (await listens(adminUrl)) return true;
  }
  return false;
}

function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** The one server that is meant: by its admin port, or the only one. Throws NO_SERVER or USAGE. */
export async function findServer(namedPort: number | undefined): Promise<ServerRecord> {
  const live = await liveRecords();
  // 0 asked `serve run` for any free port; it names no server.
  const adminPort = namedPort === 0 ? undefined : namedPort;
  const meant =
    adminPort === undefined
      ? live
      : live.filter(({ adminUrl }) => new URL(adminUrl).port === String(adminPort));
  const [only, second] = meant;
  if (only === undefined) {
    const where = adminPort === undefined ? "" : ` with admin port ${adminPort}`;
    throw new CommandError(
      EXIT.NO_SERVER,
      `Cannot find a running server${where}; start one with: shoal serve run <config>`,
    );
  }
  if (second !== undefined) {
    const list = meant.map(
      ({ pid, url, adminUrl }) => `  ${url} (process ${pid}): --admin-port ${new URL(adminUrl).port}`,
    );
    throw new CommandError(
      EXIT.USAGE,
      `Found ${meant.length} running servers, wanted one of them named:\n${list.join("\n")}`,
    );
  }
  return only;
}

export interface AdminRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: string | Uint8Array;
  /** Sent percent-encoded: any text. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 10,000. */
  readonly timeoutMs?: number;
}

/** The server understood, and refused. */
export class RefusedByServer extends CommandError {
  /** The answer's body. */
  readonly answer: unknown;

  constructor(exitCode: number, message: string, answer: unknown) {
    super(exitCode, message);
    this.answer = answer;
  }
}

/** Asks the admin listener, whose answers are `Answer` on this path; throws with what it said. */
export async function askServer<Answer = unknown>(
  record: ServerRecord,
  { method, path, body, headers = {}, timeoutMs = 10_000 }: AdminRequest,
): Promise<Answer> {
  const encoded = Object.entries(headers).map(([name, value]) => [name, encodeURIComponent(value)] as const);
  const response = await fetch(new URL(path, record.adminUrl), {
    method,
    headers: { authorization: `Bearer ${record.token}`, ...Object.fromEntries(encoded) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => {
    throw new CommandError(
      EXIT.NO_SERVER,
      `Cannot reach the server's admin listener at ${record.adminUrl}: ${String(error)}`,
    );
  });
  const answer = (await response.json()) as Answer & { error?: string; code?: string };
  if (response.ok) return answer;
  const { error = "", code } = answer;
  if (code === "INVALID_CONFIG") throw new RefusedByServer(EXIT.USAGE, error, answer);
  throw new RefusedByServer(EXIT.FAILED, `The server answered ${response.status}: ${error}`, answer);
}
