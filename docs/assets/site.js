// What the theme leaves out for keyboards and screen readers: blocks that scroll take the focus, and the buttons of each
// block of code have a name of their own.
(() => {
  const mend = () => {
    for (const block of document.querySelectorAll("pre > code, .md-typeset__scrollwrap")) {
      if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    }
    document.querySelectorAll(".md-code__nav").forEach((part, place) => {
      const name = `Code block ${place + 1}`;
      if (part.getAttribute("aria-label") !== name) part.setAttribute("aria-label", name);
    });
  };
  const begin = () => {
    mend();
    new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
    addEventListener("resize", mend);
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
})();
