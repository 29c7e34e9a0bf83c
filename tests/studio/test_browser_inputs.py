"""Pictures that come by camera and by clipboard, and Gradio's own words beside them."""

import pytest
from browsing import keep
from served import why_no_browser

pytestmark = pytest.mark.skipif(bool(why_no_browser()), reason=f"no browser: {why_no_browser()}")

COPY = """async () => {
  const canvas = new OffscreenCanvas(70, 40), pen = canvas.getContext('2d');
  pen.fillStyle = 'red';
  pen.fillRect(10, 10, 30, 20);
  await navigator.clipboard.write([new ClipboardItem({'image/png': await canvas.convertToBlob()})]);
}"""


def test_a_picture_is_pasted(opened):
    page = opened("en", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Remove Image").filter(visible=True).first.click()
    page.evaluate(COPY)
    page.get_by_role("button", name="Paste from clipboard").filter(visible=True).first.click()
    page.wait_for_selector("#segment")
    page.wait_for_function("[...document.querySelectorAll('.look img')].some(i => i.naturalWidth == 70)")
    page.click("#segment")
    page.wait_for_selector("#try-status:has-text('70 x 40 pixels')")
    keep(page, "pasted")


def test_a_photograph_is_taken_and_gradio_speaks_chinese(opened):
    page = opened("zh", permissions=["camera"])
    page.get_by_role("button", name="移除图片").filter(visible=True).first.click()
    page.wait_for_selector("text=将图像拖放到此处")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.get_by_role("button", name="用摄像头拍摄").filter(visible=True).first.click()
    page.get_by_text("点击以使用摄像头").first.click()
    page.wait_for_function("[...document.querySelectorAll('video')].some(v => v.videoWidth && v.readyState == 4)")
    page.get_by_role("button", name="拍照").filter(visible=True).first.click()
    page.wait_for_function("[...document.querySelectorAll('.look img')].some(i => i.naturalWidth >= 320)")
    page.click("#segment")
    page.wait_for_selector("#try-status:has-text('像素')")
    width, height = map(int, page.inner_text("#try-status").rpartition("，")[2].removesuffix(" 像素").split(" x "))
    assert width >= 320 and height >= 240
    keep(page, "photograph")


def test_gradio_speaks_english_on_the_english_page(opened):
    page = opened("en")  # in a German browser
    page.get_by_role("button", name="Remove Image").filter(visible=True).first.click()
    page.wait_for_selector("text=Drop Image Here")
