// The real server by its command line, in a folder of its own: started, deployed to, asked, killed, started again.
//
// 1. Whatever happens, the process is gone when it is disposed of; its replicas end with it.
// 2. What it printed is in every error.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConfigFile, StatusView } from "./config-file.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const TOKEN = "token-of-the-chaos";
/** Far more than anything here takes: only a hang gets there. */
const PATIENCE_MS = 120_000;
const LOOK_INTERVAL_MS = 50;
const STOP_TIMEOUT_MS = 30_000;
const MAX_OUTPUT_CHARS = 100_000;

export interface LiveServerOptions {
  /** For the config, the store and the temporary files. */
  readonly folder: string;
  /** Undefined: it serves what its store says. */
  readonly config: ConfigFile | undefined;
  /** 0 lets the system pick one. */
  readonly port: number;
  readonly signal: AbortSignal;
}

export class LiveServer implements AsyncDisposable {
  readonly #options: LiveServerOptions;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = "";
  #url = "";
  #adminUrl = "";

  private constructor(options: LiveServerOptions, child: ChildProcess) {
    this.#options = options;
    this.#child = child;
    this.#closed = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARS);
      });
    }
  }

  /** Resolves when it listens; what it serves may not be ready yet. */
  static async start(options: LiveServerOptions): Promise<LiveServer> {
    const { folder, config, port } = options;
    const file = join(folder, "first.json");
    if (config !== undefined) await writeFile(file, JSON.stringify(config));
    const ports = ["--port", String(port), "--admin-port", "0"];
    const args = ["serve", "run", ...(config === undefined ? [] : [file]), ...ports];
    const child = spawn(process.execPath, ["bin/shoal.js", ...args, "--data-dir", join(folder, "data")], {
      cwd: REPOSITORY,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        NO_COLOR: "1",
        SHOAL_ADMIN_TOKEN: TOKEN,
        SHOAL_STATE_DIR: folder,
        TMPDIR: folder,
      },
    });
    const server = new LiveServer(options, child);
    try {
      await server.until("it listens", () => server.#findUrls());
      return server;
    } catch (error) {
      await server.kill();
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get port(): number {
    return Number(new URL(this.#url).port);
  }

  /** What it printed last, standard output and standard error together. */
  get output(): string {
    return this.#output;
  }

  async status(): Promise<StatusView> {
    return (await this.#ask("GET")) as StatusView;
  }

  /** Wants this from now on; resolves when the server has taken it on. Rejects with what it says against it. */
  async deploy(config: ConfigFile): Promise<void> {
    await this.#ask("PUT", JSON.stringify(config));
  }

  /** Looks again and again until the status is as wanted; resolves with that status. */
  async untilStatus(what: string, reached: (status: StatusView) => boolean): Promise<StatusView> {
    let last: StatusView | undefined;
    await this.until(what, async () => {
      last = await this.status();
      return reached(last);
    }).catch((error: unknown) => {
      throw new Error(`${messageOf(error)}\nThe last status: ${JSON.stringify(last, undefined, 1)}`, {
        cause: error,
      });
    });
    if (last === undefined) throw new Error(`No status was looked at: ${what}`);
    return last;
  }

  /** Rejects when the process has ended, or after two minutes. */
  async until(what: string, reached: () => boolean | Promise<boolean>): Promise<void> {
    const { signal } = this.#options;
    const untilMs = performance.now() + PATIENCE_MS;
    while (!(await reached())) {
      if (this.#hasEnded) throw new Error(`The server ended before this: ${what}\n${this.#output}`);
      if (performance.now() > untilMs)
        throw new Error(`Waited ${PATIENCE_MS} ms in vain: ${what}\n${this.#output}`);
      await sleep(LOOK_INTERVAL_MS, undefined, { signal });
    }
  }

  /** With SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  /** Invariant 1. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill("SIGTERM");
    const escalation = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#closed;
    clearTimeout(escalation);
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #findUrls(): boolean {
    const match = /Listening on (\S+) \(admin (\S+)\)/.exec(this.#output);
    if (match === null) return false;
    [, this.#url = "", this.#adminUrl = ""] = match;
    return true;
  }

  async #ask(method: string, body?: string): Promise<unknown> {
    const response = await fetch(`${this.#adminUrl}/api/serve/applications/`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The server answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
