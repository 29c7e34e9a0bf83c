"""Build the site of the project's pages, English and Chinese: ``python docs/build_site.py --out DIR``.

Needs ``pip install -r requirements-docs.txt`` and nothing else: no page asks another
server for anything. The pages are those of the repository, where their links lead
from file to file; here each link is turned to the page, the picture or the source
that it means. Afterwards every link and anchor of the result is looked up,
and the words that a beginner searches for.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "site"
sys.path.insert(0, str(SITE))

from looked_up import broken_links  # noqa: E402
from navigation import navigation  # noqa: E402
from pages import LANGUAGES, Pages  # noqa: E402
from searched import not_found_first  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder; made anew")
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for language in LANGUAGES:
            source = Path(folder) / language
            pages = Pages(ROOT, language)
            pages.write(source / "pages")
            config(source / "mkdocs.yml", language, pages, args.out.resolve() / language)
            environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
            command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-f", source / "mkdocs.yml"]
            subprocess.run(command, check=True, env=environment)
    (args.out / "index.html").write_text(CHOICE, encoding="utf-8")
    wrong = [*broken_links(args.out), *not_found_first(args.out)]
    for line in wrong[:50]:
        print(line, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} links or searches of the site lead to a wrong place")
    print(f"wrote {sum(1 for _ in args.out.rglob('*.html'))} pages to {args.out}")


def config(path: Path, language: str, pages: Pages, out: Path) -> None:
    """The configuration of one language, on top of docs/site/mkdocs.yml."""
    import yaml

    own = {
        "INHERIT": str(SITE / "mkdocs.yml"),
        "docs_dir": str(path.parent / "pages"),
        "site_dir": str(out),
        "hooks": [str(SITE / "formulas.py")],
        "theme": {"language": language},
        "plugins": [{"search": search(language)}],
        "nav": navigation(pages, language),
        "not_in_nav": "source/",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(own, allow_unicode=True, sort_keys=False), encoding="utf-8")


def search(language: str) -> dict:
    """Chinese is divided into words by jieba, which is told the words of the field."""
    chinese = {"lang": ["en", "zh"], "jieba_dict_user": str(SITE / "words.txt")}
    return {"separator": SEPARATOR, **(chinese if language == "zh" else {"lang": ["en"]})}


SEPARATOR = r"[\s\u200b\-_,:!=\[\]()\"/`、，。；：（）]+|\.(?!\d)"
CHOICE = """<!doctype html><meta charset="utf-8"><title>paddleseg_lite</title>
<script>location.replace(/^zh/i.test(navigator.language) ? "zh/index.html" : "en/index.html")</script>
<a href="en/index.html">English</a> · <a href="zh/index.html">中文</a>
"""

if __name__ == "__main__":
    main()
