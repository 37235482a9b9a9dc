import { LocalBackend } from "../../../runtime/cluster/index.ts";
import { temporaryFolder } from "./support.ts";
import { backendConformance } from "./conformance.ts";

const folder = temporaryFolder();
let files = 0;

backendConformance("memory", () => LocalBackend.start());
backendConformance("file", () => LocalBackend.start({ file: `${folder}/${++files}.sqlite` }));
