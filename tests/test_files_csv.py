"""CSV as strangers save it: whatever the encoding, delimiter and line end, the same rows; what is lost is counted."""

import io
import re
import zipfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import files
from collectors.parsing.cells import fault, rounded, rounded_column
from collectors.parsing.coerce import day
from storage import csvfile
from storage.errors import UserError
from storage.linking.decisions import decisions
from storage.records import Connection, Position, Profile, Quarantine
from tests.conftest import examples
from tests.importing import of, read

REAL = Path(__file__).parents[2] / "shared" / "real"
PEOPLE = [
    ("Jörg Müller", "Ministerie van Economische Zaken"),
    ("Ayse Ipek", "Ministerie van Financiën"),
    ("François Lefèvre", "Rijksdienst, afdeling 1"),
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "mac_roman", "cp850"]


def table_of(encoding: str, delimiter: str, end: str, above: str = "") -> bytes:
    def quoted(cell: str) -> str:
        return f'"{cell}"' if delimiter in cell else cell

    lines = [delimiter.join(map(quoted, row)) for row in [("name", "employer"), *PEOPLE]]
    return end.join([*above.splitlines(), *lines, ""]).encode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_says_the_same_however_it_was_saved(tmp_path: Path, encoding: str, delimiter: str, end: str) -> None:
    for number, above in enumerate(("", "\n\n", f"sep={delimiter}\n", "Uitvoer van 3 maart\n\n")):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(table_of(encoding, delimiter, end, above))
        found = read("table", path)
        assert [one.name for one in of(found, Profile)] == [name for name, _ in PEOPLE]
        assert [one.employer for one in of(found, Position)] == [employer for _, employer in PEOPLE]
        assert not of(found, Quarantine)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1251", "Иванов Пётр"), ("gb18030", "王小明"), ("cp932", "田中太郎"), ("cp1250", "Łukasz Wałęsa")],
)
def test_names_of_other_alphabets_are_read(tmp_path: Path, encoding: str, name: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"name;employer\n{name};Acme\n".encode(encoding))
    assert [one.name for one in of(read("table", path), Profile)] == [name]


def test_the_whole_file_counts_and_not_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name;employer\n" + b"Ann Een;Acme\n" * 200_000 + "Jörg Müller;Financiën\n".encode("cp1252"))
    last = csvfile.table(lambda: path.open("rb"), "a.csv")
    assert last.encoding == "cp1252"
    *_, row = last.rows
    assert row.cells == ["Jörg Müller", "Financiën"]


def test_two_encodings_in_one_file_and_a_damaged_byte(tmp_path: Path) -> None:
    mixed = "name\nFinanciën één\nPaleis café\n".encode() + "Zoë\n".encode("cp1252") + b"caf\xc3\xa9 \xff kr\xc3\xa9\n"
    _, found = csvfile.lines(lambda: io.BytesIO(mixed), "a.csv")
    assert list(found) == ["name", "Financiën één", "Paleis café", "Zoë", "café \ufffd kré"]
    path = tmp_path / "a.csv"
    path.write_bytes(mixed)
    (quarantined,) = of(read("table", path), Quarantine)
    assert (quarantined.place, quarantined.reason) == ("a.csv:5", "name: a character was lost (U+FFFD)")


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufeff\ufffd")), min_size=2, max_size=2)
    ),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
)
@settings(max_examples=examples(100))
def test_what_csv_writes_is_read_cell_for_cell(cells: list[list[str]], delimiter: str, encoding: str) -> None:
    import csv

    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["first", "second"], *cells])
    raw = text.getvalue().encode(encoding)
    found = csvfile.table(lambda: io.BytesIO(raw), "a.csv", header=lambda names: names == ["first", "second"])

    def plain(cell: str) -> str:
        return cell.replace("\r\n", "\n").replace("\r", "\n")

    rows = list(found.rows)
    assert [row.cells for row in rows if any(map(str.strip, row.cells))] == [
        list(map(plain, row)) for row in cells if any(map(str.strip, row))
    ]
    assert not any(row.wrong for row in rows)


@given(st.binary(max_size=3000))
@settings(max_examples=examples(100))
def test_no_bytes_break_the_reader_and_each_line_is_in_one_row(data: bytes) -> None:
    found = csvfile.table(lambda: io.BytesIO(data), "a.csv")
    below = list(found.rows)
    assert [row.line for row in below] == sorted({row.line for row in below})


def test_an_encoding_that_is_named_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name\n" + b"Ann Een\n" * 300_000 + "José\n".encode("cp1252"))
    with pytest.raises(UserError, match=r"a\.csv:300002: not utf-8"):
        files.targets("table", [path], {"encoding": "utf-8"})
    with pytest.raises(UserError, match="unknown encoding latijn"):
        files.targets("table", [path], {"encoding": "latijn"})
    path.write_bytes("name\nJosé\n".encode("utf-16"))
    assert [one.name for one in of(read("table", path, encoding="utf-16"), Profile)] == ["José"]


# ---- LinkedIn -------------------------------------------------------------------------------------------------

HEADERS = {
    "en": "First Name,Last Name,URL,Email Address,Company,Position,Connected On",
    "nl": "Voornaam,Achternaam,URL,E-mailadres,Bedrijf,Functie,Verbonden op",
    "de": "Vorname,Nachname,URL,E-Mail-Adresse,Unternehmen,Position,Verbunden am",
    "fr": "Prénom,Nom,URL,Adresse e-mail,Entreprise,Poste,Date de connexion",
    "es": "Nombre,Apellidos,URL,Correo electrónico,Empresa,Cargo,Conectado el",
}
DATES = {
    "en": "15 Mar 2024",
    "nl": "15 mrt. 2024",
    "de": "15. März 2024",
    "fr": "15 mars 2024",
    "es": "15 de marzo de 2024",
}


@pytest.mark.parametrize("language", HEADERS)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_an_export_in_any_language_and_encoding(tmp_path: Path, language: str, encoding: str, delimiter: str) -> None:
    row = f"Jörg,Müller,https://www.linkedin.com/in/jorg-test,j@example.org,Financiën,Adviseur,{DATES[language]}"
    body = f"Notes:\n\n{HEADERS[language]}\n{row}\n".replace(",", delimiter).encode(encoding)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("Connections.csv", body)
    found = read("linkedin", tmp_path / "a.zip")
    assert [one.name for one in of(found, Profile) if one.name] == ["Jörg Müller"]
    assert [(one.employer, one.title) for one in of(found, Position)] == [("Financiën", "Adviseur")]
    assert [one.connected_on for one in of(found, Connection)] == ["2024-03-15"]
    assert not of(found, Quarantine)


def test_a_language_that_is_not_known_is_refused_with_the_headers_found(tmp_path: Path) -> None:
    path = tmp_path / "Connections.csv"
    path.write_text("Imię;Nazwisko;URL;Firma\nJan;Testowy;;Acme\n")
    with pytest.raises(UserError, match="line 1 has Imię, Nazwisko, URL, Firma; rename the columns"):
        files.targets("linkedin", [path], {})


def test_the_case_of_the_fault_report(cases: Path) -> None:
    found = read("linkedin", cases / "05-linkedin-encoding" / "cp1252" / "Connections.csv")
    assert {one.name for one in of(found, Profile) if one.name} == {"Jörg Müller", "Ayse Ipek"}
    assert "Ministerie van Financiën" in {one.employer for one in of(found, Position)}


def test_dates_of_five_languages() -> None:
    for text in (
        "3 dez. 2020",
        "3 déc. 2020",
        "3 dic 2020",
        "03 dec. 2020",
        "3. Dezember 2020",
        "3 de diciembre de 2020",
    ):
        assert day(text) == "2020-12-03", text
    assert [day("août 2019"), day("juin 2019"), day("juillet 2019"), day("mei 2019")] == [
        "2019-08", "2019-06", "2019-07", "2019-05",
    ]  # fmt: skip
    assert [day("Foo 2019"), day("gisteren"), day("15 2019"), day("")] == ["Foo 2019", "gisteren", "15 2019", None]


# ---- what a spreadsheet spoils --------------------------------------------------------------------------------


def test_rounded_ids_make_no_person(cases: Path, tmp_path: Path) -> None:
    found = read("table", cases / "07-rounded-ids" / "sciid.csv")
    assert not of(found, Profile)
    assert [one.place for one in of(found, Quarantine)] == ["sciid.csv:2", "sciid.csv:3"]
    path = tmp_path / "ids.csv"
    path.write_text(
        "profile_id,name,employer\n1234567890123456789,Ann Een,Acme\n1.23457E+18,Bob Twee,Acme\n"
        "1234567890123456768.0,Cor Drie,Acme\n12345.0,Dee Vier,#N/B\n1e+18,Eva Vijf,Acme\n42,#NAAM?,Acme\n"
        "43,Fay Zes,NA\n"
    )
    found = read("table", path)
    assert [one.profile_id for one in of(found, Profile)] == ["1234567890123456789", "12345", "42", "43"]
    assert [one.name for one in of(found, Profile)] == ["Ann Een", "Dee Vier", None, "Fay Zes"]
    assert {one.employer for one in of(found, Position)} == {"Acme"}
    assert [one.place for one in of(found, Quarantine)] == [
        "ids.csv:3",
        "ids.csv:4",
        "ids.csv:5",
        "ids.csv:6",
        "ids.csv:7",
    ]


def test_a_column_whose_ids_were_all_rounded_is_known_by_its_zeros(tmp_path: Path) -> None:
    real = [1234567890123456789 + 98765432109876 * n for n in range(200)]
    assert not rounded_column(map(str, real))
    for lose in (lambda n: n // 1000 * 1000 if len(str(n)) < 19 else n // 10000 * 10000, lambda n: int(float(n))):
        assert rounded_column(str(lose(n)) for n in real)
        path = tmp_path / "ids.csv"
        path.write_text("profile_id,name\n" + "".join(f"{lose(n)},A {n}\n" for n in real))
        found = read("table", path)
        assert not of(found, Profile)
        assert len(of(found, Quarantine)) == 200
    assert not rounded_column([])
    assert not rounded_column(["12000000000", "100"])


def test_exact_ids_that_a_float_could_hold_are_not_taken_for_rounded_ones() -> None:
    assert not any(rounded_column([str(1234567890123450000 - 10 * n)]) for n in range(1000))  # one alone is no proof
    assert not rounded_column(["1149409218000625664"] * 100)  # one author of many posts
    random = Random(1)
    for year, idle in ((2, 0.76), (6, 0.76), (13, 0.5)):  # how many in X's own answers number the first in their moment
        ids = [(random.randrange(year * 10**10, (year + 3) * 10**10) << 22) + (random.randrange(1024) << 12)
               + (random.random() > idle) * random.randrange(1, 4) for _ in range(1000)]  # fmt: skip
        for size in (2, 3, 10, 100, 1000):
            assert not rounded_column(map(str, ids[:size]))
        assert rounded_column(str(int(float(one))) for one in ids)


@pytest.mark.parametrize(
    "file",
    ["fivethirtyeight_twitter_ratio/BarackObama.csv", "us_congress_sample_v1_1/sample-tweets-500.jsonl",
     "rtweet_v1_1/get_followers.json", "academictwitteR_reuters/data_1219780709600124929.json"],
)  # fmt: skip
def test_the_ids_of_public_data_sets_of_x_are_exact(file: str) -> None:
    path = REAL / "x" / file
    if not path.exists():
        pytest.skip("no recorded answers beside this checkout")
    ids = {one.decode() for one in re.findall(rb"(?<!\d)[1-9]\d{16,18}(?!\d)", path.read_bytes())}
    assert len(ids) > 900
    assert not rounded_column(ids)
    assert rounded_column(str(int(float(one))) for one in ids)


def test_a_stray_nul_makes_no_other_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"profile_id,name,employer\n1,A\0nn,B\n")
    assert [one.name for one in of(read("table", tmp_path / "a.csv"), Profile)] == ["Ann"]


ERRORS = """
#N/A #REF! #NAME? #DIV/0! #VALUE! #NUM! #NULL! #SPILL! #N/B #VERW! #NAAM? #DEEL/0! #WAARDE! #GETAL! #LEEG! #NV
#BEZUG! #WERT! #ZAHL! #NOM? #VALEUR! #NOMBRE! #NUL! #¡REF! #¿NOMBRE? #¡DIV/0! #¡VALOR! #N/D #RIF! #NOME? #ARG!
#SAYI/0! #ПУСТО! #Н/Д ##### Err:502 #n/a
"""


@pytest.mark.parametrize("cell", ERRORS.split())
def test_errors_of_spreadsheets_in_their_languages_are_no_values(cell: str) -> None:
    assert fault(cell)


@pytest.mark.parametrize(
    "cell", ["#1", "Müller", "#metoo", "C#", "N. A. Groot", "Na", "!", "#Overheid!", "Err:", "Err: Bob"]
)
def test_what_people_write_is_a_value(cell: str) -> None:
    assert not fault(cell)
    assert not rounded(cell)


# ---- files of the study ---------------------------------------------------------------------------------------


def test_decisions_are_read_as_a_spreadsheet_saves_them(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    rows = (
        "decided_at;profile_id;platform;account;decision;decided_by;note\n"
        "2013-02-23T12:00:00Z;https://example.org/in/test;x;@Test;accepted;Zoë;gelijk aan Financiën\n"
    )
    for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        path.write_bytes(rows.replace("\n", "\r\n").encode(encoding))
        (one,) = decisions(path)
        assert (one.account, one.decided_by, one.note) == ("Test", "Zoë", "gelijk aan Financiën")
    path.write_text(rows + "2013;a;b\n")
    with pytest.raises(UserError, match="line 3: 3 cells where 7 are expected"):
        decisions(path)
