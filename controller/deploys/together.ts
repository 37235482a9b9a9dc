// Applications from here and there as one config, checked as a whole: names and routes must be unique among all.

import { type ConfigOutcome, formatFaults } from "../../runtime/base/config/index.ts";
import { ShoalError } from "../../runtime/base/index.ts";
import { decodeConfig, type ServeConfig } from "../config/index.ts";
import type { JsonObject, ReleaseContent } from "../store/index.ts";

/** Stands in where there is none: every config has one. */
const NO_APPLICATION: ReleaseContent = {
  config: { deployments: [{ name: "none", model: "none.onnx" }] },
  directory: "/",
};

export const STORED = "the store";

/** Faults name applications by their place in `contents`. */
export function decodeTogether(
  settings: JsonObject,
  contents: readonly ReleaseContent[],
): ConfigOutcome<ServeConfig> {
  if (contents.length === 0) {
    const decoded = decodeTogether(settings, [NO_APPLICATION]);
    return decoded.kind === "ok" ? { kind: "ok", value: { ...decoded.value, applications: [] } } : decoded;
  }
  const file = { ...settings, applications: contents.map(({ config }) => config) };
  const directories = contents.map(({ directory }) => directory);
  return decodeConfig(JSON.stringify(file), { file: STORED, directories });
}

export interface Readable<Content extends ReleaseContent> {
  readonly config: ServeConfig;
  /** In the order of the config's applications. */
  readonly contents: readonly Content[];
  /** What does not fit, with its faults. */
  readonly unfit: readonly { readonly content: Content; readonly faults: string }[];
}

/**
 * As many of them as fit: a Shoal that no longer takes an old config serves the others. Throws INVALID_CONFIG when the
 * settings are what does not fit.
 */
export function decodeReadable<Content extends ReleaseContent>(
  settings: JsonObject,
  all: readonly Content[],
): Readable<Content> {
  const unfit: { content: Content; faults: string }[] = [];
  let contents = all;
  for (;;) {
    const decoded = decodeTogether(settings, contents);
    if (decoded.kind === "ok") return { config: decoded.value, contents, unfit };
    const faultsOf = (index: number) =>
      decoded.faults.filter(({ path }) => path.startsWith(`applications[${index}]`));
    const fit = contents.filter((content, index) => {
      const faults = faultsOf(index);
      if (faults.length > 0) unfit.push({ content, faults: formatFaults(faults) });
      return faults.length === 0;
    });
    if (fit.length === contents.length) {
      throw new ShoalError(
        "INVALID_CONFIG",
        `Cannot use the settings in the store: ${formatFaults(decoded.faults)}`,
      );
    }
    contents = fit;
  }
}
