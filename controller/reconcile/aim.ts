// What a course heads for, and what it falls back on meanwhile.

import type { DesiredDeployment } from "./desired.ts";
import type { Course } from "./memory.ts";
import { keyOf, type Revision } from "./version.ts";

export interface Aim {
  /** What every replica is to be of. */
  readonly revision: Revision;
  readonly key: string;
  /** What missing capacity is made up with: while the aim is on trial, the last good revision. */
  readonly fallback: Revision;
  readonly fallbackKey: string;
  readonly onTrial: boolean;
  /** Whether the fallback has ever proven itself. */
  readonly good: boolean;
  /** The version that was given up. */
  readonly failedKey: string | undefined;
}

/** Undefined when there is to be no replica. */
export function aimOf(course: Course, desired: DesiredDeployment): Aim | undefined {
  switch (course.kind) {
    case "FIRST":
      return { ...aimAt(desired.revision, desired.revision), good: false };
    case "STEADY":
      return aimAt(course.good, course.good);
    case "ROLLING":
      return aimAt(course.target, course.good);
    case "ROLLED_BACK":
      return { ...aimAt(course.good, course.good), failedKey: keyOf(course.failed.revision) };
    case "FAILED":
    case "DELETING":
      return undefined;
  }
}

function aimAt(revision: Revision, fallback: Revision): Aim {
  const [key, fallbackKey] = [keyOf(revision), keyOf(fallback)];
  return {
    revision,
    key,
    fallback,
    fallbackKey,
    onTrial: key !== fallbackKey,
    good: true,
    failedKey: undefined,
  };
}
