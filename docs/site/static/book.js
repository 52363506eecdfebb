// Draws the diagrams in the colours of the page; without Mermaid they stay as their source. A click shows one larger.
if (globalThis.mermaid) {
  const chosen = document.body.dataset.theme;
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  mermaid.initialize({ startOnLoad: true, securityLevel: "strict", theme: dark ? "dark" : "neutral" });
  for (const diagram of document.querySelectorAll("pre.mermaid")) {
    const toggle = () => diagram.classList.toggle("large");
    diagram.tabIndex = 0;
    diagram.title = "Larger, smaller";
    diagram.addEventListener("click", toggle);
    diagram.addEventListener("keydown", (event) => event.key === "Enter" && toggle());
  }
}
