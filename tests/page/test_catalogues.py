"""The page's languages: every sentence in each of them, with the same blanks and the plurals that the language has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "page" / "src"
LANGUAGES = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}, "pt": {"one", "many", "other"}}


def catalogue(language: str) -> dict[str, Any]:
    return dict(json.loads((SOURCE / "messages" / f"{language}.json").read_text(encoding="utf-8")))


def blanks(said: Any) -> list[set[str]]:
    texts = said.values() if isinstance(said, dict) else [said]
    return [set(re.findall(r"\{(\w+)\}", text)) for text in texts]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_in_every_language(language: str) -> None:
    assert set(catalogue(language)) == set(catalogue("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_that_counts_has_every_plural_of_its_language(language: str) -> None:
    english = catalogue("en")
    for key, said in catalogue(language).items():
        assert isinstance(said, dict) == isinstance(english[key], dict), key
        if isinstance(said, dict):
            assert set(said) == LANGUAGES[language], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_blanks_of_the_english_sentence(language: str) -> None:
    english = catalogue("en")
    for key, said in catalogue(language).items():
        wanted = set().union(*blanks(english[key]))
        assert all(found <= wanted for found in blanks(said)), key
        assert set().union(*blanks(said)) == wanted, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty(language: str) -> None:
    for key, said in catalogue(language).items():
        assert all(text.strip() for text in (said.values() if isinstance(said, dict) else [said])), key


def test_every_key_that_the_source_asks_for_exists() -> None:
    keys = set(catalogue("en"))
    asked = set()
    for path in [*SOURCE.rglob("*.svelte"), *SOURCE.rglob("*.ts")]:
        asked |= set(re.findall(r"\bt\(\s*'([^']+)'", path.read_text(encoding="utf-8")))
    assert asked
    assert asked <= keys, asked - keys


def test_russian_and_portuguese_are_no_copies_of_english() -> None:
    english = catalogue("en")
    same_by_right = ("unit.", "name.", "assumption.", "room.")
    for language in ("ru", "pt"):
        copies = [
            key
            for key, said in catalogue(language).items()
            if said == english[key] and not key.startswith(same_by_right)
        ]
        assert len(copies) <= 3, copies
