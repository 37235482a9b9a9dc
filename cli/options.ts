// Options that several commands share.

import { InvalidArgumentError, Option } from "commander";

export function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535)
    throw new InvalidArgumentError(`found "${text}", wanted a port from 0 to 65535`);
  return value;
}

export function address(text: string): string {
  // An empty one would be every address of the machine.
  if (text.trim() === "") throw new InvalidArgumentError(`found "${text}", wanted an address to listen on`);
  return text;
}

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0) || value === Number.POSITIVE_INFINITY)
    throw new InvalidArgumentError(`found "${text}", wanted seconds from 0`);
  return value;
}

/** Names one of several running servers. */
export function adminPortOption(description: string): Option {
  return new Option("--admin-port <port>", description).env("SHOAL_ADMIN_PORT").argParser(port);
}
