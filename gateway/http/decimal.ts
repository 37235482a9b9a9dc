// A decimal number as the nearest double, for mantissas of up to 18 digits: where double arithmetic is enough to be sure
// of the last bit, and that is nearly always.
//
// 1. What is given is the double that JSON.parse gives. In doubt it is NaN, and the caller asks JSON.parse's own routine.
//
// Clinger, "How to Read Floating Point Numbers Accurately" (1990), for short mantissas; for others a quotient of twice the
// precision (Dekker, 1971), whose error is then seen to be too small to matter (Ziv, 1991).

/** Up to here 10^k is a double; a quotient or product of it and another double is rounded once, so rightly. */
export const EXACT_POWERS = 22;
/** Up to here it is the sum of two. */
const MOST = 44;

/** 10^k, k from 0 to 44. */
export const POWERS = Float64Array.from({ length: MOST + 1 }, (_, k) => Number(`1e${k}`));
/** What they lack. */
const REST = POWERS.map((power, k) => Number(10n ** BigInt(k) - BigInt(power)));
/** Their upper 26 bits, and the lower ones: products with halves of another double are exact. */
const UPPER = POWERS.map(upperHalf);
const LOWER = POWERS.map((power, k) => power - (UPPER[k] ?? 0));
const INVERSE = POWERS.map((power) => 1 / power);

/** Well above the error of a quotient of twice the precision, in units of its smaller part where that can change a rounding. */
const DOUBT = 1 + 2 ** -40;

function upperHalf(value: number): number {
  const shifted = 134_217_729 * value; // 2^27 + 1
  return shifted - (shifted - value);
}

/**
 * (high + low) / 10^places, where both are whole numbers from 0, `low` is below 2^53 and their sum below 2^63; negative
 * places multiply.
 */
export function scaled(high: number, low: number, places: number): number {
  const whole = high + low;
  const rest = low - (whole - high);
  if (rest === 0) {
    if (places >= 0 && places <= EXACT_POWERS) return whole / (POWERS[places] ?? 0);
    if (places < 0 && places >= -EXACT_POWERS) return whole * (POWERS[-places] ?? 0);
  }
  if (places < 0 || places > MOST) return Number.NaN;
  const power = POWERS[places] ?? 0;
  const quotient = whole / power;
  // The remainder of that, in full: quotient * power is `product` and `error` together.
  const upper = upperHalf(quotient);
  const lower = quotient - upper;
  const powerUpper = UPPER[places] ?? 0;
  const powerLower = LOWER[places] ?? 0;
  const product = quotient * power;
  const error = upper * powerUpper - product + upper * powerLower + lower * powerUpper + lower * powerLower;
  const remainder = whole - product - error + rest - quotient * (REST[places] ?? 0);
  const more = remainder * (INVERSE[places] ?? 0);
  const sum = quotient + more;
  const left = more - (sum - quotient);
  return sum + left * DOUBT === sum ? sum : Number.NaN; // invariant 1
}
