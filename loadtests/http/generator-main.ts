// The load generator's process: runs the loads that its parent sends, one after the other.

import { answerParent } from "../child.ts";
import { type LoadOptions, type LoadReport, runLoad } from "./load.ts";

answerParent<LoadOptions, LoadReport>((options) => runLoad(options));
