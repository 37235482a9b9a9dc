// What Linux' /proc tells of processes, from outside.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Not one that has ended and was not waited for. */
export function isRunning(pid: number): boolean {
  const state = /^State:\s*(\S)/m.exec(statusOf(pid))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Memory that is its own; 0 for one that is gone. */
export function privateBytes(pid: number): number {
  return Number(/^RssAnon:\s*(\d+) kB$/m.exec(statusOf(pid))?.[1] ?? 0) * 1024;
}

/** Processes that listen on this port of 127.0.0.1. */
export function listenersOn(port: number): readonly number[] {
  const inodes = new Set(listeningInodes(port));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => socketsOf(pid).some((inode) => inodes.has(inode)));
}

const LISTEN = "0A";

function listeningInodes(port: number): string[] {
  const address = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => local.endsWith(address) && state === LISTEN)
    .map((fields) => fields[9] ?? "");
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return tried(() => readdirSync(folder), []).flatMap((name) => {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(tried(() => readlinkSync(`${folder}/${name}`), "")) ?? [];
    return inode ?? [];
  });
}

function statusOf(pid: number): string {
  return tried(() => readFileSync(`/proc/${pid}/status`, "utf8"), "");
}

/** Processes come and go, and not all are ours to look at. */
function tried<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
