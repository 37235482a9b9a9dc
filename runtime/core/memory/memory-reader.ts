// How much memory is used of how much there is, and by which process, as the operating system tells. Reads only,
// and little: /proc and cgroup files are not on a disk.
//
// 1. The tightest limit counts: of the machine, of this process' cgroup and of every cgroup above it.
// 2. What the kernel would give back at once is not used: file cache that nobody touched lately.
// 3. What processes share is not counted for each: of a process, its private memory is told.

import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { join } from "node:path";
import { isRunning } from "../is-running.ts";

export interface MemoryReading {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

export interface MemoryReader {
  /** What is nearest to its limit; undefined when it cannot be read. */
  machine(): MemoryReading | undefined;
  /** Private bytes of a process; undefined when it is gone or cannot be read. */
  processBytes(pid: number): number | undefined;
  /** Whether a process holds memory no more. */
  isGone(pid: number): boolean;
}

const KIB = 1024;

const OS_READER: MemoryReader = {
  machine: readOs,
  processBytes: () => undefined,
  isGone: (pid) => !isRunning(pid),
};

/** The reader for this platform; undefined on macOS, where `freemem` takes all cache for used. */
export function memoryReader(platform: NodeJS.Platform = process.platform): MemoryReader | undefined {
  if (platform === "darwin") return undefined;
  return platform === "linux" ? linuxMemoryReader() : OS_READER;
}

/** `root` stands before every path read, for tests. */
export function linuxMemoryReader(root = "/"): MemoryReader {
  const read = (path: string): string | undefined => readText(join(root, path));
  // Invariant 3. Shared memory and mapped files outlive the process, or can be read again. A process that ended and
  // was not waited for has neither line.
  const processBytes = (pid: number): number | undefined => {
    const status = read(`proc/${pid}/status`);
    return kibibytes(status, "RssAnon") ?? kibibytes(status, "VmRSS");
  };
  return {
    processBytes,
    isGone: (pid) => processBytes(pid) === undefined,
    machine() {
      const whole = readMeminfo(read("proc/meminfo"));
      if (whole === undefined) return undefined;
      // A limit above what the machine has is none: cgroup v1 writes 2^63 for "no limit".
      const limited = readCgroups(read).filter(({ limitBytes }) => limitBytes < whole.limitBytes);
      // Invariant 1.
      return [whole, ...limited].reduce((tightest, other) =>
        other.usedBytes / other.limitBytes > tightest.usedBytes / tightest.limitBytes ? other : tightest,
      );
    },
  };
}

type Read = (path: string) => string | undefined;

function readMeminfo(text: string | undefined): MemoryReading | undefined {
  const limitBytes = kibibytes(text, "MemTotal");
  const availableBytes = kibibytes(text, "MemAvailable");
  if (limitBytes === undefined || availableBytes === undefined) return undefined;
  return { usedBytes: limitBytes - availableBytes, limitBytes };
}

/** This process' cgroup and those above it, as far as they have a limit; version 1 where memory is under it. */
function readCgroups(read: Read): MemoryReading[] {
  const lines = read("proc/self/cgroup")?.split("\n") ?? [];
  const v1 = pathOf(lines, (controllers) => controllers.split(",").includes("memory"));
  const v2 = pathOf(lines, (controllers) => controllers === "");
  if (v1 !== undefined) {
    return levels("sys/fs/cgroup/memory", v1).flatMap((folder) =>
      readCgroup(read, {
        limit: join(folder, "memory.limit_in_bytes"),
        usage: join(folder, "memory.usage_in_bytes"),
        stat: join(folder, "memory.stat"),
        reclaimable: "total_inactive_file",
      }),
    );
  }
  return levels("sys/fs/cgroup", v2 ?? "/").flatMap((folder) =>
    readCgroup(read, {
      limit: join(folder, "memory.max"),
      usage: join(folder, "memory.current"),
      stat: join(folder, "memory.stat"),
      reclaimable: "inactive_file",
    }),
  );
}

/** The path of the line `id:controllers:path` whose controllers are wanted. */
function pathOf(lines: readonly string[], wanted: (controllers: string) => boolean): string | undefined {
  for (const line of lines) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== undefined && path !== undefined && wanted(controllers)) return path;
  }
  return undefined;
}

/** The folders from a cgroup's up to the mount. In a container only some of them can be seen. */
function levels(mount: string, path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return Array.from({ length: parts.length + 1 }, (_, above) =>
    join(mount, ...parts.slice(0, parts.length - above)),
  );
}

interface CgroupFiles {
  readonly limit: string;
  readonly usage: string;
  readonly stat: string;
  readonly reclaimable: string;
}

function readCgroup(read: Read, files: CgroupFiles): MemoryReading[] {
  // "max" is no number, and no limit.
  const limitBytes = Number.parseInt(read(files.limit) ?? "", 10);
  if (!(limitBytes > 0 && limitBytes < Number.MAX_SAFE_INTEGER)) return [];
  const usageBytes = Number.parseInt(read(files.usage) ?? "", 10);
  if (Number.isNaN(usageBytes)) return [];
  const reclaimable = new RegExp(`^${files.reclaimable} (\\d+)$`, "m").exec(read(files.stat) ?? "")?.[1];
  // Invariant 2.
  return [{ usedBytes: Math.max(0, usageBytes - Number(reclaimable ?? 0)), limitBytes }];
}

function readOs(): MemoryReading {
  const limitBytes = totalmem();
  return { usedBytes: limitBytes - freemem(), limitBytes };
}

/** The line `Name:   123 kB` in bytes. */
function kibibytes(text: string | undefined, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text ?? "")?.[1];
  return value === undefined ? undefined : Number(value) * KIB;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there, not ours to read, or gone meanwhile: what is not told does not count.
    return undefined;
  }
}
