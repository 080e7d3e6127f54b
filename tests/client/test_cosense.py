"""The notation of Cosense."""

import time

import pytest

from gyazo_nb.client import cosense

PAGE = "https://gyazo.com/0123456789abcdef0123456789abcdef"
PICTURE = "https://i.gyazo.com/0123456789abcdef0123456789abcdef.png"


def convert(text):
    return cosense.from_markdown(text, {PICTURE: f"[{PAGE}]"}).rstrip("\n")


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# One", "[**** One]"),
        ("##### Five", "[* Five]"),
        ("**bold** *italic* ~~old~~", "[* bold] [/ italic] [- old]"),
        ("**a\nb** *c<br>d*", "[* a]\n[* b] [/ c]\n[/ d]"),
        ("one\n**two**\n====", "[**** one]\n[**** two]"),
        ("***a*** **b *c* d**", "[/* a] [* b c d]"),
        ("# *a* **b**\n## **c**\n### ~~d~~", "[**** a b]\n\n[*** c]\n\n[**- d]"),
        ("## The $x^2$ *law*", "[*** The] [$ x^2 ] [*** law]"),
        ("**`a` and [ b**", "`a` [* and] `[` [* b]"),
        ("`a[0]`", "`a[0]`"),
        ("[text](https://a.b/c)", "[text https://a.b/c]"),
        ("<https://a.b/c>", "https://a.b/c"),
        ("$x^2$", "[$ x^2 ]"),
        ("$$\na\n+b\n$$", "[$ a +b ]"),
        ("```python\nx = 1\n\ny\n```", "code:python\n x = 1\n \n y"),
        ("    indented", "code:text\n indented"),
        ("- a\n  - b\n- c", " a\n  b\n c"),
        ("1. a\n2. b", " 1. a\n 2. b"),
        ("- [x] a\n- [ ] b", " ☑ a\n ☐ b"),
        ("> a", "> a"),
        ("|a|b|\n|-|-|\n|1|2|", "table:table\n a\tb\n 1\t2"),
        ("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>", "table:table\n a\n 1"),
        ("a<br>b", "a\nb"),
        (f"![alt]({PICTURE})", f"[{PAGE}]"),
        (f"[![alt]({PICTURE})]({PAGE})", f"[{PAGE}]"),
        (f'<div><img src="{PICTURE}"></div>', f"[{PAGE}]"),
        ("![alt](https://a.b/c.png)", "[https://a.b/c.png]"),
    ],
)
def test_markdown_has_a_notation(markdown, expected):
    """Each part of the Markdown of a notebook."""
    assert convert(markdown) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("a[0]", "a`[0]`"),
        ("\\[evil https://a.b \\]", "`[`evil https://a.b `]`"),
        ("[https://a.b](https://c.d)", "https://c.d"),
        ("[a](javascript:alert\\(1\\))", "a"),
        ("![a](file:///etc/passwd)", "a"),
        ("[x](https://a.b/c[d]e)", "[x https://a.b/c%5Bd%5De]"),
        ("code:evil", "\u200bcode:evil"),
        ("issue #12, C#, **#one**", "issue \u200b#12, C#, [* \u200b#one]"),
        ("\\`[a]\\`", "\u02cb`[a]`\u02cb"),
        ("$ ls", "\u200b$ ls"),
        ("\\> one", "\u200b> one"),
        ("#", ""),
        ("- ? word", " \u200b? word"),
        ("$[0, 1 ]$", "[$ [0, 1 {}] ]"),
        ("<p>table:evil</p>", "\u200btable:evil"),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_a_text_creates_no_link_and_no_block(markdown, expected):
    """Only the notation of the Markdown counts."""
    assert convert(markdown) == expected


def test_deep_lists_and_quotes_end():
    """A hostile text does not end in a RecursionError."""
    convert("> " * 500 + "a")
    convert("".join(f"{'  ' * depth}- a\n" for depth in range(200)))
    convert("*" * 3000 + "a" + "*" * 3000)


def test_many_tags_that_do_not_end_take_linear_time():
    """A notebook from elsewhere may hold such an output."""

    def duration(number):
        durations = []
        for _ in range(3):  # other processes disturb the shortest run the least
            start = time.process_time()
            cosense.from_markdown("<div>\n" + "<div " * number)
            durations.append(time.process_time() - start)
        return min(durations)

    assert duration(16_000) < 40 * duration(2000)
