// The parts of Observable Plot that the page of `hesnr report` uses. The bundle has nothing else.
export {
  plot,
  areaY, lineY, // curves over steps, with bands
  dot, ruleX, ruleY, tickX, // intervals; lines at ln k and at epsilon
  rectY, barX, barY, // histograms and counts
  text, tip, pointer, pointerX, // names of lines; the numbers at the mouse pointer
  axisX, axisY, axisFx, axisFy, gridX, gridY, frame,
} from "@observablehq/plot";
