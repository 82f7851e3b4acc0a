// A canvas keeps the width it has on the screen: for paper it is frozen and scaled down to the page, then let go.
const PAPER_PX = 680; // A4 within the margins of report.css, at 96 px to the inch
const plots = () => [...document.querySelectorAll(".plot")];
addEventListener("beforeprint", () => {
  for (const plot of plots()) {
    const width = plot.scrollWidth; // in a narrow window more than is seen
    plot.style.width = `${width}px`;
    plot.style.zoom = Math.min(1, PAPER_PX / width);
  }
});
addEventListener("afterprint", () => {
  for (const plot of plots()) plot.removeAttribute("style");
});
