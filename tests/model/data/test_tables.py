"""Tables of labelled photographs: what they hold, and the line that is wrong in one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model.data.photographs import DataUnusable, Photograph
from model.data.tables import of_table
from tests.model.data.described import described


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str | bytes, str], list[Photograph]]:
    """Return what reads the photographs of a table with a content; the bytes of each are its key."""

    def of(content: str | bytes, name: str = "labels.csv") -> list[Photograph]:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return of_table(file, lambda key: key.encode, r"(?P<product>p\d+)_")

    return of


Table = Callable[..., list[Photograph]]


def test_a_csv_names_key_and_category_and_perhaps_split_and_product(table: Table) -> None:
    photographs = table(
        'price,key,category,split,product\n1,p1_a.jpg,T-shirt/top,train,\n2,b.jpg,Hat,,P 7\n3,"c, d.jpg",Hat,test,\n'
    )

    assert described(photographs) == [
        ("p1_a.jpg", "T-shirt/top", "train", "p1"),
        ("b.jpg", "Hat", "P 7"),
        ("c, d.jpg", "Hat", "test"),
    ]
    assert photographs[0].read() == b"p1_a.jpg"


def test_a_csv_of_a_spreadsheet_may_begin_with_a_byte_order_mark(table: Table) -> None:
    assert described(table(b"\xef\xbb\xbfkey,category\r\n\r\na.jpg,Hat\r\n")) == [("a.jpg", "Hat")]


@pytest.mark.parametrize("name", ["labels.jsonl", "labels.ndjson", "labels.JSON"])
def test_json_lines_say_the_same(table: Table, name: str) -> None:
    content = '{"key": "a.jpg", "category": "Hüte", "score": 1}\n\n{"key": "b.jpg", "category": "Hat", "split": null}\n'

    assert described(table(content, name)) == [("a.jpg", "Hüte"), ("b.jpg", "Hat")]


def test_the_same_row_again_is_one_photograph(table: Table) -> None:
    assert described(table("key,category\na.jpg,Hat\na.jpg,Hat\n")) == [("a.jpg", "Hat")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: there is no column key and no column category; the file is empty"),
        (
            "key;category\na;b\n",
            "line 1: there is no column key and no column category; the columns are 'key;category'",
        ),
        ("key,label\na,b\n", "line 1: there is no column category; the columns are 'key', 'label'"),
        ("key,category\na,Hat\nb, \n", "line 3: the category is empty"),
        ("key,category\na,Hat\nb\n", "line 3: the category is empty"),
        ("key,category\n,Hat\n", "line 2: the key is empty"),
        ("key,category\na,Hat\nb,Hat\na,Coat\n", "line 4: the category of 'a' is 'Hat' in line 2, 'Coat' here"),
        ("key,category,split\na,Hat,val\n", "line 2: the split 'val' is unknown: write train, validation or test"),
        ("key,category\na,Hat,more\n", "line 2: it has more cells than there are columns"),
        ('key,category\n"a"b,Hat\n', "line 2: it is not valid CSV"),
        ("key,category\na,Hat\nb,H\xfcte\n".encode("latin-1"), "line 3: it is not UTF-8"),
        ("key,category\na,Hat\n".encode("utf-16"), "line 1: it is not UTF-8"),
        ("key,category\n", "holds no photograph"),
        ("key,category,split\na,Hat,test\n", "has no row to train on"),
    ],
)
def test_a_csv_that_is_wrong_names_the_line(table: Table, content: str | bytes, message: str) -> None:
    with pytest.raises(DataUnusable, match=message):
        table(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"key": "a", "category": "Hat"}\n{"key": "b", "category": \n', "line 2: it is not valid JSON"),
        ('[{"key": "a", "category": "Hat"}]', "line 1: it is not an object"),
        ('{"key": "a", "category": 7}', "line 1: the category 7 is not text"),
        ('{"key": "a"}', "line 1: the category is empty"),
    ],
)
def test_json_lines_that_are_wrong_name_the_line(table: Table, content: str, message: str) -> None:
    with pytest.raises(DataUnusable, match=message):
        table(content, "labels.jsonl")


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataUnusable, match=r"labels.csv cannot be read .*: name another table"):
        of_table(tmp_path / "labels.csv", lambda key: key.encode)
