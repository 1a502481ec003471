"""Folds of a corpus: by work and by composer, on corpora that share their files."""

import csv
import json

import pytest

import configs
from engine.base.errors import UsageError
from training.datasets.asap import performance_rows
from training.datasets.folds import begin_folds, composer_of, divide, read_folds, whole_work

SIZES = {
    "Bach/Prelude/bwv_846": 1,
    "Bach/Fugue/bwv_846": 4,
    "Beethoven/Piano_Sonatas/17-1": 3,
    "Beethoven/Piano_Sonatas/17-1_no_repeat": 9,
    "Beethoven/Piano_Sonatas/17-2": 1,
    "Chopin/Etudes_op_10/1": 7,
    "Chopin/Etudes_op_10/12": 6,
    "Chopin/Sonata_2/1st_no_repeat": 2,
    "Chopin/Sonata_2/3rd": 2,
    "Liszt/Sonata": 5,
    "Schumann/Toccata": 3,
    "Schumann/Toccata_repeat": 1,
}
WORKS = {
    "Bach/bwv_846": ["Bach/Fugue/bwv_846", "Bach/Prelude/bwv_846"],
    "Beethoven/Piano_Sonatas/17": [
        "Beethoven/Piano_Sonatas/17-1",
        "Beethoven/Piano_Sonatas/17-1_no_repeat",
        "Beethoven/Piano_Sonatas/17-2",
    ],
    "Chopin/Etudes_op_10/1": ["Chopin/Etudes_op_10/1"],
    "Chopin/Etudes_op_10/12": ["Chopin/Etudes_op_10/12"],
    "Chopin/Sonata_2": ["Chopin/Sonata_2/1st_no_repeat", "Chopin/Sonata_2/3rd"],
    "Liszt/Sonata": ["Liszt/Sonata"],
    "Schumann/Toccata": ["Schumann/Toccata", "Schumann/Toccata_repeat"],
}


@pytest.fixture
def corpus(tmp_path):
    """All pieces above, the first half of them for training, and one more of neither split."""
    root = tmp_path / "asap"
    root.mkdir()
    pieces = list(SIZES)
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["folder", "robust_note_alignment"])
        writer.writerows((piece, "1.0") for piece, size in [*SIZES.items(), ("Ravel/Pavane", 3)] for _ in range(size))
    (root / "splits.json").write_text(json.dumps({"train": pieces[:6], "validation": pieces[6:]}))
    (root / "Bach").mkdir()
    (root / "Bach" / "notes.txt").write_text("read through a link")
    return root


def test_a_work_is_all_its_movements_and_versions():
    assert {piece: whole_work(piece) for piece in SIZES} == {piece: work for work, pieces in WORKS.items() for piece in pieces}
    assert whole_work("Beethoven/Piano_Sonatas/24-1_no_2_repeat") == "Beethoven/Piano_Sonatas/24"
    assert whole_work("Beethoven/Piano_Sonatas/9-2_no_trio") == whole_work("Beethoven/Piano_Sonatas/9-1")
    assert whole_work("Scriabin/Sonatas/5") == "Scriabin/Sonatas/5"


@pytest.mark.parametrize(("by", "kept_together"), [("work", whole_work), ("composer", composer_of)])
def test_what_is_kept_together_is_on_one_side_of_every_fold(corpus, by, kept_together):
    folds = divide(corpus, by)
    assert len(folds) == 5
    for pieces in folds:
        assert all(pieces.values()) and sorted(piece for split in pieces.values() for piece in split) == sorted(SIZES)
        sides = [{whole_work(piece) for piece in split} for split in pieces.values()]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
        held_out = {kept_together(piece) for piece in pieces["held_out"]}
        assert not held_out & {kept_together(piece) for piece in (*pieces["train"], *pieces["validation"])}
    assert sorted(piece for pieces in folds for piece in pieces["held_out"]) == sorted(SIZES)  # each once, and no test piece


def test_folds_are_as_large_as_each_other_and_the_same_every_time(corpus):
    """By hand: performances are 13, 7, 6, 5, 5, 4, 4, with the pieces 16, 8, 7, 7, 6, 6, 6; each goes to the fold that has the fewest, the
    first of equal ones.
    """
    folds = divide(corpus, "work")
    held_out = [sorted({whole_work(piece) for piece in pieces["held_out"]}) for pieces in folds]
    assert held_out == [
        ["Beethoven/Piano_Sonatas/17"],
        ["Chopin/Etudes_op_10/1"],
        ["Chopin/Etudes_op_10/12", "Schumann/Toccata"],
        ["Bach/bwv_846"],
        ["Chopin/Sonata_2", "Liszt/Sonata"],
    ]
    rows = (corpus / "metadata.csv").read_text().splitlines()
    (corpus / "metadata.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]) + "\n")
    assert divide(corpus, "work") == folds


def test_the_corpus_of_a_fold_is_the_corpus_with_other_splits(corpus, tmp_path):
    begun = begin_folds(corpus, tmp_path / "folds", "work", tmp_path / "recipe.yaml")
    assert begun == read_folds(tmp_path / "folds") and [fold.number for fold in begun.folds] == [1, 2, 3, 4, 5]
    for fold, pieces in zip(begun.folds, divide(corpus, "work"), strict=True):
        for split in ("train", "validation", "held_out"):
            assert sorted({row["folder"] for row in performance_rows(fold.corpus, split)}) == pieces[split]
        assert (fold.corpus / "Bach" / "notes.txt").read_text() == "read through a link"
    again = begin_folds(corpus, tmp_path / "folds", "work", tmp_path / "another.yaml")
    assert again.folds == begun.folds and read_folds(tmp_path / "folds").recipe == tmp_path / "another.yaml"


def test_a_corpus_that_moved_is_linked_again(corpus, tmp_path):
    begin_folds(corpus, tmp_path / "folds", "work", tmp_path / "recipe.yaml")
    moved = corpus.rename(tmp_path / "moved")
    (fold, *_) = begin_folds(moved, tmp_path / "folds", "work", tmp_path / "recipe.yaml").folds
    assert (fold.corpus / "Bach" / "notes.txt").exists()


def test_folds_of_other_pieces_or_of_another_kind_are_refused(corpus, tmp_path):
    begin_folds(corpus, tmp_path / "folds", "work", tmp_path / "recipe.yaml")
    with pytest.raises(UsageError, match=r"its folds are by work; give another folder, or --folds work$"):
        begin_folds(corpus, tmp_path / "folds", "composer", tmp_path / "recipe.yaml")
    (corpus / "splits.json").write_text(json.dumps({"train": list(SIZES)[:6], "validation": list(SIZES)[6:-1]}))
    with pytest.raises(UsageError, match=r"other pieces than .* gives; give another folder for the folds$"):
        begin_folds(corpus, tmp_path / "folds", "work", tmp_path / "recipe.yaml")
    with pytest.raises(UsageError, match=r"no folds are there \(folds.json\); make them with perf-train --folds$"):
        read_folds(tmp_path / "elsewhere")


def test_a_corpus_of_two_works_cannot_be_divided(corpus):
    (corpus / "splits.json").write_text(json.dumps({"train": ["Liszt/Sonata"], "validation": ["Schumann/Toccata"]}))
    with pytest.raises(UsageError, match="has 2 of them; give a corpus of 3 works by two composers"):
        divide(corpus, "work")


def test_no_work_of_the_list_that_ships_is_in_two_folds(tmp_path):
    """The whole (n)ASAP list, a performance a piece: its 214 pieces are of 129 works."""
    pieces = [piece for split in json.loads((configs.FOLDER / "splits.json").read_text()).values() for piece in split]
    (tmp_path / "metadata.csv").write_text("folder,robust_note_alignment\n" + "".join(f"{piece},1.0\n" for piece in pieces))
    folds = [{whole_work(piece) for piece in each["held_out"]} for each in divide(tmp_path, "work")]
    assert sum(map(len, folds)) == len(set.union(*folds)) == 129 and sum(len(each["held_out"]) for each in divide(tmp_path, "work")) == 214
