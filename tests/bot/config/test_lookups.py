"""Tables in CSV files, as people and spreadsheets write them."""

from pathlib import Path

import pytest

from tests.bot.config.town import SOUND, faults, read

SECTION = """\
lookups:
  hosts:
    label: instance
    csv: hosts.csv
    column: host
    labels: {owner: team}
    annotations: {rack: where}
"""


@pytest.mark.parametrize(("text", "found"), [
    pytest.param("host,team,where\nweb-1,shop,r7\n", {"web-1": ("shop", "r7")}, id="plain"),
    pytest.param("\ufeffhost,team,where\r\nweb-1,shop,r7\r\n", {"web-1": ("shop", "r7")},
                 id="of-a-spreadsheet"),
    pytest.param('host,team,where\nweb-1,"a, b",\n', {"web-1": ("a, b", "")}, id="quoted"),
    pytest.param("where,x,team,host\nr7,1,shop, web-1 \n,,,\n", {"web-1": ("shop", "r7")},
                 id="in-any-order"),
    pytest.param("host,team,where\nweb-1\n", {"web-1": ("", "")}, id="a-short-line"),
])  # fmt: skip
def test_what_a_file_says(tmp_path: Path, text: str, found: dict[str, tuple[str, str]]) -> None:
    (tmp_path / "hosts.csv").write_text(text, newline="")
    lookup = read(tmp_path, SOUND + SECTION).lookups["hosts"].built("hosts")
    assert {
        value: (row.labels.get("owner", ""), row.annotations.get("rack", ""))
        for value, row in lookup.rows.items()
    } == found


@pytest.mark.parametrize(("text", "sentence"), [
    pytest.param("host,owner,where\n", "has no column 'team'; it has host, owner, where",
                 id="another-column"),
    pytest.param("", "has no column 'host'; it has ", id="nothing"),
    pytest.param("host,team,where\na,b,c\na,d,e\n", "line 3: 'a' stands there twice", id="twice"),
    pytest.param('host,team,where\n"a,b,c\n', "cannot be read: unexpected end of data",
                 id="an-open-quote"),
    pytest.param("host,team,where\n\udcff,b,c\n", "cannot be read: 'utf-8' codec", id="no-utf-8"),
])  # fmt: skip
def test_what_is_wrong_with_it(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "hosts.csv").write_text(text, errors="surrogateescape")
    [fault] = faults(tmp_path, SOUND + SECTION)
    assert "lookups.hosts: csv: " in fault
    assert sentence in fault
