"""Opens a report in headless Chromium and checks what a reader would notice.

    python xtask/browser/check_report.py FOLDER [--screenshots DIR] [--chromium /usr/bin/chromium]

Needs the PyPI package `playwright` and a Chromium (Debian: `apt-get install chromium`). Every failed check is printed
as one line; the exit status is 1 if there is any.
"""

import argparse
import json
import os
import pathlib
import sys
import xml.etree.ElementTree

from playwright.sync_api import sync_playwright

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = 1280, 390

FIGURES = """() => [...document.querySelectorAll('svg[role=img]')].map(svg => {
  const box = svg.getBoundingClientRect();
  const named = (svg.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id));
  return {
    id: svg.id, left: box.left + scrollX, right: box.right + scrollX, width: box.width, height: box.height,
    shown: svg.checkVisibility({visibilityProperty: true, opacityProperty: true}),
    title: svg.querySelector(':scope > title')?.textContent.trim() || '',
    desc: svg.querySelector(':scope > desc')?.textContent.trim() || '',
    named: named.length > 0 && named.every(element => element !== null && svg.contains(element)),
    texts: [...svg.querySelectorAll('text')].map(text => text.textContent.trim()).filter(text => text),
    marks: svg.querySelectorAll('path, circle, rect:not(.sheet), polyline').length,
    outside: [...svg.querySelectorAll('text')].filter(text => {
      const inner = text.getBoundingClientRect();
      return inner.left < box.left - 2 || inner.right > box.right + 2 || inner.top < box.top - 2 || inner.bottom > box.bottom + 2;
    }).map(text => text.textContent),
  };
})"""

STRUCTURE = """() => {
  const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
  const links = [...document.querySelectorAll('a[href]')].map(link => link.getAttribute('href'));
  return {
    repeated: ids.filter((id, index) => ids.indexOf(id) !== index),
    broken: links.filter(href => href.startsWith('#') && !document.getElementById(decodeURIComponent(href.slice(1)))),
    files: links.filter(href => !href.startsWith('#')),
    headings: [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => [Number(h.tagName[1]), h.textContent]),
    uncaptioned: [...document.querySelectorAll('table')].filter(t => !t.caption?.textContent.trim()).length,
    unscoped: [...document.querySelectorAll('th:not([scope])')].length,
    nameless: [...document.querySelectorAll('a, summary')].filter(link => !link.textContent.trim()).length,
    verdicts: [...document.querySelectorAll('.verdict')].map(v => v.textContent.trim()),
    landmarks: ['header', 'main', 'footer'].filter(name => !document.querySelector('body > ' + name)),
    lang: document.documentElement.lang, title: document.title,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
}"""

# the contrast of a text with what is painted behind it, after WCAG 2
CONTRAST = """() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  const rgba = css => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = css; pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data]; };
  const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
    return [255, 255, 255, 255];
  };
  const samples = {
    'body': 'body', 'paragraph': 'main p', 'link': 'main a', 'soft text': '.origin', 'caption': 'caption', 'figure caption': 'figcaption',
    'holding verdict': '.holds', 'failing verdict': '.fails', 'deviation': '.deviation td', 'code': 'pre code', 'unit': '.unit', 'file link': '.files a',
  };
  const found = [];
  const measure = (name, element, css) => {
    const [a, b] = [luminance(rgba(css)), luminance(behind(element))].sort((x, y) => y - x);
    found.push([name, (a + 0.05) / (b + 0.05)]);
  };
  for (const [name, selector] of Object.entries(samples)) {
    const element = document.querySelector(selector);
    if (element) measure(name, element, getComputedStyle(element).color);
  }
  for (const text of document.querySelectorAll('svg[role=img] text')) {
    // annotations of heat-map cells stand on the cell, whose colour does not follow the page
    if (['#000000', '#ffffff'].includes(text.getAttribute('fill'))) continue;
    measure('figure text "' + text.textContent + '"', text, getComputedStyle(text).fill);
  }
  return found;
}"""

# lines and points need a contrast of 3 only, and faint guides and bands none; axes and series are sampled
MARKS_IN_INK = (
    """() => document.querySelectorAll('svg[role=img] line[stroke="currentColor"]:not([stroke-opacity])').length"""
)


class Findings:
    """Collects what is wrong, with the place where it was seen."""

    def __init__(self):
        self.wrong = []
        self.n_checks = 0

    def expect(self, right, message):
        self.n_checks += 1
        if not right:
            self.wrong.append(message)


def open_page(browser, page_file, findings, label, **options):
    """A new page with the report in it; whatever it asks the network or prints is a finding."""
    context = browser.new_context(**options)
    context.set_offline(True)
    page = context.new_page()
    address = page_file.as_uri()

    def answer(route):
        url = route.request.url
        if url.split("#")[0] == address:
            route.continue_()
        else:
            findings.expect(False, f"{label}: the page asks for {url[:120]}")
            route.abort()

    page.route("**/*", answer)
    page.on(
        "request",
        lambda request: findings.expect(
            request.url.split("#")[0] == address or request.url.startswith("data:"),
            f"{label}: request for {request.url[:120]}",
        ),
    )
    page.on(
        "console",
        lambda message: findings.expect(
            message.type not in ("error", "warning"), f"{label}: console {message.type}: {message.text}"
        ),
    )
    page.on("pageerror", lambda error: findings.expect(False, f"{label}: script error: {error}"))
    page.goto(address)
    return page


def check_figures(page, findings, label, expected, width=None):
    figures = page.evaluate(FIGURES)
    findings.expect(
        len(figures) == expected, f"{label}: {len(figures)} figures on the page, report.json lists {expected}"
    )
    for figure in figures:
        name = f"{label}: figure {figure['id'] or '(without id)'}"
        findings.expect(figure["shown"], f"{name} is not visible")
        findings.expect(
            figure["width"] > 100 and figure["height"] > 50, f"{name} is only {figure['width']} x {figure['height']} px"
        )
        if width is not None:
            findings.expect(
                figure["left"] >= 0 and figure["right"] <= width,
                f"{name} sticks out: {figure['left']} to {figure['right']} of {width} px",
            )
        findings.expect(figure["title"], f"{name} has no <title>")
        findings.expect(figure["desc"], f"{name} has no <desc>; call describe()")
        findings.expect(figure["named"], f"{name} is not labelled by its own title and desc")
        words = [text for text in figure["texts"] if any(letter.isalpha() for letter in text) and len(text) > 1]
        findings.expect(words, f"{name} has no axis label")
        findings.expect(
            any(any(letter.isdigit() for letter in text) for text in figure["texts"]), f"{name} has no tick labels"
        )
        findings.expect(figure["marks"] > 0, f"{name} draws nothing")
        findings.expect(not figure["outside"], f"{name} cuts off the text {figure['outside'][:3]}")
    return figures


def check_structure(page, findings, folder):
    found = page.evaluate(STRUCTURE)
    findings.expect(not found["repeated"], f"ids used twice: {found['repeated'][:5]}")
    findings.expect(not found["broken"], f"links to nowhere in the page: {found['broken'][:5]}")
    for name in found["files"]:
        findings.expect((folder / name).is_file(), f"link to a file that is not there: {name}")
    level = 0
    for depth, text in found["headings"]:
        findings.expect(depth <= level + 1, f"heading {text!r} jumps from level {level} to {depth}")
        level = depth
    findings.expect([depth for depth, _ in found["headings"]].count(1) == 1, "there is not exactly one h1")
    findings.expect(found["uncaptioned"] == 0, f"{found['uncaptioned']} tables have no caption")
    findings.expect(found["unscoped"] == 0, f"{found['unscoped']} header cells have no scope")
    findings.expect(found["nameless"] == 0, f"{found['nameless']} links or summaries have no text")
    findings.expect(not found["landmarks"], f"landmarks missing: {found['landmarks']}")
    findings.expect(found["lang"] and found["title"], "the page has no language or no title")
    for verdict in found["verdicts"]:
        findings.expect(
            any(word in verdict for word in ("holds", "fails")) and verdict[0] in "✓✗",
            f"verdict without word and symbol: {verdict!r}",
        )


def check_keyboard(page, findings):
    """The first stop is the skip link, it leads to the results, and every later stop has a visible ring."""
    focused = (
        "() => { const e = document.activeElement; const s = getComputedStyle(e); const b = e.getBoundingClientRect();"
        " return {tag: e.tagName, href: e.getAttribute('href'), top: b.top, ring: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0}; }"
    )
    page.keyboard.press("Tab")
    first = page.evaluate(focused)
    findings.expect(
        first["href"] == "#results", f"the first tab stop is {first['tag']} {first['href']}, not the skip link"
    )
    findings.expect(first["top"] >= 0, "the skip link is not on the screen while it has the focus")
    page.keyboard.press("Enter")
    findings.expect(page.evaluate("location.hash") == "#results", "the skip link does not lead to the results")
    for _ in range(15):
        page.keyboard.press("Tab")
        stop = page.evaluate(focused)
        if stop["tag"] == "BODY":
            break
        findings.expect(stop["ring"], f"no focus ring on {stop['tag']} {stop['href']}")


def check_contrast(page, findings, label):
    measured = page.evaluate(CONTRAST)
    findings.expect(
        any(name.startswith("figure text") for name, _ in measured), f"{label}: no figure text was measured"
    )
    findings.n_checks += len(measured)
    low = sorted((contrast, name) for name, contrast in measured if contrast < 4.5)
    for contrast, name in low[:5]:
        findings.wrong.append(
            f"{label}: contrast of {name} is {contrast:.2f}, needs 4.5 ({len(low)} texts are too faint)"
        )
    findings.expect(page.evaluate(MARKS_IN_INK) > 0, f"{label}: no axis follows the text colour")


def check_files(folder, names, findings):
    """Every figure file parses as XML on its own and refers to nothing outside itself; the PNG stands beside it."""
    for name in names:
        try:
            root = xml.etree.ElementTree.parse(folder / name).getroot()
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            findings.expect(False, f"{name} cannot be read: {error}")
            continue
        for element in root.iter():
            for attribute, value in element.attrib.items():
                outside = attribute.endswith("href") or "url(" in value or "http" in value
                findings.expect(not outside, f"{name} refers outside with {attribute}={value[:60]!r}")
        image = folder / (name.removesuffix(".svg") + ".png")
        findings.expect(image.is_file() and image.read_bytes()[:4] == b"\x89PNG", f"{image.name} is missing or no PNG")


def check_width(page, findings, label):
    overflow = page.evaluate(STRUCTURE)["overflow"]
    findings.expect(overflow <= 0, f"{label}: the page is {overflow} px wider than the window")


def check(folder, chromium, screenshots):
    findings = Findings()
    page_file = folder / "index.html"
    findings.expect(page_file.is_file(), f"{page_file} is not there")
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    expected = sum(len(experiment["figures"]) for experiment in report["experiments"])
    text = page_file.read_text(encoding="utf-8")
    findings.expect("<script" not in text, "the page contains a script")
    check_files(folder, [name for experiment in report["experiments"] for name in experiment["figures"]], findings)

    def shoot(page, name):
        if screenshots:
            screenshots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(screenshots / f"{name}.png"), full_page=True)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGUMENTS)
        try:
            wide = {"viewport": {"width": WIDE, "height": 900}}
            page = open_page(browser, page_file, findings, "light", color_scheme="light", **wide)
            check_figures(page, findings, "light", expected, WIDE)
            check_structure(page, findings, folder)
            check_contrast(page, findings, "light")
            check_width(page, findings, "light, 1280 px")
            shoot(page, "light")
            check_keyboard(page, findings)

            page = open_page(browser, page_file, findings, "dark", color_scheme="dark", **wide)
            check_figures(page, findings, "dark", expected, WIDE)
            check_contrast(page, findings, "dark")
            shoot(page, "dark")

            page = open_page(browser, page_file, findings, "narrow", viewport={"width": NARROW, "height": 844})
            check_figures(page, findings, "narrow", expected)
            check_width(page, findings, "narrow, 390 px")
            shoot(page, "narrow")

            page = open_page(
                browser, page_file, findings, "print", color_scheme="dark", viewport={"width": 700, "height": 1000}
            )
            page.emulate_media(media="print")
            check_figures(page, findings, "print", expected, 700)
            check_contrast(page, findings, "print")
            check_width(page, findings, "print, 700 px")
            sheet = page.evaluate("getComputedStyle(document.body).backgroundColor")
            findings.expect(sheet == "rgb(255, 255, 255)", f"print: the sheet is {sheet}, not white")
            if screenshots:
                shoot(page, "print")
                page.pdf(path=str(screenshots / "print.pdf"), format="A4")

            # without JavaScript nothing can be evaluated in the page, so its parts are looked up from outside
            page = open_page(browser, page_file, findings, "no script", java_script_enabled=False, **wide)
            drawings = page.locator("svg[role=img]")
            findings.expect(
                drawings.count() == expected, f"no script: {drawings.count()} figures instead of {expected}"
            )
            for index in range(drawings.count()):
                box = drawings.nth(index).bounding_box()
                findings.expect(
                    box is not None and box["width"] > 100 and box["height"] > 50,
                    f"no script: figure {index + 1} is not visible",
                )
        finally:
            browser.close()
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="the folder that `neuropil reproduce` wrote")
    parser.add_argument("--screenshots", type=pathlib.Path, help="write light, dark, narrow and print pictures here")
    parser.add_argument(
        "--chromium",
        default=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        help="the browser (default: %(default)s, from CHROMIUM if set)",
    )
    arguments = parser.parse_args()
    if not (arguments.folder / "report.json").is_file():
        parser.error(f"{arguments.folder} holds no report: report.json is missing")
    findings = check(arguments.folder.resolve(), arguments.chromium, arguments.screenshots)
    for line in dict.fromkeys(findings.wrong):
        print(f"wrong: {line}", file=sys.stderr)
    print(f"{findings.n_checks} checks of {arguments.folder}, {len(findings.wrong)} failed")
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
