// What pages do beyond links and forms. All of it may be missing: pages read and work without.
import { ages } from "./ages.js";
import { copying } from "./copy.js";
import { keys } from "./keys.js";
import { loading } from "./loading.js";
import { refreshing } from "./refresh.js";
import { theme } from "./theme.js";
import { titles } from "./titles.js";
import { zoom } from "./zoom.js";

ages();
theme();
keys();
copying();
titles();
zoom();
loading();
refreshing(ages);
