"""The canonical form of a hashtag, in Python and in SQL, for analyses and packages."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# invisible; not the joiners (U+200C, U+200D), which change words in some scripts
UNSEEN = "\u00ad\u200b\u2060\ufe0e\ufe0f\ufeff"
DOTTED = "i\u0307"  # the folded İ, which other tags write as i


@lru_cache(maxsize=1)
def specials() -> tuple[str, ...]:
    """The characters whose case folding differs from DuckDB's lower(): ß, İ, final sigma, ligatures ..."""
    import duckdb

    letters = [chr(code) for code in range(128, 0x20000) if not 0xD800 <= code < 0xE000]  # no case above
    changed = [letter for letter in letters if letter.casefold() != letter]
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT letter FROM (SELECT unnest($1) AS letter, unnest($2) AS folded)"
            " WHERE lower(letter) <> lower(folded)",
            [changed, [letter.casefold() for letter in changed]],
        ).fetchall()
    return tuple(letter for (letter,) in rows)


def fold(tag: str) -> str:
    """The canonical form of a hashtag: NFC, case-folded, without #, NUL and UNSEEN; a dotted I is an i.

    NFC rather than NFKC: it unifies two encodings of one character, not characters that only look alike.
    """
    seen = tag.translate(dict.fromkeys(map(ord, "\0" + UNSEEN)))
    folding = unicodedata.normalize("NFC", seen).casefold().lower().replace(DOTTED, "i")  # casefold raises Cherokee
    return unicodedata.normalize("NFC", folding).lstrip("#＃")


def folded(tag: str = "t") -> str:
    """SQL of `fold` for the hashtag *tag*: only non-ASCII and rare special letters cost more."""
    tag = f"replace({tag}, chr(0), '')"  # nfc_normalize ends at a NUL
    whole = f"nfc_normalize(translate({tag}, '{UNSEEN}', ''))"
    swapped = whole
    for letter in specials():
        swapped = f"replace({swapped}, '{letter}', '{letter.casefold()}')"
    letters = "".join(specials())
    return f"""ltrim(CASE WHEN strlen({tag}) > length({tag}) THEN nfc_normalize(replace(lower(
            CASE WHEN regexp_matches({whole}, '[{letters}]') THEN {swapped} ELSE {whole} END), '{DOTTED}', 'i'))
        ELSE lower({tag}) END, '#＃')"""
