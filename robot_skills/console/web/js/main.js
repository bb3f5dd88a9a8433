// Starts the parts and switches between the two tabs.
import { $ } from "./dom.js";
import { link } from "./link.js";
import { startControl, wish } from "./control.js";
import { startDataset, showDatasetTab } from "./dataset.js";
import { recordKey, startEpisode, wishKey } from "./episode.js";
import { handActive, showHandTab, startHand, toggleGripper } from "./hand.js";
import { startKeys } from "./keys.js";
import { startPlan } from "./plan.js";
import { startStreams } from "./streams.js";
import { startToasts } from "./toasts.js";
import { showViews, startViews } from "./views.js";

function act(does) {
  if (does === "estop") wish("estop");
  else if (does === "gripper") toggleGripper();
  else if (does === "record") recordKey();
  else wishKey(does);
}

function show(tab) {
  for (const name of ["live", "dataset"]) {
    $(name).hidden = name !== tab;
    $(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
  }
  showHandTab(tab === "live");
  showViews(tab === "live");
  showDatasetTab(tab === "dataset");
}

startToasts();
startControl();
startViews();
startEpisode();
startPlan();
startStreams();
startHand();
startKeys(handActive, act);
startDataset();
for (const name of ["live", "dataset"]) $(`tab-${name}`).addEventListener("click", () => show(name));
link.on("hello", (hello) => { $("tab-dataset").disabled = !hello.library; });
link.connect();
