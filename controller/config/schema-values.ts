// Kinds of values that many keys share, as schemas.
//
// `x-wanted` is for our own messages and is not in the published schema.

import { type TProperties, Type } from "typebox";

/** Longest wait a Node timer can hold, in seconds. */
const MAX_SECONDS = 2_147_483;

interface About {
  readonly description: string;
  readonly default?: unknown;
}

/** A map with exactly these keys. */
export function Section<Properties extends TProperties>(properties: Properties, description: string) {
  return Type.Object(properties, { additionalProperties: false, description });
}

/** A duration in seconds of at least a millisecond. */
export function Seconds(about: About) {
  return Type.Number({ ...about, minimum: 0.001, maximum: MAX_SECONDS });
}

/** A duration in seconds, 0 allowed. */
export function SecondsOrZero(about: About) {
  return Type.Number({ ...about, minimum: 0, maximum: MAX_SECONDS });
}

/** A whole number from `minimum` to `maximum`. */
export function Count(about: About & { readonly minimum: number; readonly maximum: number }) {
  return Type.Integer({ ...about });
}

export const NAME_PATTERN = "^[A-Za-z0-9_][A-Za-z0-9_.-]*$";

/** A name that fits into a URL and a file name. */
export function Name(about: About) {
  return Type.String({
    ...about,
    pattern: NAME_PATTERN,
    maxLength: 128,
    "x-wanted":
      "a name of at most 128 letters, digits, and the characters _ . - of which only _ may be the first",
  });
}

/** A path relative to the config file. */
export function Path(about: About) {
  return Type.String({
    ...about,
    // No scheme: models are never loaded from a URL that was not allowed by name. No NUL: no file has one.
    pattern: "^(?![A-Za-z][A-Za-z0-9+.\\-]+://)[^\\u0000]+$",
    maxLength: 4096,
    "x-wanted": "the path of a file, relative to this file or absolute, not a URL",
  });
}

/** A whole number of bytes, or text such as "512MiB" or "2GB". */
export function Bytes(about: About & { readonly minimum?: number }) {
  const { minimum = 1, ...rest } = about;
  return Type.Union(
    [
      Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER }),
      Type.String({ pattern: "^[0-9]{1,9}(\\.[0-9]{1,3})? ?([KMGT]i?)?B$" }),
    ],
    { ...rest, "x-wanted": `a whole number of bytes from ${minimum}, or text such as "512MiB"` },
  );
}

/** An address to listen on. */
export const Host = (value: string) =>
  Type.Optional(
    Type.String({
      description: "Address to listen on; only loopback addresses keep other machines out.",
      default: value,
      pattern: "^[A-Za-z0-9_.:%\\-]{1,253}$",
      "x-wanted": 'a host name or an IP address such as "127.0.0.1"',
    }),
  );

/** A port to listen on. */
export const Port = (value: number) =>
  Type.Optional(
    Count({
      description: "TCP port; 0 lets the system pick one.",
      default: value,
      minimum: 0,
      maximum: 65_535,
    }),
  );

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** The number of bytes of a value that fits `Bytes`. */
export function parseBytes(value: number | string): number {
  if (typeof value === "number") return value;
  const unit = value.replace(/^[\d. ]+/, "");
  return Math.min(Math.round(Number.parseFloat(value) * (UNITS[unit] ?? 1)), Number.MAX_SAFE_INTEGER);
}
