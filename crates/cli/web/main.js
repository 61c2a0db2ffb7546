import { Session } from "./session.js";
import { Call } from "./call.js";
import { Chat } from "./chat.js";
import { Files } from "./files.js";
import { Statistics } from "./statistics.js";

const words = {
  new: "Connecting …",
  connecting: "Connecting …",
  connected: "Connected",
  disconnected: "Interrupted, trying again …",
  failed: "Not connected",
  closed: "Not connected",
};

const state = document.getElementById("state");
const notice = document.getElementById("notice");
const session = new Session();

session.addEventListener("state", ({ detail }) => {
  state.textContent = words[detail] ?? detail;
  state.dataset.state = detail;
  if (detail === "connected") notice.hidden = true;
});
session.addEventListener("failure", ({ detail }) => {
  notice.textContent = detail;
  notice.hidden = false;
});

session.start();
if (session.pc) {
  new Chat(session);
  new Files(session);
  new Call(session);
  new Statistics(session);
} else {
  state.textContent = words.failed;
  state.dataset.state = "failed";
  for (const control of document.querySelectorAll("button, input")) control.disabled = true;
}
