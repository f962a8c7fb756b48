"""A file of a shop's own categories is read as it was meant, or refused with its line and what to do."""

from pathlib import Path

import pytest

from model.decisions.categories import FASHION_MNIST, plain
from model.decisions.category_mapping import CategoryMapping
from model.decisions.taxonomy import Taxonomy, TaxonomyWrong
from tests.model.taxonomies import CLOTHES, KNOWN, SAMPLE, clothes, written

HEAD = "category,parent,synonyms,title_en\n"
OWN_TEN = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")


def test_a_category_is_found_by_its_name_and_its_synonyms_whatever_their_case_and_signs(tmp_path: Path) -> None:
    shop = clothes(tmp_path)

    resolved = [shop.resolve(name) for name in ("TEE", "t-shirt top", "Sneaker", "Khanga", "hat", "Viatu")]

    assert resolved == ["tee", "tee", "shoes", "kanga", None, None]


def test_what_is_above_is_told_from_the_nearest_up(tmp_path: Path) -> None:
    shop = Taxonomy.read(written(tmp_path, CLOTHES + "boots,Shoes,,,,\n"))

    assert shop.above("boots") == ("shoes", "footwear")
    assert shop.above("kanga") == ()


@pytest.mark.parametrize(
    ("name", "language", "title"),
    [
        ("tee", "sw", "Fulana"),
        ("tee", "SW-TZ", "Fulana"),
        ("shirt", "de-CH", "Hemd"),
        ("Sneaker", "sw", "Viatu"),
        ("tee", "de-CH", "tee"),
        ("footwear", "sw", "footwear"),
        ("a word of a person", "sw", "a word of a person"),
    ],
)
def test_a_title_is_the_nearest_that_there_is(tmp_path: Path, name: str, language: str, title: str) -> None:
    assert clothes(tmp_path).title(name, language) == title


def test_a_language_is_spoken_if_it_or_a_wider_one_has_titles(tmp_path: Path) -> None:
    shop = clothes(tmp_path)

    assert shop.languages == ("en", "sw", "de-ch")
    assert [shop.speaks(tag) for tag in ("en-KE", "sw", "de-CH-1996", "de", "fr")] == [True, True, True, False, False]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_spreadsheets_leave_in_a_file_is_no_harm(tmp_path: Path, encoding: str) -> None:
    text = 'Category,Parent,Synonyms,Title_EN\r\n tops ,,,"Tops, and jackets"\r\n,,,\r\n\r\nfulana,tops, Tee ;; ,\r\n'

    shop = Taxonomy.read(written(tmp_path, text, encoding))

    assert [(category.name, category.parent, category.synonyms) for category in shop.categories] == [
        ("tops", None, ()),
        ("fulana", "tops", ("Tee",)),
    ]
    assert shop.title("tops", "en") == "Tops, and jackets"


def test_a_synonym_may_repeat_its_own_category(tmp_path: Path) -> None:
    shop = Taxonomy.read(written(tmp_path, HEAD + "t-shirt,,T-Shirt; tshirt,\n"))

    assert shop.resolve("T SHIRT") == "t-shirt"


def test_accents_and_vowel_marks_make_another_name_however_they_are_typed() -> None:
    assert plain("Schürze") == plain("Schu\u0308rze") != plain("Schurze")
    assert plain("दल") != plain("दाल")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"holds no category: write a line with category, parent, synonyms"),
        (HEAD, r"holds no category"),
        ("category,parent\nhat,\n", r"line 1: no column synonyms: there must be category, parent, synonyms$"),
        ("category;parent;synonyms\nhat;;\n", r"line 1: no column .*; commas separate columns"),
        ("category,parent,synonyms,synonym\nhat,,,\n", r"line 1: unknown column 'synonym'"),
        ("category,parent,synonyms,title_de_CH\nhat,,,\n", r"line 1: unknown column 'title_de_ch'"),
        ("category,parent,synonyms,parent\nhat,,,\n", r"line 1: the column parent is there twice"),
        (HEAD + "hat,,,Hats, caps\n", r"line 2: 5 values for 4 columns: put what holds commas between quotes"),
        (HEAD + "hat,,\n", r"line 2: 3 values for 4 columns"),
        (HEAD + 'hat,,,"Hats\n', r"line \d: no CSV \(.*\): close what a quotation mark opens"),
        (HEAD + "hat,,,\n,hat,,Caps\n", r"line 3: '' is no name: write one with letters or digits"),
        (HEAD + "hat,,cap; -,\n", r"line 2: '-' is no name"),
        (HEAD + "t-shirt,,,\n\nT Shirt,,,\n", r"line 4: 'T Shirt' is 't-shirt' of line 2 again: keep one row"),
        (HEAD + "hat,,beanie,\ncap,,Beanie,\n", r"line 3: 'Beanie' stands for 'hat' of line 2 already"),
        (HEAD + "hat,,Cap,\ncap,,,\n", r"line 2: 'Cap' stands for 'cap' of line 3 already"),
        (HEAD + "hat,accesories,,\naccessories,,,\n", r"line 2: the parent 'accesories' .*: write accessories$"),
        (HEAD + "hat,xyz,,\n", r"line 2: the parent 'xyz' is no category of this file: correct it, or give it a row"),
        (HEAD + "hat,Hat,,\n", r"line 2: parents go round in a circle \(hat -> hat\): leave one parent empty"),
        (HEAD + "x,a,,\na,b,,\nb,c,,\nc,a,,\n", r"circle \(a -> b -> c -> a\)"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(TaxonomyWrong, match=told) as refused:
        Taxonomy.read(path)

    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyWrong, match='line 3: not UTF-8: save the file anew as "CSV UTF-8"'):
        Taxonomy.read(written(tmp_path, HEAD + "hat,,,Hut\nskirt,,,Röcke\n", "latin-1"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyWrong, match=r"no\.csv cannot be read"):
        Taxonomy.read(tmp_path / "no.csv")


def test_categories_without_a_place_are_all_named_with_what_may_be_meant(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyWrong, match=r"'Shirts' \(a synonym of shirt or tee\?\), 'Bag', which the bundle gives"):
        CategoryMapping.from_taxonomy(clothes(tmp_path), (*KNOWN, "Shirts", "Bag"))


@pytest.mark.parametrize("categories", [FASHION_MNIST, OWN_TEN])
def test_the_sample_has_a_place_for_the_shipped_bundle_and_for_the_photographs(categories: tuple[str, ...]) -> None:
    shop = Taxonomy.read(SAMPLE)

    placed = CategoryMapping.from_taxonomy(shop, categories)

    assert set(shop.languages) == {"en", "sw", "de"}
    assert all(set(category.titles) == set(shop.languages) for category in shop.categories)
    assert {category.parent for category in shop.categories if category.name in ("kitenge", "kanga", "kikoi")} == {
        "wrapper cloth"
    }
    assert not {placed.names[index] for index in placed.leaves} & {category.parent for category in shop.categories}
