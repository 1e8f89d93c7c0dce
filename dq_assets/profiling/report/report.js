"use strict";
(() => {
  const report = document.querySelector(".dq-report");
  const all = (selector) => [...report.querySelectorAll(selector)];
  const rows = all("#overview tbody tr"), sections = all(".column");
  for (const tools of all(".tools")) tools.hidden = false;

  const filter = report.querySelector("input"), count = report.querySelector("output");
  if (filter) {
    const words = rows.map((row) => row.cells[0].textContent.toLowerCase());
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      let found = 0;
      rows.forEach((row, index) => {
        row.hidden = sections[index].hidden = !words[index].includes(wanted);
        found += !row.hidden;
      });
      count.textContent = wanted ? `${found} of ${rows.length} columns` : "";
    });
  }

  for (const button of all("button")) {
    button.addEventListener("click", () => {
      for (const section of sections) section.open = button.value === "open";
    });
  }

  const reveal = () => {
    const target = /^#c\d+$/.test(location.hash) && document.querySelector(location.hash);
    if (!target) return;
    const section = target.closest("details");
    section.hidden = false;
    section.open = true;
    section.scrollIntoView();
    section.querySelector("summary").focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  reveal();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = sections.filter((section) => !section.open);
    if (opened.length < 200) for (const section of opened) section.open = true;
  });
  addEventListener("afterprint", () => {
    if (opened.length < 200) for (const section of opened) section.open = false;
  });
})();
