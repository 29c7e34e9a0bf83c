"""The site's pages without MkDocs: which file is which page, where links lead, what the checks of a built site find.

The whole site is built, and checked, by ``python docs/build_site.py`` (a step of ``.ci/run``).
"""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site():
    sys.path.insert(0, str(ROOT / "docs" / "site"))
    yield importlib.import_module
    sys.path.remove(str(ROOT / "docs" / "site"))
    for name in ("pages", "navigation", "looked_up", "searched"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def pages_of(site):
    sys.modules.pop("pages", None)  # tests/docs has a module of this name
    return site("pages")


@pytest.mark.parametrize(
    ("file", "page", "language"),
    [
        ("README.md", "index.md", "en"),
        ("README_zh.md", "index.md", "zh"),
        ("docs/course/zh/day1.md", "course/day1.md", "zh"),
        ("docs/howto/en/README.md", "howto/index.md", "en"),
        ("configs/unet/README.md", "models/unet.md", "en"),
        ("docs/faq_zh.md", "faq.md", "zh"),
    ],
)
def test_files_and_pages(pages_of, file, page, language):
    assert pages_of.place_of(file) == (page, language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_link_of_every_page_leads_somewhere(pages_of, site, language, tmp_path):
    pages = pages_of.Pages(ROOT, language)
    pages.write(tmp_path)
    assert len(pages.places) == len(set(pages.places.values())) > 60
    checked = 0
    for page in tmp_path.rglob("*.md"):
        if page.relative_to(tmp_path).parts[0] == "source":
            continue
        text = pages_of.CODE.sub("", page.read_text(encoding="utf-8"))
        for _, target, _ in [*pages_of.LINK.findall(text), *pages_of.IMAGE.findall(text)]:
            path = target.partition("#")[0]
            if not path or re.match(r"[a-z]+:", target) or not path.endswith((".md", ".png", ".svg")):
                continue
            checked += 1
            assert (page.parent / path).is_file(), f"{page}: {target}"
    assert checked > 300
    named = str(site("navigation").navigation(pages, language))
    assert all(place in named for place in pages.places.values())


def test_a_link_to_the_other_language_leaves_this_ones_folder(pages_of):
    pages = pages_of.Pages(ROOT, "en")
    assert pages.link("../zh/day1.md", "docs/course/en/day1.md") == "../../../zh/course/day1/"
    assert pages.link("README_zh.md", "README.md") == "../zh/"
    assert pages.link("day2.md#un-pooling", "docs/course/en/day1.md") == "day2.md#un-pooling"
    with pytest.raises(FileNotFoundError, match=r"no_such\.md"):
        pages.link("no_such.md", "README.md")


def test_a_page_in_english_only_shows_chinese_pictures_in_the_chinese_site(pages_of):
    for language, file in (("en", "unet.svg"), ("zh", "unet_zh.svg")):
        pages = pages_of.Pages(ROOT, language)
        assert pages.link("../../docs/images/networks/unet.svg", "configs/unet/README.md").endswith(f"networks/{file}")
        assert pages.link("../../docs/images/quick_start.png", "configs/unet/README.md").endswith("quick_start.png")


def test_lines_of_chinese_join_without_a_blank(pages_of):
    assert pages_of.BROKEN_CHINESE.sub("", "相似\n度，a\n乙\n\n丙") == "相似度，a\n乙\n\n丙"


def test_what_the_check_of_a_built_site_finds(site, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "index.html").write_text("<h2 id='x'></h2>", encoding="utf-8")
    (tmp_path / "index.html").write_text(
        "<a href='a/#x'></a><a href='a/#y'></a><a href='b/'></a><a href='https://example.org'></a>"
        "<script src='https://example.org/x.js'></script>",
        encoding="utf-8",
    )
    found = site("looked_up").broken_links(tmp_path)
    assert found == ["index.html: fetches https://example.org/x.js", "index.html: a/#y", "index.html: b/"]


def test_titles_come_first_and_boosts_count(site):
    entry = {"title": "Other", "text": "mIoU " * 50}
    docs = [{"location": "long", **entry}, {"location": "right", "title": "mIoU", "text": ""}]
    index = {"config": {"fields": {"title": {"boost": 1000.0}, "text": {"boost": 1.0}}}, "docs": docs}
    first = site("searched").first_place
    assert first(index, "miou") == "right"
    docs.append({"location": "boosted", "title": "mIoU", "text": "", "boost": 3})
    assert first(index, "mIoU") == "boosted"
