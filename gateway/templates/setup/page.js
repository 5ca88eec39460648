"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(source);
    let copied = false;
    try {
      await navigator.clipboard.writeText(source.textContent);
      copied = true;
    } catch {
      // Without https there is no clipboard: the text is selected.
    }
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

const mark = document.getElementById("mark");
const begun = Date.now();
function show(state) {
  mark.className = "mark " + state.state;
  mark.querySelector(".title").textContent = state.title;
  mark.querySelector(".detail").textContent = state.detail;
}
async function look() {
  let next = Date.now() - begun < 600000 ? 2000 : 15000;
  if (!document.hidden) {
    try {
      const reply = await fetch(location.pathname.replace(/\/$/, "") + "/status", { headers: { Accept: "application/json" }, cache: "no-store" });
      const state = await reply.json();
      if (reply.ok) {
        show(state);
        if (state.state === "connected") return;
      } else if (reply.status === 404 || reply.status === 410) {
        show({ state: "refused", title: "This page is closed", detail: state.detail });
        return;
      } else {
        next = 15000;
      }
    } catch {
      next = 15000;
    }
  }
  setTimeout(look, next);
}
if (!mark.classList.contains("connected")) setTimeout(look, 1000);
for (const time of document.querySelectorAll("time")) {
  time.title = new Date(time.dateTime).toLocaleString();
}
