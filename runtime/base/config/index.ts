export { MAX_DEPTH, MAX_NODES } from "./build-tree.ts";
export { decodeDocument, MAX_CONFIG_BYTES, type Report, type Rule } from "./decode.ts";
export { type ConfigOutcome, formatFault, formatFaults, quote } from "./fault.ts";
export { type Field, fieldOf, fieldsOf, numberOf, scalarOf, stringOf } from "./node.ts";
export { readConfigFile } from "./read.ts";
export { suggest } from "./suggest.ts";
