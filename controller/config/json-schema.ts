// The JSON Schema of `shoal.yaml` that the package publishes as `shoal/shoal.schema.json`. A config names it in
// its first line: `# yaml-language-server: $schema=node_modules/shoal/controller/config/shoal.schema.json`.

import { ServeFile } from "./schema.ts";

/** Draft 2020-12, without the keywords that only our own messages use. */
export function configJsonSchema(): unknown {
  const schema = { $schema: "https://json-schema.org/draft/2020-12/schema", ...ServeFile };
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => (key === "x-wanted" ? undefined : value)),
  );
}
