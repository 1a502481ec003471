"""Each stage that trains a network, as small as it can be, with all that a run has to take up again: dropout, an average, accumulation."""

from functools import cache

import torch
from made_up_sound import write_takes
from miniature_corpus import write_corpus
from stage_work import work

import configs
from engine.systems import parts
from training.command import load_stages
from training.dexter.average import join
from training.dexter.task import DexterTask
from training.runs.checkpoints import BEST, save_task
from training.stages.recipe import read_recipe

SMALL = {"steps": 8, "validate_every_steps": 3, "accumulated_batches": 2, "average": 0.5, "warm_up_steps": 2}
NETWORKS = {  # name: the folder of its system's tiny recipe, and the stage there
    "velocity": ("velocity", "causal"),
    "velocity-lookahead": ("velocity", "lookahead"),
    "dexter-mean": ("dexter", "mean"),
    "dexter-denoiser": ("dexter", "denoiser"),
    "score-performer": ("score_performer", "network"),
    "performance-rnn": ("performance_rnn", "network"),
    "performance-net": ("performance_net", "piano"),
}


@cache
def _recipe(folder):
    return read_recipe(configs.FOLDER / folder / "tiny.yaml", parts("task"), load_stages)


def planned(name, **changes):
    """Return the stage called ``name`` with a small configuration, and what runs it."""
    folder, stage = NETWORKS[name]
    recipe = _recipe(folder)
    (found,) = [each for each in recipe.stages if each.name == stage]
    config = type(found.config).model_validate(found.config.model_dump() | SMALL | changes)
    return found._replace(config=config), load_stages(recipe.system)[found.kind]


def prepare(root):
    """Write what the trainings read below ``root``: a corpus, sound, and networks that others are made around."""
    write_corpus(root / "corpus")
    write_takes(root / "sound")
    torch.manual_seed(0)
    config = planned("dexter-mean")[0].config
    mean = DexterTask(config)
    for name, task in (("mean", mean), ("reader", join([mean, DexterTask(config)], []))):
        (root / name).mkdir()
        save_task(task, root / name / BEST)
    return root


def train(name, root, run_folder, **changes):
    """Train the network ``name`` on what ``prepare`` has written, in ``run_folder``; return the outcome."""
    torch.set_num_threads(1)
    stage, how = planned(name, **changes)
    reads = {role: root / role for role in ("mean", "reader", "sound") if role in how.reads}
    return how.run(stage.config, work(root / "corpus", run_folder, **reads))
