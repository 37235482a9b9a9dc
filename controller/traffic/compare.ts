// A shadow's answer next to the one that was given: equal, or how not. Floating-point numbers within a tolerance,
// everything else exactly. What costs more than native comparison is bounded.

import { bytesElements, DATATYPES, fromBf16, type Tensor, typedView } from "../../runtime/base/index.ts";

export interface Tolerance {
  /** Share of the expected value's size. */
  readonly relativeTolerance: number;
  readonly absoluteTolerance: number;
}

/** Elements of a tensor that are looked at one by one; of more, evenly chosen ones. */
const MAX_ELEMENTS = 65_536;
const SHOWN_CHARACTERS = 40;

/** The first difference in one line; undefined when there is none. */
export function differenceOf(
  expected: readonly Tensor[],
  found: readonly Tensor[],
  tolerance: Tolerance,
): string | undefined {
  for (const wanted of expected) {
    const other = found.find(({ name }) => name === wanted.name);
    if (other === undefined) return `${wanted.name}: missing`;
    const difference = tensorDifference(wanted, other, tolerance);
    if (difference !== undefined) return `${wanted.name}${difference}`;
  }
  const extra = found.find(({ name }) => !expected.some((wanted) => wanted.name === name));
  return extra === undefined ? undefined : `${extra.name}: not expected`;
}

function tensorDifference(expected: Tensor, found: Tensor, tolerance: Tolerance): string | undefined {
  const [was, is] = [typeOf(expected), typeOf(found)];
  if (was !== is) return `: found ${is}, expected ${was}`;
  if (Buffer.compare(expected.bytes, found.bytes) === 0) return undefined;
  const { kind } = DATATYPES[expected.datatype];
  if (kind === "bytes") return elementDifference(bytesElements(expected), bytesElements(found));
  return kind === "float" ? floatDifference(expected, found, tolerance) : exactDifference(expected, found);
}

function typeOf({ datatype, shape }: Tensor): string {
  return `${datatype} [${shape.join(",")}]`;
}

function exactDifference(expected: Tensor, found: Tensor): string {
  const [was, is] = [typedView(expected), typedView(found)];
  let at = 0;
  while (at < was.length && was[at] === is[at]) at++;
  return `[${at}]: found ${is[at]}, expected ${was[at]}`;
}

function elementDifference(was: readonly Uint8Array[], is: readonly Uint8Array[]): string {
  const at = was.findIndex((element, index) => Buffer.compare(element, is[index] ?? EMPTY) !== 0);
  return `[${at}]: found ${shown(is[at])}, expected ${shown(was[at])}`;
}

const EMPTY = new Uint8Array(0);

function shown(element: Uint8Array = EMPTY): string {
  const text = Buffer.from(element.subarray(0, SHOWN_CHARACTERS)).toString();
  return JSON.stringify(element.byteLength > SHOWN_CHARACTERS ? `${text}…` : text);
}

function floatDifference(expected: Tensor, found: Tensor, tolerance: Tolerance): string | undefined {
  const [was, is] = [typedView(expected), typedView(found)];
  const halves = expected.datatype === "BF16";
  const stride = Math.max(1, Math.ceil(was.length / MAX_ELEMENTS));
  for (let at = 0; at < was.length; at += stride) {
    const [a, b] = [Number(was[at]), Number(is[at])];
    const [wanted, other] = halves ? [fromBf16(a), fromBf16(b)] : [a, b];
    if (!isClose(wanted, other, tolerance)) return `[${at}]: found ${other}, expected ${wanted}`;
  }
  return undefined;
}

/** NaN is close to NaN, an infinity to itself. */
function isClose(
  wanted: number,
  other: number,
  { relativeTolerance, absoluteTolerance }: Tolerance,
): boolean {
  if (Object.is(wanted, other) || wanted === other) return true;
  if (!Number.isFinite(wanted)) return false;
  return Math.abs(wanted - other) <= absoluteTolerance + relativeTolerance * Math.abs(wanted);
}
