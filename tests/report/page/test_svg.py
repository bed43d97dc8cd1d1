"""Elements are escaped, whatever stands in them."""

from radin.report.page.svg import element, picture, title


def test_text_and_values_are_escaped() -> None:
    made = element("text", "<b>&", class_='x" onload="y', stroke_width=2, hidden=None)
    assert made == '<text class="x&#34; onload=&#34;y" stroke-width="2">&lt;b&gt;&amp;</text>'
    assert title("a<b") == "<title>a&lt;b</title>"


def test_elements_stay_elements() -> None:
    inner = element("line", x1=0)
    assert f">{inner}</svg>" in picture(inner, height=9, label="a < b")
    assert 'aria-label="a &lt; b"' in picture(height=9, label="a < b")
