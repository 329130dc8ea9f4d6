#===- check_page.py - an HTML report stands alone -------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===-----------------------------------------------------------------------===#
"""Usage: check_page.py REPORT.html

The page is well formed, loads nothing from elsewhere, gives every chart a text
alternative and every scrolling region a name and the keyboard.
"""

import html.parser
import pathlib
import sys

VOID = {"meta", "br"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.headings, self.charts, self.tables = [], [], 0, 0

    def handle_starttag(self, tag, attrs):
        self.start(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.start(tag, dict(attrs))

    def start(self, tag, attrs):
        assert not attrs.keys() & {"src", "href", "action"}, (tag, attrs)
        assert tag not in {"link", "iframe", "img", "object"}, tag
        if tag == "svg":
            self.charts += 1
            assert attrs["role"] == "img" and attrs["aria-label"], attrs
        if tag == "table":
            self.tables += 1
        if "scroll" in attrs.get("class", "").split():
            assert attrs["tabindex"] == "0" and attrs["aria-label"] and attrs["role"] == "region", attrs
        if tag == "th":
            assert attrs["scope"] in ("row", "col"), attrs

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def main():
    text = pathlib.Path(sys.argv[1]).read_text()
    assert "http:" not in text and "https:" not in text and "@import" not in text and "url(" not in text
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open, page.open
    print(f"{page.charts} charts, {page.tables} tables: {', '.join(page.headings)}")


if __name__ == "__main__":
    main()
