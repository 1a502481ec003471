"""Performance directions by note, and classifiers that tell styles apart by them."""

import numpy as np
import pytest
import torch
from score_performer_pieces import made_up_score

from engine.score.tables import Score, Word
from engine.score.tempo import TEMPO_WORDS
from models.score_performer.classifiers import StyleClassifiers, balanced_weights
from training.score_performer.classifiers import LabelledStyles, fit, judge, too_few
from training.score_performer.directions import DIRECTIONS, TEMPO_CLASSES, direction_labels, tempo_class

NAMES = [direction.name for direction in DIRECTIONS]


def labels_of(score, name):
    return direction_labels(score)[:, NAMES.index(name)]


def named(name, label):
    return DIRECTIONS[NAMES.index(name)].classes[label - 1]


def test_markings_are_labels():
    score = made_up_score(20)
    marks = score.markings
    marks["dynamic"][5:] = 6
    marks["hairpin"][3], marks["hairpin"][4] = 1, -1
    marks["sudden_accent"][1], marks["accent"][[1, 2]], marks["marcato"][3] = True, True, True
    marks["tempo_change"][7], marks["tempo_change"][8] = 1, -1
    marks["arpeggio"][9], marks["fermata"][10], marks["staccatissimo"][11], marks["tenuto"][12] = -1, True, True, True
    found = direction_labels(score)
    assert found.shape == (20, 9) and found.dtype == np.int64
    assert named("dynamic", labels_of(score, "dynamic")[6]) == "f" and labels_of(score, "dynamic")[0] == 0
    assert [named("hairpin", label) for label in labels_of(score, "hairpin")[3:5]] == ["crescendo", "diminuendo"]
    assert [named("accent", label) for label in labels_of(score, "accent")[1:4]] == ["sforzando", "accent", "marcato"]
    assert [named("relative tempo", label) for label in labels_of(score, "relative tempo")[7:9]] == ["accelerando", "ritardando"]
    for name, note in (("arpeggio", 9), ("fermata", 10), ("staccato", 11), ("tenuto", 12)):
        assert np.flatnonzero(labels_of(score, name)).tolist() == [note]


def test_a_tempo_word_holds_until_the_next_that_is_known():
    score = made_up_score(60)
    said = ((6.0, "Mit Humor", "tempo"), (8.0, "Adagio molto", "tempo"), (2.0, "Più Allegro", "tempo"), (9.0, "presto", "other"))
    words = tuple(Word(*each) for each in said)
    score = Score(score.notes, score.measures, score.time_signatures, score.tempos, score.markings, True, words)
    onsets, found = score.notes["onset_quarter"], labels_of(score, "tempo")
    assert (found[onsets < 2] == 0).all()
    assert {named("tempo", label) for label in found[(onsets >= 2) & (onsets < 8)]} == {"allegro"}
    assert {named("tempo", label) for label in found[onsets >= 8]} == {"adagio"}


@pytest.mark.parametrize(("text", "name"), [("Sehr schnell", "allegro"), ("Très LENT.", "adagio"), ("Larghetto", "larghetto")])
def test_tempo_words_of_other_languages(text, name):
    assert named("tempo", tempo_class(text)) == name
    assert tempo_class("dolce") == 0


def test_each_tempo_class_is_of_its_own_word():
    assert len(TEMPO_CLASSES) == len(TEMPO_WORDS)
    assert [tempo_class(name) for name in TEMPO_CLASSES] == list(range(1, len(TEMPO_CLASSES) + 1))


def test_rare_classes_weigh_more():
    weights = balanced_weights(torch.tensor([10**6, 1000, 10, 0]))
    assert weights[3] == 0 and weights[:3].mean() == pytest.approx(1)
    assert weights[0] < weights[1] < weights[2]
    assert weights[1] / weights[0] == pytest.approx(100, rel=0.01)  # more than 1 / (1 - BETA) examples are no more than those
    assert weights[2] / weights[1] == pytest.approx(1000 / 10, rel=0.01)


def examples(count, seed=0):
    """Styles of which one direction can be told, and of the others nothing."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.stack([torch.randint(1 + len(direction.classes), (count,), generator=generator) for direction in DIRECTIONS], -1)
    styles = torch.randn(count, 64, generator=generator)
    styles[:, :3] += 4 * torch.nn.functional.one_hot(labels[:, NAMES.index("hairpin")], 3)
    return LabelledStyles(styles, labels, torch.arange(count) % 5)


def test_what_can_be_told_is_told_and_nothing_else():
    figures = judge(fit(examples(4000)), examples(2000, seed=1))
    assert figures["hairpin"].accuracy > 0.95 and figures["hairpin"].balanced > 0.95
    assert figures["hairpin"].prior == pytest.approx(1 / 3, abs=0.03) and sum(figures["hairpin"].notes) == 2000
    assert figures["fermata"].accuracy == pytest.approx(0.5, abs=0.05)
    assert figures["tempo"].balanced == pytest.approx(1 / 12, abs=0.04)


def test_guessing_without_looking_has_the_chance_of_the_classes_that_occur():
    classifiers = StyleClassifiers(64, [len(direction.classes) for direction in DIRECTIONS]).eval()
    with torch.no_grad():
        for head in classifiers.heads:
            head.weight.zero_()
            head.bias.zero_()[1] = 1.0
    figures = judge(classifiers, examples(1000))
    assert figures["hairpin"].balanced == pytest.approx(1 / 3) and figures["tempo"].balanced == pytest.approx(1 / 12)
    assert figures["fermata"].accuracy == pytest.approx(figures["fermata"].notes[1] / 1000)


def test_classes_with_too_few_examples_are_named():
    few = examples(2000)
    few.labels[:, NAMES.index("hairpin")] = 0
    few.labels[:50, NAMES.index("hairpin")] = 2
    few.labels[50:350:5, NAMES.index("hairpin")] = 1
    figures = judge(StyleClassifiers(64, [len(direction.classes) for direction in DIRECTIONS]).eval(), few)
    assert too_few(figures["hairpin"], NAMES.index("hairpin")) == ["crescendo", "diminuendo"]
    few.labels[:1200, NAMES.index("hairpin")] = 2
    figures = judge(StyleClassifiers(64, [len(direction.classes) for direction in DIRECTIONS]).eval(), few)
    assert too_few(figures["hairpin"], NAMES.index("hairpin")) == ["crescendo"]
    few.pieces[:1200] = 7
    figures = judge(StyleClassifiers(64, [len(direction.classes) for direction in DIRECTIONS]).eval(), few)
    assert figures["hairpin"].notes[2] == 1200 and figures["hairpin"].prior == 0.6
    assert too_few(figures["hairpin"], NAMES.index("hairpin")) == ["crescendo", "diminuendo"]
