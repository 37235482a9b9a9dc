// Where things stand in the key-value store.
//
// 1. Numbers have leading zeros, so the order of keys is the order of releases.

import { ShoalError } from "../../runtime/base/index.ts";
import { NAME_PATTERN } from "../config/schema-values.ts";

export const FORMAT_KEY = "serve/format";
/** What of the config file is the server's and no application's. */
export const SETTINGS_KEY = "serve/settings";
/** Below it, one key an application. */
export const WANTED_PREFIX = "serve/wanted/";
/** What something is remembered of; below each prefix, one key a name. */
export const MEMORY_PREFIXES = {
  deployment: "serve/memory/",
  drain: "serve/drain/",
  scale: "serve/scale/",
  traffic: "serve/traffic/",
} as const;
export type MemoryKind = keyof typeof MEMORY_PREFIXES;

const DIGITS = 10;
const NAME = new RegExp(NAME_PATTERN, "u");

/** All of them throw INVALID_ARGUMENT for what cannot be a name. */
export function wantedKey(application: string): string {
  return `${WANTED_PREFIX}${checked(application)}`;
}

export function accountPrefix(application: string): string {
  return `serve/releases/${checked(application)}/`;
}

export function accountKey(application: string, number: number): string {
  return `${accountPrefix(application)}${padded(number)}`;
}

export function contentKey(application: string, number: number): string {
  return `serve/configs/${checked(application)}/${padded(number)}`;
}

export function memoryKey(kind: MemoryKind, name: string): string {
  return `${MEMORY_PREFIXES[kind]}${checked(name)}`;
}

/** The last segment. */
export function applicationOf(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

export function numberOf(key: string): number {
  return Number(applicationOf(key));
}

/** Invariant 1. */
function padded(number: number): string {
  return String(number).padStart(DIGITS, "0");
}

function checked(application: string): string {
  if (NAME.test(application) && application.length <= 128) return application;
  throw new ShoalError("INVALID_ARGUMENT", `Cannot be a name: ${JSON.stringify(application.slice(0, 80))}`);
}
