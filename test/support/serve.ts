// The real command in a process of its own, for system tests: `await using server = await start(config)`.
//
// 1. Whatever a test does, the process and its replicas are gone when it is disposed of.
// 2. What it printed is in every error, so that a failure says why.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../../bin/shoal.js", import.meta.url));
/** Far more than a start or an end takes: only a hang gets here. */
const PATIENCE_MS = 60_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  /** Flags of `serve run` besides the ports. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A line to wait for; that everything is ready, by default. */
  readonly until?: RegExp;
}

export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminToken: string;
  readonly pid: number;
  /** The folder of the records by which other commands find this server: `SHOAL_STATE_DIR`. */
  readonly stateDir: string;
  /** Everything printed so far, standard output and standard error together. */
  readonly output: string;
  readonly exited: Promise<Exit>;
  /** Resolves when `line` was printed, past or future; rejects when the process ends first. */
  printed(line: RegExp): Promise<RegExpMatchArray>;
  /** Sends `signal`, SIGINT by default, and resolves when the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

/**
 * Serves a config on free ports. `config` is a path, or the text of a config (anything with a line break); a
 * text is written to a file of its own folder, so paths within must be absolute. Empty: no config.
 */
export async function start(config: string, options: StartOptions = {}): Promise<Served> {
  const stateDir = await mkdtemp(join(tmpdir(), "shoal-test-"));
  let path = config;
  if (config.includes("\n")) {
    path = join(stateDir, "shoal.yaml");
    await writeFile(path, config);
  }
  const server = new ServeProcess(path, stateDir, options);
  try {
    const [, url = "", adminUrl = ""] = await server.printed(/Listening on (\S+) \(admin (\S+)\)/);
    server.url = url;
    server.adminUrl = adminUrl;
    await server.printed(options.until ?? /^Ready[.:]/m);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

class ServeProcess implements Served {
  url = "";
  adminUrl = "";
  readonly adminToken = "token-of-a-test";
  readonly pid: number;
  readonly stateDir: string;
  readonly exited: Promise<Exit>;
  output = "";
  readonly #child;
  #ended = false;
  readonly #awaited = new Set<() => void>();

  constructor(path: string, stateDir: string, { args = [], env = {} }: StartOptions) {
    this.stateDir = stateDir;
    const flags = ["--port", "0", "--admin-port", "0", ...args];
    this.#child = spawn(
      process.execPath,
      [COMMAND, "serve", "run", ...(path === "" ? [] : [path]), ...flags],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          NO_COLOR: "1",
          SHOAL_STATE_DIR: stateDir,
          SHOAL_ADMIN_TOKEN: this.adminToken,
          ...env,
        },
      },
    );
    this.pid = this.#child.pid ?? -1;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        this.#look();
      });
    }
    // `close`, not `exit`: by then everything it printed has been read.
    this.exited = once(this.#child, "close").then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
      this.#ended = true;
      this.#look();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  printed(line: RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#awaited.delete(look);
        act();
      };
      const fail = (what: string): void =>
        settle(() => reject(new Error(`The server ${what} before it printed ${line}:\n${this.output}`)));
      const timer = setTimeout(() => fail(`waited ${PATIENCE_MS} ms`), PATIENCE_MS);
      const look = (): void => {
        const match = this.output.match(line);
        if (match !== null) settle(() => resolve(match));
        else if (this.#ended) fail("ended");
      };
      this.#awaited.add(look);
      look();
    });
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<Exit> {
    this.#child.kill(signal);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    await this.stop();
    clearTimeout(timer);
    await rm(this.stateDir, { recursive: true, force: true });
  }

  #look(): void {
    for (const look of this.#awaited) look();
  }
}
