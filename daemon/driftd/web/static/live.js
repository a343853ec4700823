// Keeps the page fresh while somebody looks at it; without this script the page is complete as it came.
const EVERY = 5000;
const said = document.getElementById("live");

async function refresh() {
  if (document.hidden || document.querySelector("details[open]") || String(getSelection())) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
    const main = document.getElementById("main");
    if (fresh.innerHTML !== main.innerHTML && !main.contains(document.activeElement)) {
      const typed = [...main.querySelectorAll("input")].map((input) => input.value);
      main.replaceWith(document.adoptNode(fresh));
      fresh.querySelectorAll("input").forEach((input, place) => (input.value = typed[place] ?? ""));
    }
    if (said.textContent) said.textContent = "";
  } catch {
    said.textContent = "the daemon does not answer";
  }
}

setInterval(refresh, EVERY);
