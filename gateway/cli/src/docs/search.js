// Finds the sections that have every word of the question, those with the words in a heading first. The index is built with the site.
const MOST = 50;
const question = new URLSearchParams(location.search).get("q") ?? "";
const list = document.getElementById("found");
document.querySelector("input[name=q]").value = question;
const words = question.toLowerCase().split(/\s+/).filter(Boolean);

function weight(section) {
  const heading = `${section.title} ${section.heading}`.toLowerCase();
  const text = section.text.toLowerCase();
  if (!words.every((word) => heading.includes(word) || text.includes(word))) return 0;
  return 1 + 10 * words.filter((word) => heading.includes(word)).length;
}

function excerpt(text) {
  const at = text.toLowerCase().indexOf(words[0]);
  const from = Math.max(0, at - 80);
  return (from > 0 ? "… " : "") + text.slice(from, from + 240) + (from + 240 < text.length ? " …" : "");
}

if (words.length > 0) {
  const index = await (await fetch("search.json")).json();
  const found = index.map((section) => [weight(section), section]).filter(([value]) => value > 0);
  found.sort(([one], [other]) => other - one);
  document.getElementById("count").textContent = found.length === 0 ? "Nothing was found." : `${found.length} sections were found.`;
  for (const [, section] of found.slice(0, MOST)) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = section.page + (section.anchor ? `#${section.anchor}` : "");
    link.textContent = section.heading && section.heading !== section.title ? `${section.title}: ${section.heading}` : section.title;
    const text = document.createElement("p");
    text.textContent = excerpt(section.text);
    item.append(link, text);
    list.append(item);
  }
}
