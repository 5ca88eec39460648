import { fixtures } from "scimgate-plugin-sdk/testing";

import * as plugin from "../src/plugin.ts";

fixtures(plugin, "fixtures");
