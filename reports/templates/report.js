// Charts answer to the pointer, to touch and, when focused, to the arrow keys. Nothing is loaded.
"use strict";
const says = document.getElementById("says");
function show(chart, answer, x, y) {
  for (const old of chart.querySelectorAll(".found")) old.classList.remove("found");
  answer.classList.add("found");
  says.textContent = answer.dataset.says;
  says.hidden = false;
  const room = document.documentElement.clientWidth - says.offsetWidth - 8;
  says.style.left = Math.max(8, Math.min(x + 12, room)) + scrollX + "px";
  says.style.top = Math.max(8, y - says.offsetHeight - 12) + scrollY + "px";
}
function hide(chart) {
  for (const old of chart.querySelectorAll(".found")) old.classList.remove("found");
  says.hidden = true;
}
for (const chart of document.querySelectorAll("figure svg[tabindex]")) {
  const answers = [...chart.querySelectorAll(".answer")];
  let at = -1;
  chart.addEventListener("pointermove", (event) => {
    if (event.target.matches(".answer")) show(chart, event.target, event.clientX, event.clientY);
  });
  chart.addEventListener("pointerdown", (event) => {
    if (event.target.matches(".answer")) show(chart, event.target, event.clientX, event.clientY);
  });
  chart.addEventListener("pointerleave", () => hide(chart));
  chart.addEventListener("blur", () => hide(chart));
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hide(chart);
    if (!step || !answers.length) return;
    event.preventDefault();
    at = at < 0 && step < 0 ? answers.length - 1 : Math.max(0, Math.min(answers.length - 1, at + step));
    const box = answers[at].getBoundingClientRect();
    show(chart, answers[at], box.x + box.width / 2, box.y + 20);
  });
}
