// Writes `shoal.schema.json` beside this file: `node controller/config/write-schema.ts`, then the formatter.
// A test fails when the committed file is not what this would write.

import { writeFileSync } from "node:fs";
import { configJsonSchema } from "./json-schema.ts";

const path = new URL("shoal.schema.json", import.meta.url);
writeFileSync(path, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
