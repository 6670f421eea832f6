// What the buttons below an answer do. All of it happens in the browser: nothing is sent.
window.desk = {
  answer() {
    return document.querySelector("#answer .answer");
  },

  save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  },

  save_json() {
    const answer = desk.answer();
    if (!answer) return;
    const facts = JSON.stringify(JSON.parse(answer.dataset.facts), null, 2) + "\n";
    desk.save("bead.json", new Blob([facts], { type: "application/json" }));
  },

  // The answer as it stands on the page, with its styles, drawn as a picture.
  async save_png() {
    const answer = desk.answer();
    if (!answer) return;
    const box = answer.getBoundingClientRect();
    const copy = answer.cloneNode(true);
    copy.removeAttribute("data-facts");
    const styles = [...document.styleSheets].flatMap((sheet) => {
      try {
        return [...sheet.cssRules].map((rule) => rule.cssText).filter((text) => text.includes(".answer"));
      } catch {
        return [];
      }
    });
    const page = document.createElement("div");
    page.setAttribute("xmlns", "http://www.w3.org/1999/xhtml");
    page.style.width = `${box.width}px`;
    page.style.fontSize = getComputedStyle(answer).fontSize;
    const sheet = document.createElement("style");
    sheet.textContent = styles.join("\n");
    page.append(sheet, copy);
    const [width, height, scale] = [Math.ceil(box.width), Math.ceil(box.height), 2];
    const svg =
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width * scale}" height="${height * scale}" ` +
      `viewBox="0 0 ${width} ${height}"><foreignObject width="100%" height="100%">` +
      `${new XMLSerializer().serializeToString(page)}</foreignObject></svg>`;
    const picture = new Image();
    picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    canvas.toBlob((blob) => desk.save("bead.png", blob), "image/png");
  },

  print() {
    for (const one of document.querySelectorAll("#answer details")) one.open = true;
    window.print();
  },
};
